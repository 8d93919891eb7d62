//! Installations: what is printed is what the server takes, what is installed runs, and what is somebody else's stays.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kinds::k8s::api::apps::v1::Deployment;
use kinds::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::kube::Api;
use kinds::kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{Cluster, eventually};
use crate::outputs::{answers, answers_came, has_image};

/// The kubectl of `$KUBECTL`, if there is one.
fn kubectl() -> Option<PathBuf> {
    let found = std::env::var_os("KUBECTL").map(PathBuf::from);
    if found.is_none() {
        eprintln!("passed over: KUBECTL names no kubectl");
    }
    found
}

#[tokio::test]
async fn what_is_printed_passes_the_servers_own_checks() {
    let (Some(kubectl), Some(cluster)) = (kubectl(), Cluster::new("printed").await) else {
        return;
    };
    let (printed, _) = cluster.run(&["install", "--workflows-in", "default"]);
    let mut child = Command::new(kubectl)
        .args(["apply", "--dry-run=server", "--filename=-", "--kubeconfig"])
        .arg(cluster.admin())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(printed.as_bytes()).expect("kubectl reads");
    drop(input);
    let done = child.wait_with_output().expect("kubectl ends");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(
        said.contains("deployment.apps/plimsoll-controller configured"),
        "{said}"
    );
    cluster.remove().await;
}

async fn replicas_are_ready(cluster: &Cluster, expected: i32) {
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let ready = async || {
        let status = deployments.get("plimsoll-controller").await.ok()?.status?;
        (status.ready_replicas.unwrap_or_default() == expected).then_some(())
    };
    eventually(ready).await.expect("the replicas become ready");
}

#[tokio::test]
async fn an_installation_runs_workflows_until_it_goes() {
    let Some(cluster) = Cluster::new("installed").await else {
        return;
    };
    if !has_image(&cluster).await {
        return cluster.remove().await;
    }
    let instance = cluster.namespace.clone();
    cluster.run(&["upgrade", "--yes", "--replicas", "2", "--instance-id", &instance]);
    replicas_are_ready(&cluster, 2).await;
    cluster.submit_as_it_is("wf", answers()).await;
    answers_came(&cluster.ended("wf").await);
    let (gone, _) = cluster.run(&["uninstall", "--yes"]);
    assert!(gone.contains("lease/plimsoll-controller"), "{gone}");
    let no_replica = async || {
        let replicas = ListParams::default().labels("app.kubernetes.io/component=controller");
        let pods = cluster.pods().list(&replicas).await.ok()?;
        pods.items.is_empty().then_some(())
    };
    eventually(no_replica).await.expect("the replicas end");
    answers_came(&cluster.workflow("wf").await);
    cluster.remove().await;
}

/// A definition that nothing here needs, as somebody else made it.
const OTHERS: &str = "cronworkflows.argoproj.io";

#[tokio::test]
async fn nothing_of_others_is_lost_or_changed() {
    let Some(cluster) = Cluster::new("beside").await else {
        return;
    };
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let not_ours = json!({"metadata": {
        "labels": {"app.kubernetes.io/managed-by": null},
        "annotations": {"made-by": "somebody else"},
    }});
    let theirs = definitions
        .patch(OTHERS, &PatchParams::default(), &Patch::Merge(&not_ours))
        .await
        .expect("changed");
    let mut before = Vec::new();
    for (kind, spec) in [
        (
            "CronWorkflow",
            json!({"schedules": ["0 0 1 1 *"], "workflowSpec": {"entrypoint": "main"}}),
        ),
        ("WorkflowTemplate", json!({"entrypoint": "main"})),
        ("Workflow", json!({"entrypoint": "main"})),
    ] {
        let object = json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "theirs"}, "spec": spec,
        });
        let object = serde_json::from_value(object).expect("an object");
        let made = cluster
            .of_argo(kind)
            .create(&PostParams::default(), &object)
            .await;
        before.push((kind, made.expect("accepted")));
    }
    cluster.run(&["uninstall", "--yes"]);
    let (_, said) = cluster.run(&["install", "--yes", "--replicas", "0"]);
    assert!(
        said.contains("customresourcedefinition/cronworkflows.argoproj.io is there"),
        "{said}"
    );
    cluster.run(&["uninstall", "--yes"]);
    let (_, said) = cluster.run(&["uninstall"]);
    assert!(said.contains("Nothing is installed"), "{said}");
    for (kind, made) in before {
        let now = cluster
            .of_argo(kind)
            .get("theirs")
            .await
            .expect("it is still there");
        assert_eq!(now.metadata, made.metadata, "{kind}");
    }
    let now = definitions.get(OTHERS).await.expect("it is still there");
    assert_eq!(now.metadata.resource_version, theirs.metadata.resource_version);
    cluster.remove().await;
}

#[tokio::test]
async fn an_upgrade_tells_what_it_would_change_and_spares_what_others_changed() {
    let Some(cluster) = Cluster::new("upgrade").await else {
        return;
    };
    let (told, said) = cluster.run(&["upgrade", "--check"]);
    assert_eq!(told, "", "{said}");
    assert!(said.contains("Nothing would change"), "{said}");
    let (told, _) = cluster.run(&["upgrade", "--check", "--replicas", "1"]);
    assert!(told.contains("  spec.replicas: 0 -> 1\n"), "{told}");
    let deployments: Api<Deployment> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let scaled = json!({"spec": {"replicas": 3, "paused": true}});
    let by_hand = PatchParams {
        field_manager: Some("by-hand".to_owned()),
        ..PatchParams::default()
    };
    deployments
        .patch("plimsoll-controller", &by_hand, &Patch::Merge(&scaled))
        .await
        .expect("scaled");
    let (_, said) = cluster.run(&["upgrade", "--check"]);
    assert!(said.contains("was changed by others and stays"), "{said}");
    cluster.run(&["upgrade", "--yes"]);
    let spec = deployments
        .get("plimsoll-controller")
        .await
        .expect("there")
        .spec
        .expect("a spec");
    assert_eq!((spec.replicas, spec.paused), (Some(3), Some(true)));
    cluster.remove().await;
}
