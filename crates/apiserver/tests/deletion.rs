//! Deleting what owns, and what is owned; evicting pods.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use apiserver::{ApiServer, Config};
use common::{client, from, host, pod, refusal};
use kinds::k8s::api::core::v1::{ConfigMap, Pod};
use kinds::kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kinds::kube::{Api, Client};
use serde_json::{Value, json};
use store::{Options, SimDisk, Store};

fn owned_by(name: &str, owner: &ConfigMap, blocks: bool) -> ConfigMap {
    from(
        json!({"metadata": {"name": name, "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap",
        "name": owner.metadata.name, "uid": owner.metadata.uid, "blockOwnerDeletion": blocks}]}}),
    )
}

fn foreground() -> DeleteParams {
    DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    }
}

/// `top` owns `middle`, `middle` owns `leaf`, all blocking; `loose` is owned by `top` without blocking it.
async fn tree(maps: &Api<ConfigMap>) {
    let make = async |map: &ConfigMap| maps.create(&PostParams::default(), map).await.unwrap();
    let top = make(&from(json!({"metadata": {"name": "top"}}))).await;
    let middle = make(&owned_by("middle", &top, true)).await;
    make(&owned_by("leaf", &middle, true)).await;
    make(&owned_by("loose", &top, false)).await;
}

async fn names(maps: &Api<ConfigMap>) -> String {
    let list = maps.list(&kinds::kube::api::ListParams::default()).await.unwrap();
    let names: Vec<String> = list.into_iter().filter_map(|map| map.metadata.name).collect();
    names.join(" ")
}

async fn finalizers(maps: &Api<ConfigMap>, name: &str, finalizers: Value) {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    maps.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test]
async fn what_an_owner_owns_goes_first() {
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&common::server().await));
    tree(&maps).await;
    maps.delete("top", &foreground()).await.unwrap();
    assert_eq!(
        names(&maps).await,
        "loose",
        "what does not block is left to the collector"
    );
}

#[tokio::test]
async fn an_owner_waits_for_the_last_that_blocks_it() {
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&common::server().await));
    tree(&maps).await;
    finalizers(&maps, "leaf", json!(["x.dev/f"])).await;
    let marked = maps.delete("top", &foreground()).await.unwrap().left().unwrap();
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(
        marked.metadata.finalizers,
        Some(vec!["foregroundDeletion".to_owned()])
    );
    assert_eq!(names(&maps).await, "leaf loose middle top");
    maps.delete("top", &foreground()).await.unwrap();
    assert_eq!(
        names(&maps).await,
        "leaf loose middle top",
        "a second wish changes nothing"
    );
    finalizers(&maps, "leaf", Value::Null).await;
    assert_eq!(names(&maps).await, "loose");
}

#[tokio::test]
async fn a_circle_of_owners_ends_with_the_owner_that_is_let_go() {
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&common::server().await));
    tree(&maps).await;
    let leaf = maps.get("leaf").await.unwrap();
    let circle = owned_by("top", &leaf, true);
    let patch = Patch::Merge(json!({"metadata": {"ownerReferences": circle.metadata.owner_references}}));
    maps.patch("top", &PatchParams::default(), &patch).await.unwrap();
    maps.delete("top", &foreground()).await.unwrap();
    assert_eq!(
        names(&maps).await,
        "leaf loose middle top",
        "as on a real server, until someone breaks it"
    );
    finalizers(&maps, "middle", Value::Null).await;
    assert_eq!(names(&maps).await, "loose");
}

#[tokio::test]
async fn a_server_that_starts_goes_on_with_what_was_under_way() {
    let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
    let server = ApiServer::new(store.clone(), Config::new(host())).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&server));
    tree(&maps).await;
    // As a server leaves it that goes down right after the first write.
    finalizers(&maps, "top", json!(["foregroundDeletion"])).await;
    maps.delete("top", &DeleteParams::default()).await.unwrap();
    assert_eq!(names(&maps).await, "leaf loose middle top");
    let server = ApiServer::new(store, Config::new(host())).await.unwrap();
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&server));
    assert_eq!(names(&maps).await, "loose");
}

async fn evict(client: &Client, name: &str, body: Value) -> kinds::kube::Result<Value> {
    post(client, &format!("{name}/eviction"), &body).await
}

async fn post(client: &Client, path: &str, body: &Value) -> kinds::kube::Result<Value> {
    let path = format!("/api/v1/namespaces/default/pods/{path}");
    let request = http::Request::post(path).header("content-type", "application/json");
    client
        .request(request.body(body.to_string().into_bytes()).unwrap())
        .await
}

fn eviction(name: &str) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}})
}

#[tokio::test]
async fn a_pod_that_is_evicted_is_told_why_and_deleted() {
    let client = client(&common::server().await);
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    for name in ["bound", "unbound"] {
        pods.create(&PostParams::default(), &pod(name)).await.unwrap();
    }
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "bound"}, "target": {"name": "n"}});
    post(&client, "bound/binding", &binding).await.unwrap();
    let answer = evict(&client, "bound", eviction("bound")).await.unwrap();
    assert_eq!(
        (&answer["kind"], &answer["status"]),
        (&json!("Status"), &json!("Success"))
    );
    let bound = pods.get("bound").await.unwrap();
    assert_eq!(bound.metadata.deletion_grace_period_seconds, Some(30));
    let conditions = bound.status.unwrap().conditions.unwrap();
    let told = conditions
        .iter()
        .find(|condition| condition.type_ == "DisruptionTarget")
        .unwrap();
    assert_eq!(told.reason.as_deref(), Some("EvictionByEvictionAPI"));
    evict(&client, "unbound", eviction("unbound")).await.unwrap();
    assert_eq!(refusal(pods.get("unbound").await).0, 404);
}

#[tokio::test]
async fn an_eviction_has_the_options_of_a_deletion() {
    let client = client(&common::server().await);
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.create(&PostParams::default(), &pod("p")).await.unwrap();
    let mut other = eviction("p");
    other["deleteOptions"] = json!({"preconditions": {"uid": "another"}});
    assert_eq!(refusal(evict(&client, "p", other).await).0, 409);
    let mut rehearsed = eviction("p");
    rehearsed["deleteOptions"] = json!({"dryRun": ["All"]});
    evict(&client, "p", rehearsed).await.unwrap();
    assert!(pods.get("p").await.is_ok());
    assert_eq!(
        refusal(evict(&client, "p", eviction("q")).await),
        (
            400,
            "name in URL does not match name in Eviction object".to_owned()
        )
    );
}
