//! A shadow beside the controller: it says what it would do, at each state, and does nothing.

use std::io::{BufRead as _, BufReader};
use std::sync::mpsc;

use kinds::kube::api::ListParams;
use serde_json::Value;

use crate::cluster::{Cluster, PATIENCE};
use crate::manifests::{chain, template};

#[tokio::test(flavor = "multi_thread")]
async fn a_shadow_decides_as_the_controller_does_and_writes_nothing() {
    let Some(cluster) = Cluster::new("shadow").await else {
        return;
    };
    let mut shadow = cluster.shadow();
    let lines = BufReader::new(shadow.stdout()).lines();
    let (to, told) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let decision: Value = serde_json::from_str(&line).expect("a line of JSON");
            if to.send(decision).is_err() {
                return;
            }
        }
    });
    let next_pod = || loop {
        let decision = told.recv_timeout(PATIENCE).expect("the shadow decides");
        if decision["verb"] == "create" && decision["kind"] == "Pod" {
            return decision["name"].as_str().unwrap_or_default().to_owned();
        }
    };
    cluster.submit("wf", chain(2, &template("step", "1s", 0))).await;
    let first = next_pod();
    assert_eq!(
        cluster
            .pods()
            .list(&ListParams::default())
            .await
            .expect("a list")
            .items
            .len(),
        0
    );
    assert_eq!(cluster.workflow("wf").await["status"], Value::Null);
    // The controller decides the same, and is not disturbed.
    let _controller = cluster.controller("a");
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    let pods = cluster.pods().list(&ListParams::default()).await.expect("a list");
    let made: Vec<String> = pods.into_iter().filter_map(|pod| pod.metadata.name).collect();
    assert!(made.contains(&first), "{first} is decided by both: {made:?}");
    cluster.each_pod_was_made_once(2);
    cluster.remove().await;
}
