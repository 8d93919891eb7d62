//! Steps on a real kubelet: plain ones, and those under `plimsoll exec`, which reports with the pod's own account.

use kinds::k8s::api::core::v1::Node;
use kinds::kube::Api;
use kinds::kube::api::ListParams;
use serde_json::{Value, json};

use crate::cluster::{Cluster, node, nodes};

/// The real node, if the rig has one that holds our image.
pub(crate) async fn has_image(cluster: &Cluster) -> bool {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let real = ListParams::default().labels("rig.plimsoll.dev/real=true");
    let nodes = nodes.list(&real).await.expect("a list");
    let images = nodes.into_iter().filter_map(|node| node.status?.images).flatten();
    let found = images
        .filter_map(|image| image.names)
        .flatten()
        .any(|name| name.contains("/plimsoll:"));
    if !found {
        eprintln!("passed over: the rig has no real node with our image (`rig up --real-node --image FILE`)");
    }
    found
}

fn shell(name: &str, script: &str) -> Value {
    json!({"name": name, "container": {
        "image": "docker.io/library/busybox:1.36",
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
    }})
}

#[tokio::test]
async fn plain_steps_end_as_their_commands_do() {
    let Some(cluster) = Cluster::new("plain").await else {
        return;
    };
    if !cluster.has_real_node().await {
        return cluster.remove().await;
    }
    let _controller = cluster.controller("a");
    let steps = json!({"name": "main", "steps": [
        [{"name": "good", "template": "good"}],
        [{"name": "bad", "template": "bad", "continueOn": {"failed": true}}],
    ]});
    let spec = json!({
        "entrypoint": "main", "templates": [steps, shell("good", "exit 0"), shell("bad", "exit 7")],
    });
    cluster.submit_as_it_is("wf", spec).await;
    let workflow = cluster.ended("wf").await;
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{:#}",
        workflow["status"]
    );
    assert_eq!(node(&workflow, "good")["phase"], "Succeeded");
    let bad = node(&workflow, "bad");
    assert_eq!(
        (bad["phase"].as_str(), bad["message"].as_str()),
        (Some("Failed"), Some("main: Error (exit code 7)"))
    );
    cluster.each_pod_was_made_once(2);
    cluster.remove().await;
}

/// A step that leaves an answer, a script that says one, and a step that wants both.
pub(crate) fn answers() -> Value {
    let mut makes = shell("makes", "echo -n forty-two > /tmp/answer");
    makes["outputs"] = json!({"parameters": [{"name": "answer", "valueFrom": {"path": "/tmp/answer"}}]});
    let says = json!({"name": "says", "script": {
        "image": "docker.io/library/busybox:1.36", "imagePullPolicy": "IfNotPresent",
        "command": ["sh"], "source": "sleep 3; echo $((6 * 7))",
    }});
    let mut wants = shell(
        "wants",
        "test '{{inputs.parameters.made}} {{inputs.parameters.said}}' = 'forty-two 42'",
    );
    wants["inputs"] = json!({"parameters": [{"name": "made"}, {"name": "said"}]});
    let steps = json!({"name": "main", "steps": [
        [{"name": "makes", "template": "makes"}],
        [{"name": "says", "template": "says"}],
        [{"name": "wants", "template": "wants", "arguments": {"parameters": [
            {"name": "made", "value": "{{steps.makes.outputs.parameters.answer}}"},
            {"name": "said", "value": "{{steps.says.outputs.result}}"},
        ]}}],
    ]});
    json!({"entrypoint": "main", "templates": [steps, makes, says, wants]})
}

pub(crate) fn answers_came(workflow: &Value) {
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{:#}",
        workflow["status"]
    );
    let made = &node(workflow, "makes")["outputs"]["parameters"][0]["value"];
    let said = &node(workflow, "says")["outputs"]["result"];
    assert_eq!((made, said), (&json!("forty-two"), &json!("42")));
}

#[tokio::test]
async fn outputs_are_reported_by_the_pod_itself() {
    let Some(cluster) = Cluster::new("outputs").await else {
        return;
    };
    if !has_image(&cluster).await {
        return cluster.remove().await;
    }
    let _controller = cluster.controller("a");
    cluster.submit_as_it_is("wf", answers()).await;
    answers_came(&cluster.ended("wf").await);
    cluster.each_pod_was_made_once(3);
    cluster.remove().await;
}

#[tokio::test]
async fn outputs_outlive_their_pods_and_the_controller() {
    let Some(cluster) = Cluster::new("outlive").await else {
        return;
    };
    if !has_image(&cluster).await {
        return cluster.remove().await;
    }
    let controller = cluster.controller("a");
    cluster.submit_as_it_is("wf", answers()).await;
    let says = |workflow: &Value| {
        nodes(workflow).any(|node| node["displayName"] == "says" && node["phase"] == "Running")
    };
    cluster.until("wf", "comes to its script", says).await;
    controller.kill();
    cluster.until_pods_succeeded().await;
    cluster.delete_pods(|_| true).await;
    let _controller = cluster.controller("b");
    answers_came(&cluster.ended("wf").await);
    cluster.each_pod_was_made_once(3);
    cluster.remove().await;
}
