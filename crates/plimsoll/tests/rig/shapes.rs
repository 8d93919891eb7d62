//! The shapes of workflows, on fake nodes: what runs, in which order, and how it ends.

use serde_json::json;

use crate::cluster::{Cluster, node, nodes};
use crate::manifests::{chain, template};

#[tokio::test]
async fn a_chain_runs_step_by_step() {
    let Some(cluster) = Cluster::new("chain").await else {
        return;
    };
    let _controller = cluster.controller("a");
    cluster.submit("wf", chain(5, &template("step", "0s", 0))).await;
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    assert_eq!(workflow["status"]["progress"], "5/5");
    cluster.each_pod_was_made_once(5);
    cluster.remove().await;
}

#[tokio::test]
async fn a_fan_out_runs_all_its_items() {
    let Some(cluster) = Cluster::new("fan-out").await else {
        return;
    };
    let _controller = cluster.controller("a");
    let fan = json!({"name": "fan", "steps": [[
        {"name": "item", "template": "step", "withSequence": {"count": "40"}},
    ]]});
    let spec = json!({"entrypoint": "fan", "templates": [fan, template("step", "1s", 0)]});
    cluster.submit("wf", spec).await;
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    let pods = nodes(&workflow).filter(|node| node["type"] == "Pod");
    assert_eq!(pods.filter(|node| node["phase"] == "Succeeded").count(), 40);
    cluster.each_pod_was_made_once(40);
    cluster.remove().await;
}

#[tokio::test]
async fn a_failure_is_retried_and_then_told_to_the_exit_handler() {
    let Some(cluster) = Cluster::new("retries").await else {
        return;
    };
    let _controller = cluster.controller("a");
    let mut fails = template("fails", "0s", 3);
    fails["retryStrategy"] = json!({"limit": 2});
    let spec = json!({
        "entrypoint": "fails", "onExit": "cleans",
        "templates": [fails, template("cleans", "0s", 0)],
    });
    cluster.submit("wf", spec).await;
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Failed");
    assert_eq!(node(&workflow, "wf")["message"], "No more retries left");
    for attempt in 0..3 {
        let attempt = node(&workflow, &format!("wf({attempt})"));
        let said = (attempt["phase"].as_str(), attempt["outputs"]["exitCode"].as_str());
        assert_eq!(said, (Some("Failed"), Some("3")));
        assert_eq!(attempt["message"], "main: Error (exit code 3)");
    }
    assert_eq!(node(&workflow, "wf.onExit")["phase"], "Succeeded");
    cluster.each_pod_was_made_once(4);
    cluster.remove().await;
}
