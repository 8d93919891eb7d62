//! Everything at once befalls a workflow of 300 steps with outputs: it completes under the promise.

use std::time::Duration;

use serde_json::{Value, json};

use crate::ALONE;
use crate::cluster::{Cluster, Controller, PATIENCE, eventually, nodes};
use crate::manifests::template;
use crate::{control_plane, reports};

/// Fan-outs, one after the other.
const WAVES: usize = 10;
/// Steps of each.
const WIDTH: usize = 30;
/// Where the controller dies, and at which visit. All of these a step with outputs comes by.
const DEATHS: [&str; 5] = [
    "workflow.planned:5",
    "workflow.pod-created:20",
    "workflow.patched:8",
    "workflow.pod-released:15",
    "workflow.result-deleted:15",
];

fn waves() -> Value {
    let mut step = template("step", "1s", 0);
    step["outputs"] = json!({"parameters": [{"name": "said", "valueFrom": {"path": "/tmp/said"}}]});
    let steps: Vec<Value> = (0..WAVES)
        .map(|wave| {
            json!([{
                "name": format!("wave-{wave}"), "template": "step", "withSequence": {"count": WIDTH.to_string()},
            }])
        })
        .collect();
    json!({"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, step]})
}

/// Runs a replica until it dies at the N-th visit of this crash point, `NAME:N`.
async fn dies_at(cluster: &Cluster, point: &str) {
    let mut command = cluster.controller_command("doomed");
    let doomed = Controller::start(command.env("PLIMSOLL_CRASH_POINT", point));
    let ended = tokio::task::spawn_blocking(move || doomed.wait());
    let ended = tokio::time::timeout(PATIENCE, ended).await;
    let in_order = ended.unwrap_or_else(|_| panic!("{point} is never reached"));
    assert!(!in_order.expect("no panic"), "it dies at {point}");
}

#[tokio::test]
async fn a_workflow_completes_whatever_befalls_the_cluster() {
    let _alone = ALONE.lock().await;
    let Some(cluster) = Cluster::new("storm").await else {
        return;
    };
    let _reports = reports::of_all_pods(cluster.pods(), cluster.of_argo("WorkflowTaskResult"));
    cluster.submit("wf", waves()).await;
    for point in DEATHS {
        dies_at(&cluster, point).await;
    }
    let _controller = cluster.controller("survivor");
    let so_far = cluster.nodes_in("wf", "Succeeded").await;
    let goes_on = async || (cluster.nodes_in("wf", "Succeeded").await > so_far).then_some(());
    eventually(goes_on).await.expect("it goes on");
    control_plane::stop(cluster.admin(), "kube-apiserver", Duration::from_secs(30)).await;
    control_plane::forget_history(cluster.admin());
    let workflow = cluster.ended("wf").await;
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{}",
        workflow["status"]["message"]
    );
    cluster.each_pod_was_made_once(WAVES * WIDTH);
    let pods = nodes(&workflow).filter(|node| node["type"] == "Pod");
    let told = pods.filter(|node| {
        let said = &node["outputs"]["parameters"][0]["value"];
        *said == format!("of {}", node["id"].as_str().unwrap_or_default())
    });
    assert_eq!(told.count(), WAVES * WIDTH, "every output is in the tree");
    cluster.remove().await;
}
