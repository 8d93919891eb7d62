//! The scheduler and the collector against the embedded API server, under virtual time.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;
use std::time::Duration;

use apiserver::{ApiServer, Config, User};
use controller::projections::{NODES, PODS, WORKFLOWS};
use controller::{Executor, Failure, Metrics, Write};
use kinds::kube::Client;
use meta::ObjectKey;
use meta::host::{Clock, Host};
use meta::seeded::{Seeded, SharedSeeded};
use serde_json::{Value, json};
use store::{Durability, Options, SimDisk, Store};
use tokio_util::sync::CancellationToken;

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> meta::Timestamp {
        meta::Timestamp::UNIX_EPOCH
    }
}

/// A platform without machines of its own.
struct Platform {
    admin: Executor,
    metrics: Arc<Metrics>,
    _shutdown: tokio_util::sync::DropGuard,
}

impl Platform {
    async fn start() -> Self {
        let host = Host {
            clock: Arc::new(Stopped),
            random: Arc::new(SharedSeeded::new(Seeded::new(1))),
        };
        let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
        let server = ApiServer::new(store, Config::new(host.clone())).await.unwrap();
        let client = move |name: &str, rules| {
            let user = User {
                name: name.to_owned(),
                groups: Vec::new(),
                rules,
            };
            Client::new(server.client_service(user, Durability::Appended), "default")
        };
        let metrics = Arc::new(Metrics::default());
        let platform = Self {
            admin: Executor::new(client("admin", None), Arc::default()),
            metrics: Arc::clone(&metrics),
            _shutdown: CancellationToken::new().drop_guard(),
        };
        for crd in kinds::crds() {
            let kind = controller::Kind::cluster(
                "apiextensions.k8s.io",
                "v1",
                "CustomResourceDefinition",
                "customresourcedefinitions",
            );
            platform.create(kind, "", crd).await;
        }
        let connect = move |identity: &controller::Identity| {
            let rules = identity.rules.iter().map(apiserver::PolicyRule::from).collect();
            client(identity.user, Some(rules))
        };
        let config = controller::Config::embedded(controller::workflow::Config::default());
        tokio::spawn(controller::run_all(
            connect,
            host,
            config,
            metrics,
            CancellationToken::new(),
        ));
        platform
    }

    async fn create(&self, kind: controller::Kind, namespace: &str, object: Value) -> Value {
        let name = object["metadata"]["name"].as_str().unwrap();
        let write = Write::create(kind, ObjectKey::new(namespace, name), object.clone());
        self.admin.write_as(&write).await.unwrap()
    }

    async fn pod(&self, name: &str, spec: Value) {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
        pod["spec"]["containers"][0]["image"] = "i".into();
        pod["spec"]["containers"][0]["name"] = "main".into();
        self.create(PODS, "default", pod).await;
    }

    async fn machine(&self, name: &str, cpu: &str) {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        self.create(NODES, "", node).await;
        let amounts = json!({"cpu": cpu, "memory": "1Gi", "pods": "110"});
        let status = json!({"status": {"capacity": amounts, "allocatable": amounts}});
        let write = Write::merge(NODES, ObjectKey::new("", name), status).on("status");
        self.admin.write(&write).await.unwrap();
    }

    async fn read(&self, kind: controller::Kind, namespace: &str, name: &str) -> Option<Value> {
        match self.admin.read(kind, &ObjectKey::new(namespace, name)).await {
            Ok(object) => Some(object),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => panic!("{failure}"),
        }
    }
}

/// Lets everything that is due within a virtual time happen.
async fn settle(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn pods_are_bound_or_told_why_not() {
    let platform = Platform::start().await;
    platform.machine("m1", "2").await;
    for i in 0..3 {
        let requests = json!({"containers": [{"resources": {"requests": {"cpu": "1"}}}]});
        platform.pod(&format!("p{i}"), requests).await;
    }
    settle(1).await;
    let mut bound = Vec::new();
    let mut told = Vec::new();
    for i in 0..3 {
        let pod = platform.read(PODS, "default", &format!("p{i}")).await.unwrap();
        bound.push(pod["spec"]["nodeName"].as_str().map(str::to_owned));
        let conditions = pod["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        told.extend(conditions.into_iter().filter(|c| c["status"] == "False"));
    }
    assert_eq!(bound, [Some("m1".to_owned()), Some("m1".to_owned()), None]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0]["message"],
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims \
         found for incoming pod."
    );
    assert_eq!(told[0]["reason"], "Unschedulable");
    // A second machine takes the one that waits.
    platform.machine("m2", "1").await;
    settle(1).await;
    let pod = platform.read(PODS, "default", "p2").await.unwrap();
    assert_eq!(pod["spec"]["nodeName"], "m2");
    assert_eq!(platform.metrics.bindings.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_its_owner_left_is_collected() {
    let platform = Platform::start().await;
    let owner = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata":
        {"name": "w", "labels": {"workflows.argoproj.io/controller-instanceid": "someone-else"}}, "spec": {}});
    let owner = platform.create(WORKFLOWS, "default", owner).await;
    let reference = json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w",
        "uid": owner["metadata"]["uid"]}]);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "ownerReferences": reference},
        "spec": {"containers": [{"name": "main", "image": "i"}]}});
    platform.create(PODS, "default", pod).await;
    settle(1).await;
    assert!(platform.read(PODS, "default", "p").await.is_some());
    let uid = owner["metadata"]["uid"].as_str().unwrap();
    let delete = Write::delete(WORKFLOWS, ObjectKey::new("default", "w"), uid);
    platform.admin.write(&delete).await.unwrap();
    settle(1).await;
    assert!(platform.read(PODS, "default", "p").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn pods_of_a_deleted_workflow_are_let_go() {
    let platform = Platform::start().await;
    let template = json!({"name": "one", "container": {"image": "i", "command": ["true"]}});
    let workflow = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"},
        "spec": {"entrypoint": "one", "templates": [template]}});
    let workflow = platform.create(WORKFLOWS, "default", workflow).await;
    settle(1).await;
    let pod = platform.read(PODS, "default", "w").await.unwrap();
    assert_eq!(
        pod["metadata"]["finalizers"],
        json!(["workflows.argoproj.io/status"])
    );
    let uid = workflow["metadata"]["uid"].as_str().unwrap();
    let delete = Write::delete(WORKFLOWS, ObjectKey::new("default", "w"), uid);
    platform.admin.write(&delete).await.unwrap();
    settle(5).await;
    assert!(platform.read(PODS, "default", "w").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_cannot_be_read_fails_and_says_why() {
    let platform = Platform::start().await;
    let template = json!({"name": "one", "container": {"image": "i", "args": ["sleep", 1]}});
    let workflow = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"},
        "spec": {"entrypoint": "one", "templates": [template]}});
    platform.create(WORKFLOWS, "default", workflow).await;
    settle(1).await;
    let workflow = platform.read(WORKFLOWS, "default", "w").await.unwrap();
    assert_eq!(workflow["status"]["phase"], "Failed");
    assert_eq!(
        workflow["metadata"]["labels"]["workflows.argoproj.io/completed"],
        "true"
    );
    let message = workflow["status"]["message"].as_str().unwrap();
    assert!(message.starts_with("cannot unmarshall spec: "), "{message}");
}

/// Phase and message of a workflow.
async fn told(platform: &Platform, name: &str) -> (String, String) {
    let workflow = platform.read(WORKFLOWS, "default", name).await.unwrap();
    let text = |field: &str| workflow["status"][field].as_str().unwrap_or_default().to_owned();
    (text("phase"), text("message"))
}

/// Ends the suspended root of a workflow, as `argo resume` does.
async fn resume(platform: &Platform, name: &str) {
    let done =
        json!({"status": {"nodes": {name: {"phase": "Succeeded", "finishedAt": "1970-01-01T00:00:00Z"}}}});
    let write = Write::merge(WORKFLOWS, ObjectKey::new("default", name), done);
    platform.admin.write(&write).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn locks_go_from_workflow_to_workflow() {
    let platform = Platform::start().await;
    let workflow = |name: &str, priority: i64| {
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name}, "spec": {
            "entrypoint": "wait", "priority": priority,
            "synchronization": {"mutexes": [{"name": "door"}]},
            "templates": [{"name": "wait", "suspend": {}}],
        }})
    };
    let running = ("Running".to_owned(), String::new());
    let waiting = (
        "Pending".to_owned(),
        "Waiting for default/Mutex/door lock. Lock status: 0/1".to_owned(),
    );
    for (name, priority) in [("first", 0), ("low", 0), ("high", 5)] {
        platform
            .create(WORKFLOWS, "default", workflow(name, priority))
            .await;
        settle(1).await;
    }
    assert_eq!(told(&platform, "first").await, running);
    assert_eq!(told(&platform, "low").await, waiting);
    resume(&platform, "first").await;
    settle(1).await;
    assert_eq!(told(&platform, "first").await.0, "Succeeded");
    assert_eq!(told(&platform, "high").await, running);
    assert_eq!(told(&platform, "low").await, waiting);
    // One that is deleted gives back what it has.
    let high = platform.read(WORKFLOWS, "default", "high").await.unwrap();
    let uid = high["metadata"]["uid"].as_str().unwrap();
    let delete = Write::delete(WORKFLOWS, ObjectKey::new("default", "high"), uid);
    platform.admin.write(&delete).await.unwrap();
    settle(1).await;
    assert_eq!(told(&platform, "low").await, running);
}
