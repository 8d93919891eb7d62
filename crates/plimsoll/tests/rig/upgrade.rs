//! What the controllers of earlier versions have left on a cluster is gone on with: objects of workflows under way, kept
//! from each release in `tests/upgrade`. Names and uids of a cluster are not kept: they are made anew.
//!
//! At a release its own is added to those: `PLIMSOLL_RECORD=1 PLIMSOLL_RIG_KUBECONFIG=... cargo test --package plimsoll
//! --test rig upgrade`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kinds::kube::Api;
use kinds::kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kinds::kube::core::GroupVersionKind;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cluster::{Cluster, Controller, eventually, nodes};
use crate::manifests::{chain, template};

/// What stands for the namespace, which is the instance id too.
const NAMESPACE: &str = "NAMESPACE";
/// What stands for the workflow's uid.
const UID: &str = "00000000-0000-4000-8000-000000000000";
/// The file of a version: a packed list of objects.
const LEFT: &str = "cluster.json.gz";
/// Steps before the one that holds the workflow: enough for chunks.
const BEFORE: usize = 250;
/// Steps that come to their end while no controller runs.
const AWAY: usize = 3;

/// Steps, then some that nobody sees end, then one that uses what the first gave.
fn spec() -> Value {
    let (quick, slow) = (template("quick", "0s", 0), template("slow", "5s", 0));
    let steps = json!([
        [{"name": "before", "template": "quick", "withSequence": {"count": BEFORE.to_string()}}],
        [{"name": "away", "template": "slow", "withSequence": {"count": AWAY.to_string()}}],
        [{"name": "after", "template": "quick"}],
    ]);
    json!({"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, quick, slow]})
}

fn folders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade")
}

fn read(file: &Path) -> String {
    let file = fs::File::open(file).expect("what was left");
    std::io::read_to_string(GzDecoder::new(file)).expect("text")
}

/// The kinds whose objects a workflow consists of, in the order in which they can be made.
fn kinds_of_state() -> [GroupVersionKind; 3] {
    [
        GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Workflow"),
        GroupVersionKind::gvk(kinds::own::GROUP, kinds::own::VERSION, "WorkflowStatusChunk"),
        GroupVersionKind::gvk("", "v1", "Pod"),
    ]
}

fn of(cluster: &Cluster, kind: &GroupVersionKind) -> Api<DynamicObject> {
    Api::namespaced_with(
        cluster.client.clone(),
        &cluster.namespace,
        &ApiResource::from_gvk(kind),
    )
}

#[tokio::test]
async fn what_earlier_controllers_left_is_gone_on_with() {
    let versions = fs::read_dir(folders()).expect("the folder").flatten();
    for version in versions.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let Some(cluster) = Cluster::new("upgrade").await else {
            return;
        };
        put_back(&cluster, &read(&version.join(LEFT))).await;
        let _controller = cluster.controller("of-today");
        let workflow = cluster.ended("wf").await;
        assert_eq!(
            workflow["status"]["phase"], "Succeeded",
            "{:#}",
            workflow["status"]["message"]
        );
        let succeeded = nodes(&workflow).filter(|n| n["type"] == "Pod" && n["phase"] == "Succeeded");
        assert_eq!(succeeded.count(), BEFORE + AWAY + 1);
        // What was put back, and the one step that was still to come.
        cluster.each_pod_was_made_once(BEFORE + AWAY + 1);
        cluster.remove().await;
    }
}

/// A replica of the version before is killed and followed by today's, and that again by one of the version before.
#[tokio::test]
async fn replicas_of_two_versions_follow_each_other() {
    let Some(earlier) = std::env::var_os("PLIMSOLL_EARLIER") else {
        eprintln!("passed over: PLIMSOLL_EARLIER names no binary of the version before");
        return;
    };
    let Some(cluster) = Cluster::new("versions").await else {
        return;
    };
    let start_earlier = |identity| {
        let today = cluster.controller_command(identity);
        Controller::start(Command::new(&earlier).args(today.get_args()))
    };
    let first = start_earlier("earlier");
    cluster.submit("wf", chain(9, &template("step", "1s", 0))).await;
    until_succeeded(&cluster, 3).await;
    first.kill();
    let second = cluster.controller("of-today");
    until_succeeded(&cluster, 6).await;
    second.kill();
    let _third = start_earlier("earlier-again");
    assert_eq!(cluster.ended("wf").await["status"]["phase"], "Succeeded");
    cluster.each_pod_was_made_once(9);
    cluster.remove().await;
}

async fn until_succeeded(cluster: &Cluster, nodes: usize) {
    let done = async || (cluster.nodes_in("wf", "Succeeded").await >= nodes).then_some(());
    eventually(done).await.expect("steps end");
}

/// Makes the objects anew, as parts of the workflow that the first of them becomes.
async fn put_back(cluster: &Cluster, left: &str) {
    let left = left.replace(NAMESPACE, &cluster.namespace);
    let all: Vec<Value> = serde_json::from_str(&left).expect("objects");
    let mut uid = UID.to_owned();
    for kind in kinds_of_state() {
        for object in all.iter().filter(|object| object["kind"] == kind.kind) {
            let object = object.to_string().replace(UID, &uid);
            let object: DynamicObject = serde_json::from_str(&object).expect("an object");
            let made = of(cluster, &kind).create(&PostParams::default(), &object).await;
            let made = made.expect("it is accepted");
            match kind.kind.as_str() {
                "Workflow" => uid = made.metadata.uid.expect("a uid"),
                "Pod" => has_run(cluster, &object).await,
                _ => {}
            }
        }
    }
}

/// A pod is made without a status: it gets the one that it had.
async fn has_run(cluster: &Cluster, pod: &DynamicObject) {
    let name = pod.metadata.name.as_deref().expect("a name");
    let status = Patch::Merge(json!({"status": pod.data["status"]}));
    let patched = cluster
        .pods()
        .patch_status(name, &PatchParams::default(), &status)
        .await;
    patched.expect("it is accepted");
}

/// Writes what this version's controller leaves when it is killed, beside what earlier ones left.
#[tokio::test]
async fn this_version_leaves_its_objects() {
    if std::env::var_os("PLIMSOLL_RECORD").is_none() {
        return;
    }
    let Some(cluster) = Cluster::new("record").await else {
        return;
    };
    let controller = cluster.controller("of-the-release");
    cluster.submit("wf", spec()).await;
    let away = |workflow: &Value| {
        let run = nodes(workflow).filter(|n| n["templateName"] == "slow" && n["phase"] == "Running");
        run.count() == AWAY
    };
    cluster.until("wf", "comes to its slow steps", away).await;
    controller.signal(Signal::KILL);
    cluster.until_pods_succeeded().await;
    let mut left = Vec::new();
    for kind in kinds_of_state() {
        let objects = of(&cluster, &kind)
            .list(&ListParams::default())
            .await
            .expect("a list");
        for object in objects {
            let mut object = serde_json::to_value(object).expect("JSON");
            object["kind"] = kind.kind.clone().into();
            object["apiVersion"] = kind.api_version().into();
            left.push(without_server_fields(object));
        }
    }
    let uid = cluster.workflow("wf").await["metadata"]["uid"]
        .as_str()
        .expect("a uid")
        .to_owned();
    let text = serde_json::to_string(&left).expect("JSON");
    let text = text.replace(&uid, UID).replace(&cluster.namespace, NAMESPACE);
    let folder = folders().join(env!("CARGO_PKG_VERSION"));
    fs::create_dir_all(&folder).expect("made");
    let file = fs::File::create(folder.join(LEFT)).expect("made");
    let mut file = GzEncoder::new(file, Compression::best());
    file.write_all(text.as_bytes()).expect("written");
    file.finish().expect("written");
    cluster.remove().await;
}

/// The object as it can be made: what a server sets it sets again.
fn without_server_fields(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "managedFields",
        ] {
            metadata.remove(field);
        }
    }
    if object["kind"] == "Pod" {
        // It has run: nobody places it again, and the server adds the account's token once more.
        let spec = &mut object["spec"];
        spec["schedulerName"] = "nobody".into();
        for field in ["nodeName", "volumes"] {
            spec[field] = Value::Null;
        }
        spec["containers"][0]["volumeMounts"] = Value::Null;
    }
    object
}
