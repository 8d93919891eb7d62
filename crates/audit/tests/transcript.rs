//! The report as people read it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use audit::{Cluster, Usage, text};
use common::{cpu_node, gpus, node, objects, pod, report};
use expect_test::expect;
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
    expect![[r#"
        6 machines, 5 with GPUs; 5 pods, 3 waiting; looked at 2026-11-24T06:00:00Z

        GPUS                          PART   A MONTH
        allocatable           32   100.0 %   $62,488
        requested             13    40.6 %   $21,681
          idle while held      4    12.5 %    $1,460
        free                  11    34.4 %   $20,951
          stranded          5.33    16.7 %   $13,237
          unusable             4    12.5 %
        out of service         8    25.0 %
        waited for            24    75.0 %

        MODEL                   MACHINES   GPUS   REQUESTED   IDLE   FREE   STRANDED   OUT   A MONTH    WASTED
        NVIDIA-A100-SXM4-80GB          3     24           8      ?      8       5.33     8   $59,568   $13,237
        Tesla-T4                       2      8           5      4      3          0     0    $2,920    $1,460

        POOL   MACHINES   GPUS   REQUESTED   IDLE   FREE   STRANDED   OUT   A MONTH    WASTED
        a             3     24           8      ?      8       5.33     8   $59,568   $13,237
        t4            2      8           5      4      3          0     0    $2,920    $1,460

        TEAM       REQUESTED   IDLE   WAITED FOR   A MONTH   IDLE A MONTH
        research           9      0           24   $20,221          $0.00
        (none)             4      4            0    $1,460         $1,460

        NAMESPACE   REQUESTED   IDLE   WAITED FOR   A MONTH   IDLE A MONTH
        ml                  9      0           24   $20,221          $0.00
        people              4      4            0    $1,460         $1,460

        SIZE    PODS   WAITING   ROOM FOR   FREE BUT UNUSABLE
        4 GPU      3         0          1                   4
        8 GPU      3         3          0                   8
        1 GPU      1         0          7                   4

        Idle while held: 1
          people/notebook on t4-2: 4 of 4 GPUs, $1,460 a month
        Machines that one small pod keeps up: 1
          t4-1 (4 GPUs), $1,460 a month: ml/tune-0 takes 25 %
        Pods without GPUs on GPU machines: 1
          a-2: 1 pod, 80 cores, strand 2.67 GPUs
        GPU machines without a taint: 3
          a-1 of pool a: 8 GPUs
          a-2 of pool a: 8 GPUs
          a-3 of pool a: 8 GPUs
        Training and other work that ends, on demand: 1
          ml/tune-0 of PyTorchJob/tune: 1 GPUs, $365 a month, spot saves $219

        Waiting pods: 3
          1 × 8 GPU: ml/small
            why not: 3 machines of a (NVIDIA-A100-SXM4-80GB): 1 cordoned, not node-pool=t4, 1 busy: cpu, 2 busy: nvidia.com/gpu
            why not: 1 machine of cpu: not node-pool=t4, too small: cpu, too small: nvidia.com/gpu
            why not: 2 machines of t4 (Tesla-T4): too small: nvidia.com/gpu
            would run: ask for at most 3 nvidia.com/gpu
          2 × 8 GPU: ml/train-0, ml/train-1
            default-scheduler says: 0/6 nodes are available: 6 Insufficient nvidia.com/gpu.
            why not: 3 machines of a (NVIDIA-A100-SXM4-80GB): 1 cordoned, 1 busy: cpu, 2 busy: nvidia.com/gpu
            why not: 1 machine of cpu: too small: cpu, too small: nvidia.com/gpu
            why not: 2 machines of t4 (Tesla-T4): taint nvidia.com/gpu:NoSchedule, too small: nvidia.com/gpu
            would run: uncordon machines
            would run: ask for at most 4 nvidia.com/gpu
            would run: one more machine of pool a

        WHAT COULD BE WON                              GPUS   MACHINES   MOVES   SAVES A MONTH
        take back 4 GPUs that nobody uses from 1 pod      4                             $1,460
        move pods to empty 1 machine, and end them        4          1       1          $1,460
        end 1 machine on which nothing runs                          1                    $526
        move 1 pod without GPUs off GPU machines       2.67                  1
        run 1 pod of training on spot machines                               1            $219

        note: 8 held GPUs were not measured; they count as busy.
    "#]].assert_eq(&text(&report(&cluster())));
}

#[test]
fn a_cluster_without_gpus_is_said_to_be_one() {
    let cluster = objects(vec![cpu_node("c-1")], vec![]).cluster();
    expect![[r#"
        1 machine, 0 with GPUs; 0 pods, 0 waiting; looked at 2026-11-24T06:00:00Z

        No machine has GPUs.

        WHAT COULD BE WON                     GPUS   MACHINES   MOVES   SAVES A MONTH
        end 1 machine on which nothing runs                 1                    $526

        note: Nothing measured the GPUs: how many are idle while held is not known.
    "#]]
    .assert_eq(&text(&report(&cluster)));
}
