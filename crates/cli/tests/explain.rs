//! `plimsoll explain`: what it says of pods that wait and of those that do not, and that it only reads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use cli::Exit;
use common::{Bench, Outcome};
use expect_test::expect;
use kinds::k8s::api::core::v1::{Node, Pod};
use kinds::kube::Api;
use kinds::kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

fn pod(name: &str, gpus: u32, spec: &Value) -> Value {
    let mut pod = json!({"metadata": {"name": name}, "spec": spec});
    let limits = json!({"nvidia.com/gpu": gpus.to_string()});
    pod["spec"]["containers"] = json!([{"name": "main", "image": "none", "resources": {"limits": limits}}]);
    pod
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    let (params, client) = (PostParams::default(), bench.client.clone());
    let nodes: Api<Node> = Api::all(client.clone());
    let labels = json!({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"});
    let node = json!({"metadata": {"name": "n1", "labels": labels}});
    nodes
        .create(&params, &serde_json::from_value(node).unwrap())
        .await
        .unwrap();
    let offer = json!({"cpu": "96", "memory": "768Gi", "pods": "110", "nvidia.com/gpu": "8"});
    let status = Patch::Merge(json!({"status": {"allocatable": offer}}));
    nodes
        .patch_status("n1", &PatchParams::default(), &status)
        .await
        .unwrap();
    let gated = json!({"schedulingGates": [{"name": "example.com/quota"}]});
    for object in [
        pod("held", 5, &json!({"nodeName": "n1"})),
        pod("waits", 4, &json!({})),
        pod("small", 1, &json!({"schedulerName": "other"})),
        pod("gated", 1, &gated),
    ] {
        let object: Pod = serde_json::from_value(object).unwrap();
        Api::default_namespaced(client.clone())
            .create(&params, &object)
            .await
            .unwrap();
    }
    bench
}

#[tokio::test]
async fn a_pod_that_waits_is_told_why_and_what_would_help() {
    let Outcome { exit, stdout, stderr } = bench().await.run("explain pod/waits").await;
    expect![[r#"
        Pod default/waits waits: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.

        Why not, by class of machine:
             1  nvidia-a100-sxm4-80gb  3 nvidia.com/gpu free of 4 asked

        What would let it run, any of:
          - ask for at most 3 nvidia.com/gpu (fits on n1)
          - wait for pod default/held to end (fits on n1)
          - add a machine like n1
    "#]]
    .assert_eq(&format!("{stdout}{stderr}"));
    assert_eq!(exit, Exit::Success);
}

#[tokio::test]
async fn every_standing_is_told() {
    let bench = bench().await;
    for (pod, expected) in [
        ("pod/held", "Pod default/held is on n1.\n"),
        (
            "small",
            "Pod default/small fits on n1: it waits for the scheduler `other`.\n",
        ),
        (
            "po/gated",
            "Pod default/gated waits for its scheduling gates to be lifted: example.com/quota.\n",
        ),
    ] {
        let Outcome { exit, stdout, .. } = bench.run(&format!("explain {pod}")).await;
        assert_eq!((stdout.as_str(), exit), (expected, Exit::Success), "{pod}");
    }
}

#[tokio::test]
async fn the_answer_is_data_as_well() {
    let answer = bench().await.run("explain pod/waits -o json").await.stdout;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["pod"], "default/waits");
    assert_eq!(answer["state"], "waits");
    assert_eq!(answer["scheduler"], "default-scheduler");
    assert_eq!(
        answer["machines"],
        json!([{"class": "nvidia-a100-sxm4-80gb", "machines": 1, "example": "n1", "obstacles":
            [{"reason": "busy", "resource": "nvidia.com/gpu", "asked": "4", "free": "3"}]}])
    );
    assert_eq!(
        answer["remedies"][1]["changes"][0],
        json!({"change": "waitFor", "pod": "default/held"})
    );
}

#[tokio::test]
async fn what_is_not_there_is_an_error() {
    let bench = bench().await;
    let Outcome { exit, stderr, .. } = bench.run("explain pod/nobody -n other").await;
    assert_eq!(exit, Exit::Failed);
    assert_eq!(
        stderr,
        "error: there is no pod `nobody` in the namespace `other`\nhint: -n names another namespace\n"
    );
}
