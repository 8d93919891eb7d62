//! Accounts of small clusters: what is held, free, stranded and out of service.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use common::{cpu_node, gpus, node, objects, pod};
use serde_json::{Value, json};

/// Requested, free, stranded, unusable and out of service, as `requested/free/stranded/unusable/out`.
fn check(nodes: Vec<Value>, pods: Vec<Value>, expected: &str) {
    let total = objects(nodes, pods).audit().total;
    let found = [
        total.holding.requested,
        total.free,
        total.stranded,
        total.unusable,
        total.out_of_service,
    ];
    assert_eq!(found.map(|gpus| gpus.to_string()).join("/"), expected);
}

#[test]
fn what_is_held_is_not_free() {
    let n = || node("n", json!({}));
    check(vec![n()], vec![], "0/8/0/0/0");
    check(vec![n()], vec![pod("p", "n", gpus(3), json!({}))], "3/5/0/0/0");
    check(
        vec![n()],
        vec![pod("p", "n", gpus(3), json!({"status": {"phase": "Succeeded"}}))],
        "0/8/0/0/0",
    );
    check(
        vec![n()],
        vec![pod("p", "elsewhere", gpus(3), json!({}))],
        "3/8/0/0/0",
    );
    check(
        vec![n(), cpu_node("c")],
        vec![pod("p", "c", json!({"cpu": "1"}), json!({}))],
        "0/8/0/0/0",
    );
    let held = || vec![pod("p", "n", gpus(3), json!({}))];
    check(
        vec![node("n", json!({"spec": {"unschedulable": true}}))],
        held(),
        "3/0/0/0/5",
    );
    let not_ready = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    check(vec![node("n", not_ready)], held(), "3/0/0/0/5");
}

#[test]
fn free_gpus_are_stranded_for_sizes_that_do_not_fit() {
    let two = || vec![node("m", json!({})), node("n", json!({}))];
    let small = |name: &str, at: &str| pod(name, at, gpus(2), json!({}));
    let large = |name: &str| pod(name, "", gpus(8), json!({}));
    // Of the sizes one half is 8: it finds no place, on either machine.
    check(
        two(),
        vec![small("a", "m"), small("b", "n"), large("c"), large("d")],
        "4/12/6/0/0",
    );
    // An empty machine takes it.
    check(two(), vec![small("a", "m"), large("b")], "2/14/3/0/0");
    // What no size can use is unusable: here all CPU is taken.
    let hog = pod("hog", "m", json!({"cpu": "95"}), json!({}));
    check(
        vec![node("m", json!({}))],
        vec![hog.clone(), small("a", "")],
        "0/8/8/8/0",
    );
    // Nobody asks for GPUs: nothing is stranded.
    check(vec![node("m", json!({}))], vec![hog], "0/8/0/0/0");
    // Sizes that the machine could never hold, or may not go there, are not its affair.
    check(
        two(),
        vec![small("a", "m"), pod("b", "", gpus(16), json!({}))],
        "2/14/0/0/0",
    );
    let elsewhere = json!({"spec": {"nodeSelector": {"zone": "other"}}});
    check(
        two(),
        vec![small("a", "m"), pod("b", "", gpus(8), elsewhere)],
        "2/14/0/0/0",
    );
    // Sizes of ended pods are part of the workload.
    let ended = pod("b", "n", gpus(8), json!({"status": {"phase": "Failed"}}));
    check(two(), vec![small("a", "m"), ended], "2/14/3/0/0");
}

#[test]
fn shares_and_slices_are_parts_of_gpus() {
    let shared = json!({"metadata": {"labels": {"nvidia.com/gpu.replicas": "4"}}, "status": {"allocatable": {"nvidia.com/gpu": "8"}}});
    check(
        vec![node("n", shared)],
        vec![pod("p", "n", gpus(1), json!({}))],
        "0.25/1.75/0/0/0",
    );
    let mixed = json!({"status": {"allocatable": {"nvidia.com/gpu": "4", "nvidia.com/mig-3g.40gb": "2", "nvidia.com/mig-1g.10gb": "7"}}});
    let slice = json!({"nvidia.com/mig-3g.40gb": "1"});
    check(
        vec![node("n", mixed.clone())],
        vec![pod("p", "n", slice, json!({}))],
        "0.43/5.43/0/0/0",
    );
    // Slices that are asked for and free strand nothing, whatever others ask for; all CPU taken does.
    let busy = json!({"nvidia.com/mig-3g.40gb": "1", "cpu": "96"});
    check(
        vec![node("n", mixed)],
        vec![
            pod("p", "n", busy, json!({})),
            pod(
                "q",
                "",
                json!({"nvidia.com/mig-3g.40gb": "1", "cpu": "1"}),
                json!({}),
            ),
        ],
        "0.43/5.43/0.43/0.43/0",
    );
}

#[test]
fn pods_share_a_gpu_by_annotation() {
    let n = || node("n", json!({}));
    let share = |name: &str, part: &str| {
        pod(
            name,
            "n",
            json!({}),
            json!({"metadata": {"annotations": {"gpu-fraction": part}, "labels": {"runai-gpu-group": "g"}}}),
        )
    };
    let reserving = pod(
        "r",
        "n",
        json!({"nvidia.com/gpu": "1"}),
        json!({"metadata": {"labels": {"runai-gpu-group": "g"}}}),
    );
    check(
        vec![n()],
        vec![share("a", "0.5"), reserving.clone()],
        "0.5/7.5/0/0/0",
    );
    // Of the pods one half asks for more than the quarter that is left.
    check(
        vec![n()],
        vec![share("a", "0.5"), share("b", "0.25"), reserving.clone()],
        "0.75/7.25/0.12/0/0",
    );
    check(vec![n()], vec![share("a", "0.5")], "0.5/7.5/0/0/0");
    // The rest of a shared GPU is of use to small parts only.
    let wants = |part: &str| {
        pod(
            "w",
            "",
            json!({}),
            json!({"metadata": {"annotations": {"gpu-fraction": part}}}),
        )
    };
    let full = pod("f", "n", gpus(7), json!({}));
    check(
        vec![n()],
        vec![share("a", "0.6"), reserving.clone(), full.clone(), wants("0.5")],
        "7.6/0.4/0.4/0.4/0",
    );
    check(
        vec![n()],
        vec![share("a", "0.6"), reserving, full, wants("0.4")],
        "7.6/0.4/0.27/0/0",
    );
    let by_memory = json!({"metadata": {"annotations": {"gpu-memory": "20480"}}});
    check(
        vec![n()],
        vec![pod("m", "n", json!({}), by_memory)],
        "0.25/7.75/0/0/0",
    );
}

#[test]
fn rows_are_by_model_pool_team_and_namespace() {
    let mut all = objects(
        vec![
            node("m", json!({})),
            node(
                "n",
                json!({"metadata": {"labels": {"node-pool": "b", "nvidia.com/gpu.product": "Tesla-T4"}}}),
            ),
        ],
        vec![
            pod("a", "m", gpus(3), json!({})),
            pod("b", "n", gpus(2), json!({"metadata": {"namespace": "research"}})),
            pod("c", "", gpus(4), json!({"metadata": {"namespace": "research"}})),
        ],
    );
    all.namespaces = vec![
        json!({"metadata": {"name": "ml", "labels": {"team": "blue"}}}),
        json!({"metadata": {"name": "research"}}),
    ];
    let report = all.audit();
    let of = |rows: Vec<(String, String, String)>| {
        let rows: Vec<String> = rows
            .into_iter()
            .map(|(name, held, waiting)| format!("{name} {held} {waiting}"))
            .collect();
        rows.join(", ")
    };
    let accounts = |rows: &[audit::Named<audit::Account>]| {
        of(rows
            .iter()
            .map(|row| {
                (
                    row.name.clone(),
                    row.row.holding.requested.to_string(),
                    row.row.free.to_string(),
                )
            })
            .collect())
    };
    let holdings = |rows: &[audit::Named<audit::Holding>]| {
        of(rows
            .iter()
            .map(|row| {
                (
                    row.name.clone(),
                    row.row.requested.to_string(),
                    row.row.pending.to_string(),
                )
            })
            .collect())
    };
    assert_eq!(
        accounts(&report.models),
        "NVIDIA-A100-SXM4-80GB 3 5, Tesla-T4 2 6"
    );
    assert_eq!(accounts(&report.pools), "a 3 5, b 2 6");
    assert_eq!(holdings(&report.teams), "blue 3 0, (none) 2 4");
    assert_eq!(holdings(&report.namespaces), "ml 3 0, research 2 4");
    assert_eq!(report.total.holding.pending.to_string(), "4");
}

#[test]
fn costs_follow_the_price_of_the_machine() {
    let typed = |labels: Value| node("n", json!({"metadata": {"labels": labels}}));
    let check = |labels: Value, expected: &str| {
        let total = objects(vec![typed(labels)], vec![pod("p", "n", gpus(2), json!({}))])
            .audit()
            .total;
        assert_eq!(
            format!("{} {}", total.cost_allocatable, total.holding.cost_requested),
            expected
        );
    };
    check(
        json!({"node.kubernetes.io/instance-type": "p4de.24xlarge"}),
        "$27.45 $6.86",
    );
    check(json!({}), "$27.20 $6.80");
    check(json!({"karpenter.sh/capacity-type": "spot"}), "$10.88 $2.72");
    check(json!({"nvidia.com/gpu.product": "what"}), "$0.00 $0.00");
    let unpriced = objects(vec![typed(json!({"nvidia.com/gpu.product": "what"}))], vec![]).audit();
    assert_eq!(unpriced.total.unpriced.to_string(), "8");
    assert!(
        unpriced.notes.iter().any(|note| note.contains("what")),
        "{:?}",
        unpriced.notes
    );
}
