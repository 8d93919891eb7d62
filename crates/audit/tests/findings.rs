//! Findings and wins of small clusters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use audit::{Report, Usage};
use common::{Objects, cpu_node, gpus, node, objects, pod, report};
use serde_json::{Value, json};

/// A pod of a DaemonSet.
fn everywhere(name: &str, at: &str, requests: Value) -> Value {
    pod(
        name,
        at,
        requests,
        json!({"metadata": {"ownerReferences": [{"kind": "DaemonSet", "controller": true}]}}),
    )
}

fn names<T>(rows: &[T], name: impl Fn(&T) -> String) -> String {
    rows.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_machine_is_kept_up_by_its_only_small_pod() {
    let check = |nodes: Vec<Value>, pods: Vec<Value>, expected: &str| {
        let found = objects(nodes, pods).audit().findings.kept_up;
        let text = names(&found, |at| {
            format!(
                "{} {} {} {}",
                at.node,
                at.pod,
                at.takes,
                at.fits_on.as_deref().unwrap_or("-")
            )
        });
        assert_eq!(text, expected);
    };
    let n = || node("n", json!({}));
    check(vec![n()], vec![], "");
    check(
        vec![n()],
        vec![pod("p", "n", gpus(1), json!({}))],
        "n ml/p 0.125 -",
    );
    check(vec![n()], vec![pod("p", "n", gpus(3), json!({}))], "");
    check(
        vec![n()],
        vec![
            pod("p", "n", gpus(1), json!({})),
            pod("q", "n", gpus(1), json!({})),
        ],
        "",
    );
    check(
        vec![n()],
        vec![
            pod("p", "n", gpus(1), json!({})),
            everywhere("d", "n", json!({"cpu": "1"})),
        ],
        "n ml/p 0.125 -",
    );
    check(
        vec![cpu_node("c")],
        vec![pod("p", "c", json!({"cpu": "8", "memory": "1Gi"}), json!({}))],
        "",
    );
    let busy = || {
        vec![
            pod("a", "m", gpus(2), json!({})),
            pod("b", "m", gpus(2), json!({})),
            pod("p", "n", gpus(1), json!({})),
        ]
    };
    check(vec![node("m", json!({})), n()], busy(), "n ml/p 0.125 m");
}

#[test]
fn gpu_machines_are_for_pods_with_gpus() {
    let check = |pods: Vec<Value>, over: Value, expected: &str| {
        let found = objects(vec![node("n", over), cpu_node("c")], pods)
            .audit()
            .findings;
        let guests = names(&found.cpu_pods, |at| {
            format!(
                "{} {} cores {} strand {}",
                at.node,
                at.cores,
                at.pods.join("+"),
                at.strand
            )
        });
        assert_eq!(
            format!(
                "{guests}; untainted: {}",
                names(&found.untainted, |at| at.node.clone())
            ),
            expected
        );
    };
    let taint = |key: &str, effect: &str| json!({"spec": {"taints": [{"key": key, "effect": effect}]}});
    let hog = pod("hog", "n", json!({"cpu": "94"}), json!({}));
    check(vec![], json!({}), "; untainted: n");
    check(vec![], taint("nvidia.com/gpu", "NoSchedule"), "; untainted: ");
    check(
        vec![],
        taint("nvidia.com/gpu", "PreferNoSchedule"),
        "; untainted: n",
    );
    check(
        vec![],
        taint("node.kubernetes.io/not-ready", "NoExecute"),
        "; untainted: n",
    );
    check(
        vec![hog.clone()],
        taint("a", "NoSchedule"),
        "n 94 cores ml/hog strand 0; untainted: ",
    );
    let wants = pod(
        "w",
        "",
        gpus(1),
        json!({"spec": {"tolerations": [{"operator": "Exists"}]}}),
    );
    check(
        vec![hog, wants],
        taint("a", "NoSchedule"),
        "n 94 cores ml/hog strand 8; untainted: ",
    );
    check(
        vec![everywhere("d", "n", json!({"cpu": "1"}))],
        taint("a", "NoSchedule"),
        "; untainted: ",
    );
    check(
        vec![pod("p", "n", gpus(1), json!({}))],
        taint("a", "NoSchedule"),
        "; untainted: ",
    );
}

#[test]
fn training_on_demand_could_be_on_spot() {
    let check = |labels: Value, over: Value, expected: &str| {
        let nodes = vec![node("n", json!({"metadata": {"labels": labels}}))];
        let found = objects(nodes, vec![pod("p", "n", gpus(2), over)])
            .audit()
            .findings
            .on_demand;
        let text = names(&found, |at| {
            format!(
                "{} {} {} saves {}",
                at.owner,
                at.gpus,
                at.cost.unwrap(),
                at.saving.unwrap()
            )
        });
        assert_eq!(text, expected);
    };
    let (demand, spot) = (
        || json!({"karpenter.sh/capacity-type": "on-demand"}),
        json!({"karpenter.sh/capacity-type": "spot"}),
    );
    let owned = |kind: &str| json!({"metadata": {"ownerReferences": [{"kind": kind, "name": "j", "controller": true}]}});
    check(demand(), owned("PyTorchJob"), "PyTorchJob/j 2 $6.80 saves $4.08");
    check(
        demand(),
        json!({"spec": {"restartPolicy": "Never"}}),
        "ReplicaSet/p 2 $6.80 saves $4.08",
    );
    check(demand(), owned("StatefulSet"), "");
    check(spot, owned("Job"), "");
    check(json!({}), owned("Job"), "");
}

fn measured(objects: &Objects, page: &str) -> Report {
    let mut usage = Usage::new("a page");
    usage.read_page(page);
    let mut cluster = objects.cluster();
    cluster.usage = Some(usage);
    report(&cluster)
}

#[test]
fn held_gpus_that_do_nothing_are_idle() {
    let all = objects(
        vec![node("n", json!({}))],
        vec![
            pod("lazy", "n", gpus(2), json!({})),
            pod("busy", "n", gpus(1), json!({})),
            pod("unseen", "n", gpus(1), json!({})),
        ],
    );
    let reading = |gpu: u32, pod: &str, busy: u32| {
        format!(
            "DCGM_FI_DEV_GPU_UTIL{{gpu=\"{gpu}\",UUID=\"GPU-{gpu}\",namespace=\"ml\",pod=\"{pod}\"}} {busy}\n"
        )
    };
    let page = [
        reading(0, "lazy", 0),
        reading(1, "lazy", 90),
        reading(2, "busy", 70),
        reading(3, "gone", 0),
    ]
    .concat();
    let found = measured(&all, &page);
    let holding = &found.total.holding;
    assert_eq!(
        format!(
            "{} of {} of {}",
            holding.idle, holding.measured, holding.requested
        ),
        "1 of 3 of 4"
    );
    assert_eq!(
        names(&found.findings.idle, |at| format!(
            "{} {} of {}",
            at.pod, at.idle, at.requested
        )),
        "ml/lazy 1 of 2"
    );
    assert_eq!(
        found.notes,
        ["1 held GPUs were not measured; they count as busy."]
    );
    assert_eq!(wins(&found), "Idle 1 GPUs 0 machines 0 moves");
}

#[test]
fn small_users_could_share() {
    let check = |users: &[(u32, u32)], expected: &str| {
        let pods = users
            .iter()
            .enumerate()
            .map(|(index, _)| pod(&format!("p{index}"), "n", gpus(1), json!({})))
            .collect();
        let line = |metric: &str, index: usize, value: u32| {
            format!(
                "DCGM_FI_DEV_{metric}{{UUID=\"GPU-{index}\",namespace=\"ml\",pod=\"p{index}\"}} {value}\n"
            )
        };
        let page: String = users
            .iter()
            .enumerate()
            .map(|(index, (busy, memory))| {
                line("GPU_UTIL", index, *busy)
                    + &line("FB_USED", index, *memory)
                    + &line("FB_FREE", index, 100 - memory)
            })
            .collect();
        let found = measured(&objects(vec![node("n", json!({}))], pods), &page);
        assert_eq!(wins(&found), expected, "{users:?}");
    };
    check(
        &[(20, 20), (20, 20), (20, 20), (20, 20)],
        "Share 3 GPUs 0 machines 4 moves",
    );
    check(&[(20, 45), (20, 45)], "");
    check(&[(20, 45), (20, 35)], "Share 1 GPUs 0 machines 2 moves");
    check(&[(60, 10), (20, 10)], "");
    check(&[(1, 10), (20, 10)], "Idle 1 GPUs 0 machines 0 moves");
}

fn wins(report: &Report) -> String {
    names(&report.wins, |win| {
        format!(
            "{:?} {} GPUs {} machines {} moves",
            win.kind, win.gpus, win.machines, win.moves
        )
    })
}

#[test]
fn moving_pods_makes_room_and_empties_machines() {
    let check = |nodes: Vec<Value>, pods: Vec<Value>, expected: &str| {
        assert_eq!(wins(&objects(nodes, pods).audit()), expected);
    };
    let two = || vec![node("m", json!({})), node("n", json!({}))];
    let on = |name: &str, at: &str, count: i64| pod(name, at, gpus(count), json!({}));
    // 4 + 4 free, 8 asked for: one of the two moves to the other machine.
    check(
        two(),
        vec![on("a", "m", 4), on("b", "n", 4), on("c", "", 8)],
        "Repack 8 GPUs 0 machines 1 moves",
    );
    // The smallest set of pods moves, not those that come first.
    check(
        two(),
        vec![
            on("a", "m", 1),
            on("b", "m", 4),
            on("c", "n", 3),
            on("d", "", 4),
            on("e", "", 4),
        ],
        "Repack 4 GPUs 0 machines 1 moves",
    );
    // Nobody would make a bare pod again.
    let bare = |name: &str, at: &str| pod(name, at, gpus(4), json!({"metadata": {"ownerReferences": []}}));
    check(two(), vec![bare("a", "m"), bare("b", "n"), on("c", "", 8)], "");
    let pinned = |name: &str, at: &str| {
        pod(
            name,
            at,
            gpus(4),
            json!({"metadata": {"annotations": {"karpenter.sh/do-not-disrupt": "true"}}}),
        )
    };
    check(
        two(),
        vec![pinned("a", "m"), on("b", "n", 4), on("c", "", 8)],
        "Repack 8 GPUs 0 machines 1 moves",
    );
    check(
        two(),
        vec![pinned("a", "m"), pinned("b", "n"), on("c", "", 8)],
        "",
    );
    // Without anyone waiting a machine becomes empty; what is empty already is told apart.
    check(
        two(),
        vec![on("a", "m", 4), on("b", "n", 4)],
        "Consolidate 8 GPUs 1 machines 1 moves",
    );
    check(two(), vec![on("a", "m", 4)], "Empty 8 GPUs 1 machines 0 moves");
    // All pods of a machine move, or none.
    check(two(), vec![on("a", "m", 3), on("b", "m", 3), on("c", "n", 4)], "");
}
