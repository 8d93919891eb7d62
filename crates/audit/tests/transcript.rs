//! The report as people read it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use audit::{Cluster, Usage, text};
use common::{cpu_node, gpus, node, objects, pod, report};
use expect_test::expect_file;
use serde_json::json;

/// A cluster with a little of everything.
fn cluster() -> Cluster {
    let gone = json!({"spec": {"unschedulable": true}});
    let t4 = json!({"metadata": {"labels": {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.memory": "16384", "node-pool": "t4",
                    "karpenter.sh/capacity-type": "on-demand"}},
                    "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
                    "status": {"allocatable": {"nvidia.com/gpu": "4", "cpu": "48"}}});
    let tolerant =
        json!({"spec": {"tolerations": [{"operator": "Exists"}], "nodeSelector": {"node-pool": "t4"}}});
    let training = json!({"metadata": {"ownerReferences": [{"kind": "PyTorchJob", "name": "tune", "controller": true}]},
                          "spec": {"tolerations": [{"operator": "Exists"}]}});
    let mut all = objects(
        vec![
            node("a-1", json!({})),
            node("a-2", json!({})),
            node("a-3", gone),
            node("t4-1", t4.clone()),
            node("t4-2", t4),
            cpu_node("c-1"),
        ],
        vec![
            pod("bert-1", "a-1", gpus(4), json!({})),
            pod("bert-2", "a-2", gpus(4), json!({})),
            pod(
                "web",
                "a-2",
                json!({"cpu": "80"}),
                json!({"metadata": {"namespace": "shop"}}),
            ),
            pod("tune-0", "t4-1", gpus(1), training),
            pod(
                "notebook",
                "t4-2",
                gpus(4),
                json!({"metadata": {"namespace": "people"}}),
            ),
            pod(
                "train-0",
                "",
                gpus(8),
                json!({"status": {"conditions": [{"type": "PodScheduled", "status": "False",
                "message": "0/6 nodes are available: 6 Insufficient nvidia.com/gpu."}]}}),
            ),
            pod("train-1", "", gpus(8), json!({})),
            pod("small", "", gpus(8), tolerant),
        ],
    );
    all.namespaces = vec![
        json!({"metadata": {"name": "ml", "labels": {"team": "research"}}}),
        json!({"metadata": {"name": "people"}}),
    ];
    let mut cluster = all.cluster();
    let mut usage = Usage::new("a page of a DCGM exporter");
    for gpu in 0..4 {
        usage.read_page(&format!(
            "DCGM_FI_DEV_GPU_UTIL{{UUID=\"GPU-{gpu}\",namespace=\"people\",pod=\"notebook\"}} 0\n"
        ));
    }
    usage.read_page("DCGM_FI_DEV_GPU_UTIL{UUID=\"GPU-9\",namespace=\"ml\",pod=\"tune-0\"} 93\n");
    cluster.usage = Some(usage);
    cluster
}

#[test]
fn the_terminal_shows_everything_at_a_glance() {
    expect_file!["transcripts/everything.txt"].assert_eq(&text(&report(&cluster())));
}

#[test]
fn a_cluster_without_gpus_is_said_to_be_one() {
    let cluster = objects(vec![cpu_node("c-1")], vec![]).cluster();
    expect_file!["transcripts/no-gpus.txt"].assert_eq(&text(&report(&cluster)));
}
