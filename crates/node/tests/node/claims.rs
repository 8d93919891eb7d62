//! Volume claims: a directory that outlives pods and goes with its claim.

use kinds::k8s::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kinds::kube::Api;
use kinds::kube::api::{DeleteParams, ListParams};
use kinds::kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::Test;
use crate::rig::{Rig, block_on, phase, pod, state};

pub(crate) const TESTS: &[Test] = &[
    ("a_claim_outlives_its_pods", || {
        block_on(a_claim_outlives_its_pods());
    }),
    ("a_claim_in_use_is_kept", || block_on(a_claim_in_use_is_kept())),
    ("a_claim_that_is_not_there_is_said", || {
        block_on(a_claim_that_is_not_there_is_said());
    }),
];

fn api(rig: &Rig, namespace: &str) -> Api<PersistentVolumeClaim> {
    Api::namespaced(rig.client.clone(), namespace)
}

/// The claim `data`, made if it is not there.
pub(crate) async fn ensure(rig: &Rig, namespace: &str) {
    if api(rig, namespace).get_opt("data").await.unwrap().is_none() {
        let claim = json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "spec": {
                "storageClassName": "of-some-cluster",
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        });
        rig.create(namespace, &claim).await;
    }
}

/// A pod that has the claim `data` at `/data`.
pub(crate) fn user(script: &str) -> Value {
    let mut object = pod(script);
    object["spec"]["volumes"] = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
    object["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/data"}]);
    object
}

pub(crate) async fn delete(rig: &Rig, namespace: &str) {
    let _ = api(rig, namespace).delete("data", &DeleteParams::default()).await;
}

/// Waits until there is neither a volume nor a directory of one.
pub(crate) async fn gone(rig: &Rig) {
    let volumes = Api::<PersistentVolume>::all(rig.client.clone());
    for volume in volumes.list(&ListParams::default()).await.unwrap() {
        let name = volume.metadata.name.unwrap();
        let gone = |volume: Option<&PersistentVolume>| volume.is_none();
        Box::pin(await_condition(volumes.clone(), &name, gone))
            .await
            .unwrap();
    }
    assert_eq!(directories(rig), 0);
}

fn directories(rig: &Rig) -> usize {
    let claims = rig.directory.join("claims");
    std::fs::read_dir(claims).map_or(0, Iterator::count)
}

async fn run(rig: &Rig, script: &str) -> Pod {
    rig.create("default", &user(script)).await;
    let pod = rig.finished("default").await;
    let log = rig.log(&pod, "c").await;
    assert_eq!(phase(&pod), "Succeeded", "{log:?}");
    pod
}

async fn remove_pod(rig: &Rig) {
    let _ = rig.pods("default").delete("p", &DeleteParams::default()).await;
    rig.gone("default").await;
}

async fn a_claim_outlives_its_pods() {
    let rig = Rig::new().await;
    if !rig.has_sandbox() {
        return;
    }
    ensure(&rig, "default").await;
    run(&rig, "echo kept > /data/x").await;
    let claim = api(&rig, "default").get("data").await.unwrap();
    let status = claim.status.unwrap();
    assert_eq!(status.phase.as_deref(), Some("Bound"));
    assert_eq!(status.capacity.unwrap()["storage"].0, "1Gi");
    remove_pod(&rig).await;
    let pod = run(&rig, "cat /data/x").await;
    assert_eq!(rig.log(&pod, "c").await.unwrap(), "kept\n");
    assert_eq!(directories(&rig), 1);
    delete(&rig, "default").await;
    gone(&rig).await;
}

async fn a_claim_in_use_is_kept() {
    let rig = Rig::new().await;
    if !rig.has_sandbox() {
        return;
    }
    ensure(&rig, "default").await;
    rig.create("default", &user("sleep 1000")).await;
    rig.until("default", |pod| phase(pod) == "Running").await;
    delete(&rig, "default").await;
    let leaving = |claim: Option<&PersistentVolumeClaim>| {
        claim.is_some_and(|claim| claim.metadata.deletion_timestamp.is_some())
    };
    await_condition(api(&rig, "default"), "data", leaving)
        .await
        .unwrap();
    assert_eq!(directories(&rig), 1);
    remove_pod(&rig).await;
    gone(&rig).await;
}

async fn a_claim_that_is_not_there_is_said() {
    let rig = Rig::new().await;
    rig.create("default", &user("true")).await;
    let events = rig.events_until("default", |events| !events.is_empty()).await;
    let message = events[0].message.clone().unwrap();
    assert!(
        message.contains("MountVolume.SetUp failed for volume \"v\"")
            && message.contains("\"data\" not found"),
        "{message}"
    );
    // The status is told on its own: before the event or after it.
    rig.until("default", |pod| state(pod) == "waiting ContainerCreating")
        .await;
}
