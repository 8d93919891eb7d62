//! Placement by example: machines and pods in a short notation, the plan as text.

use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::*;
use crate::machine::{NodeSpec, NodeStatus};
use crate::pod::{Identity, PodSpec};

fn machine(name: &str, allocatable: &Value, spec: Value) -> Machine {
    let labels = spec["labels"]
        .as_object()
        .map_or_else(Default::default, |labels| {
            labels
                .iter()
                .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
                .collect()
        });
    let spec: NodeSpec = serde_json::from_value(spec).unwrap();
    let status: NodeStatus = serde_json::from_value(json!({ "allocatable": allocatable })).unwrap();
    Machine::new(name, labels, spec, status)
}

fn big(name: &str) -> Machine {
    machine(
        name,
        &json!({"cpu": "64", "memory": "64Gi", "pods": "10000"}),
        json!({}),
    )
}

fn pod(uid: &str, spec: Value) -> Pod {
    let spec: PodSpec = serde_json::from_value(spec).unwrap();
    Pod::new(uid, Identity::default(), &spec, false, "default-scheduler")
}

fn cpu(uid: &str, amount: &str) -> Pod {
    pod(
        uid,
        json!({"containers": [{"resources": {"requests": {"cpu": amount}}}]}),
    )
}

/// The plan in text: `pod@machine` for each binding, `pod: why` for each that waits.
fn text((plan, waiting): (Plan, Vec<Waiting>)) -> Vec<String> {
    let bound = plan.bindings.iter().map(|b| format!("{}@{}", b.pod, b.node));
    let waits = waiting.iter().map(|w| match w.why.machines {
        0 => format!("{}: {}", w.pod, w.why),
        _ => format!("{}: {}", w.pod, w.why.refusals()),
    });
    bound.chain(waits).collect()
}

fn check(machines: &[Machine], pods: &[Pod], expected: &[&str]) {
    assert_eq!(text(plan(machines, pods)), expected);
}

#[test]
fn no_machine_no_place() {
    check(&[], &[cpu("a", "1")], &["a: no nodes available to schedule pods"]);
}

#[test]
fn least_allocated_first_and_ties_by_name() {
    check(
        &[big("m1"), big("m2")],
        &[cpu("a", "1"), cpu("b", "1"), cpu("c", "1")],
        &["a@m1", "b@m2", "c@m1"],
    );
}

#[test]
fn every_reason_in_kube_schedulers_words() {
    let small = json!({"cpu": "1", "memory": "1Gi", "pods": "10"});
    let taint = json!({"taints": [{"key": "gpu", "value": "only", "effect": "NoSchedule"}]});
    let machines = [
        machine("m1", &small, taint.clone()),
        machine("m2", &small, taint),
        machine("m3", &small, json!({"unschedulable": true})),
        machine("m4", &small, json!({})),
        machine(
            "m5",
            &json!({"cpu": "9", "pods": "0"}),
            json!({"labels": {"zone": "a"}}),
        ),
    ];
    let both = pod(
        "both",
        json!({"containers": [{"resources": {"requests": {"cpu": "2", "x.io/y": "1"}}}]}),
    );
    let zone = pod("zone", json!({"nodeSelector": {"zone": "a"}}));
    check(
        &machines,
        &[both, zone],
        &[
            "both: 0/5 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) were unschedulable, \
             2 Insufficient x.io/y, 2 node(s) had untolerated taint {gpu: only}.",
            "zone: 0/5 nodes are available: 1 Too many pods, 1 node(s) didn't match Pod's node \
             affinity/selector, 1 node(s) were unschedulable, 2 node(s) had untolerated taint {gpu: only}.",
        ],
    );
}

#[test]
fn affinity_required_and_preferred() {
    let labelled = |name: &str, zone: &str| {
        let labels = json!({"labels": {"zone": zone}});
        machine(name, &json!({"cpu": "8", "memory": "8Gi", "pods": "10"}), labels)
    };
    let machines = [labelled("m1", "a"), labelled("m2", "b"), labelled("m3", "c")];
    let wants =
        |values: Value| json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": values}]});
    let required = |term: Value| {
        json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [term]}}}})
    };
    let preferred = json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution":
        [{"weight": 1, "preference": wants(json!(["b"]))}, {"weight": 9, "preference": wants(json!(["c"]))}]}}});
    let by_name = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["m2"]}]});
    check(
        &machines,
        &[
            pod("r", required(wants(json!(["b", "z"])))),
            pod("p", preferred),
            pod("f", required(by_name)),
            pod("e", required(json!({}))),
        ],
        &[
            "r@m2",
            "p@m3",
            "f@m2",
            "e: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
        ],
    );
}

#[test]
fn priority_goes_first_and_others_pods_are_left_alone() {
    let one = machine(
        "m1",
        &json!({"cpu": "1", "memory": "1Gi", "pods": "10"}),
        json!({}),
    );
    let mut high = cpu("high", "1");
    high.priority = 10;
    let mut theirs = cpu("theirs", "1");
    theirs.ours = false;
    check(
        &[one],
        &[cpu("low", "1"), theirs, high],
        &["high@m1", "low: 0/1 nodes are available: 1 Insufficient cpu."],
    );
}

#[test]
fn room_is_taken_by_assumption_and_given_back() {
    let mut state = State::new(Settings::default());
    state.machine_applied(machine("m1", &json!({"cpu": "1", "pods": "10"}), json!({})));
    state.pod_applied(cpu("a", "1"));
    state.pod_applied(cpu("b", "1"));
    let names = |plan: Plan| plan.bindings.into_iter().map(|b| b.pod).collect::<Vec<_>>();
    assert_eq!(names(state.plan()), ["a"]);
    assert!(state.why("b").is_some() && state.why("a").is_none());
    // A late sight of the unbound pod does not undo the assumption.
    state.pod_applied(cpu("a", "1"));
    assert!(state.plan().bindings.is_empty());
    state.forget("a");
    assert_eq!(names(state.plan()), ["a"], "it kept its turn");
    let mut ended = cpu("a", "1");
    ended.node = Some("m1".into());
    ended.finished = true;
    state.pod_applied(ended);
    assert_eq!(names(state.plan()), ["b"]);
    state.pod_deleted("b");
    assert_eq!(state.waiting(), 0);
}

#[test]
fn a_plan_is_bounded_and_goes_on() {
    let mut state = State::new(Settings { bindings_max: 2 });
    state.machine_applied(big("m1"));
    for i in 0..5 {
        state.pod_applied(cpu(&format!("p{i}"), "1"));
    }
    let sizes: Vec<_> = (0..3)
        .map(|_| {
            let plan = state.plan();
            (plan.bindings.len(), plan.more)
        })
        .collect();
    assert_eq!(sizes, [(2, true), (2, true), (1, false)]);
}

#[test]
fn incremental_equals_rebuilt() {
    // A small deterministic generator: a linear congruential one is random enough here.
    let mut seed = 7_u64;
    let mut next = move |bound: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    };
    let machines = [
        big("m1"),
        machine("m2", &json!({"cpu": "4", "pods": "6"}), json!({})),
    ];
    let mut state = State::new(Settings::default());
    machines.iter().for_each(|m| state.machine_applied(m.clone()));
    let mut pods: BTreeMap<String, Pod> = BTreeMap::new();
    for step in 0..300 {
        let uid = format!("p{:02}", next(40));
        if next(3) == 0 {
            pods.remove(&uid);
            state.pod_deleted(&uid);
        } else if let Entry::Vacant(entry) = pods.entry(uid.clone()) {
            let pod = cpu(&uid, ["1", "2", "500m"][usize::try_from(next(3)).unwrap()]);
            state.pod_applied(entry.insert(pod).clone());
        }
        let expected = plan(&machines, &pods.values().cloned().collect::<Vec<_>>()).0;
        let found = state.plan();
        assert_eq!(found.bindings, expected.bindings, "step {step}");
        for binding in found.bindings {
            pods.get_mut(&binding.pod).unwrap().node = Some(binding.node);
        }
    }
}

fn gpus(name: &str, count: &str, cpu: &str) -> Machine {
    let allocatable = json!({"cpu": cpu, "memory": "512Gi", "pods": "100", "nvidia.com/gpu": count});
    machine(name, &allocatable, json!({}))
}

fn gpu(uid: &str, count: &str, cpu: &str) -> Pod {
    let requests = json!({"cpu": cpu, "nvidia.com/gpu": count});
    pod(
        uid,
        json!({"containers": [{"resources": {"requests": requests}}]}),
    )
}

#[test]
fn pods_with_devices_are_packed_so_that_large_ones_still_fit() {
    let machines = [gpus("a", "8", "96"), gpus("b", "8", "96")];
    let pods = [gpu("1", "1", "8"), gpu("2", "1", "8"), gpu("3", "8", "64")];
    check(&machines, &pods, &["1@a", "2@a", "3@b"]);
}

#[test]
fn pods_without_devices_leave_their_processors_alone() {
    let machines = [gpus("a", "8", "96"), big("b"), big("c")];
    let pods = [
        gpu("1", "1", "12"),
        cpu("2", "16"),
        cpu("3", "16"),
        cpu("4", "16"),
    ];
    check(&machines, &pods, &["1@a", "2@b", "3@c", "4@b"]);
}

#[test]
fn wishes_come_before_packing() {
    let repelling = json!({"taints": [{"key": "k", "effect": "PreferNoSchedule"}]});
    let allocatable = json!({"cpu": "96", "memory": "512Gi", "pods": "100", "nvidia.com/gpu": "1"});
    let machines = [machine("a", &allocatable, repelling), gpus("b", "8", "96")];
    check(&machines, &[gpu("1", "1", "8")], &["1@b"]);
}

#[test]
fn pods_that_speak_of_no_others_are_one_class_whatever_their_labels() {
    let mut state = State::new(Settings::default());
    state.machine_applied(big("m1"));
    for i in 0..100 {
        let mut pod = cpu(&format!("p{i}"), "1");
        pod.identity.labels = Arc::new(BTreeMap::from([("job".to_owned(), i.to_string())]));
        state.pod_applied(pod);
    }
    assert_eq!((state.classes.len(), state.around.groups()), (1, 0));
    assert_eq!(state.plan().bindings.len(), 64);
    assert_eq!((state.classes.len(), state.around.groups()), (1, 0));
    // One that does: labels of which it does not speak still divide nobody.
    let jealous = json!({"nodeName": "m1", "affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution":
            [{"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}}]}}});
    state.pod_applied(pod("jealous", jealous));
    assert_eq!((state.classes.len(), state.around.groups()), (1, 0));
}

#[test]
fn a_message_says_what_preemption_would_do() {
    let small = json!({"cpu": "1", "memory": "1Gi", "pods": "10"});
    let machines = [
        machine("m1", &small, json!({})),
        machine("m2", &json!({"cpu": "2", "pods": "10"}), json!({})),
        machine("m3", &small, json!({"unschedulable": true})),
    ];
    let (_, waiting) = plan(&machines, &[cpu("a", "1500m"), cpu("b", "1500m")]);
    assert_eq!(
        waiting[0].why.to_string(),
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/3 nodes are \
         available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling."
    );
}
