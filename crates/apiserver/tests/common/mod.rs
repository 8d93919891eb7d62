//! A server over a simulated disk, a clock that stands still, and counted randomness.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use apiserver::{ApiServer, Config, Durability, User};
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::{Api, Client};
use meta::Timestamp;
use meta::host::{Clock, Host, Random};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::{Options, SimDisk, Store};

/// 2026-11-24T06:00:00Z.
pub const NOW: i64 = 1_795_500_000;

/// A clock that tests move by hand.
pub struct Still(pub AtomicI64);
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

/// Every byte differs from the last.
struct Counted(AtomicU8);
impl Random for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub fn host() -> Host {
    host_at(Arc::new(Still(AtomicI64::new(NOW))))
}

pub fn host_at(clock: Arc<Still>) -> Host {
    Host {
        clock,
        random: Arc::new(Counted(AtomicU8::new(0))),
    }
}

pub async fn server() -> ApiServer {
    server_at(host()).await
}

pub async fn server_at(host: Host) -> ApiServer {
    // `PLIMSOLL_SHAPES` names a folder: what is asked for is recorded there (see the test `differential`).
    let folder = std::env::var_os("PLIMSOLL_SHAPES");
    let witness = folder.map(|folder| apiserver::record_shapes(folder.as_ref()).unwrap());
    server_with(Config {
        witness,
        ..Config::new(host)
    })
    .await
}

pub async fn server_with(config: Config) -> ApiServer {
    let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
    ApiServer::new(store, config).await.unwrap()
}

pub fn client(server: &ApiServer) -> Client {
    client_as(server, User::admin("admin"))
}

pub fn client_as(server: &ApiServer, user: User) -> Client {
    Client::new(server.client_service(user, Durability::Appended), "default")
}

pub fn from<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub fn pod(name: &str) -> Pod {
    from(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "a"}},
        "spec": {"containers": [{"name": "main", "image": "alpine:3", "command": ["true"]}]}}),
    )
}

pub async fn pods() -> (ApiServer, Api<Pod>) {
    let server = server().await;
    let pods = Api::default_namespaced(client(&server));
    (server, pods)
}

/// The code and the message of a refusal.
pub fn refusal<T>(result: kinds::kube::Result<T>) -> (u16, String) {
    match result {
        Err(kinds::kube::Error::Api(status)) => (status.code, status.message),
        Err(other) => panic!("not a refusal: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

/// A custom kind with a status of its own, a default and a bound.
pub fn widgets() -> Value {
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.x.dev"},
        "spec": {"group": "x.dev", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
                "additionalPrinterColumns": [
                    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": ["size"], "properties": {
                        "size": {"type": "integer", "minimum": 1}, "mode": {"type": "string", "default": "fast"}}},
                    "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
                {"name": "v1beta1", "served": true, "storage": false,
                 "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}})
}
