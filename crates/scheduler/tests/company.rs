//! Rules about other pods, by example: each pod is placed, or told why not, in the order given.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use scheduler::{Machine, Pod, Settings, State};
use serde_json::{Value, json};
use support::{labels, machine};

/// Three zones of two machines, `a1` to `c2`, and one without a zone, `x`.
fn zones() -> Vec<Machine> {
    let mut machines = Vec::new();
    for zone in ["a", "b", "c"] {
        for number in ["1", "2"] {
            let name = format!("{zone}{number}");
            let labels = json!({"zone": zone, "kubernetes.io/hostname": name});
            machines.push(machine(&name, &labels, &json!({})));
        }
    }
    machines.push(machine("x", &json!({"kubernetes.io/hostname": "x"}), &json!({})));
    machines
}

/// A pod with the label `app`, in the namespace `default` unless the spec names another.
fn pod(name: &str, app: &str, spec: &Value) -> Pod {
    let namespace = spec["namespace"].as_str().unwrap_or("default");
    let mut spec = spec.clone();
    if spec["containers"].is_null() {
        spec["containers"] = json!([{"resources": {"requests": {"cpu": "10"}}}]);
    }
    support::pod(name, namespace, &json!({"app": app, "hash": "1"}), &spec)
}

fn placed(name: &str, app: &str, node: &str) -> Pod {
    pod(name, app, &json!({"nodeName": node}))
}

fn app(name: &str, topology: &str) -> Value {
    json!({"topologyKey": topology, "labelSelector": {"matchLabels": {"app": name}}})
}

fn required(kind: &str, terms: &Value) -> Value {
    json!({"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn preferred(kind: &str, weight: i64, term: &Value) -> Value {
    let wish = json!({"weight": weight, "podAffinityTerm": term});
    json!({"affinity": {kind: {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}})
}

fn near(term: &Value) -> Value {
    required("podAffinity", &json!([term]))
}

fn far(term: &Value) -> Value {
    required("podAntiAffinity", &json!([term]))
}

fn spread(app: &str, topology: &str, more: &Value) -> Value {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": topology, "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": app}}});
    for (key, value) in more.as_object().into_iter().flatten() {
        constraint[key] = value.clone();
    }
    json!({"topologySpreadConstraints": [constraint]})
}

/// Where each pod without a machine went, or why it waits.
fn placements(machines: &[Machine], pods: &[Pod]) -> Vec<String> {
    let mut state = State::new(Settings::default());
    state.namespace_applied("default", labels(&json!({"team": "red"})));
    state.namespace_applied("other", labels(&json!({"team": "blue"})));
    machines
        .iter()
        .for_each(|machine| state.machine_applied(machine.clone()));
    let mut told = Vec::new();
    for pod in pods {
        state.pod_applied(pod.clone());
        let bindings = state.plan().bindings;
        told.extend(
            bindings
                .iter()
                .map(|binding| format!("{}@{}", binding.pod, binding.node)),
        );
        told.extend(
            state
                .why(&pod.uid)
                .map(|why| format!("{}: {}", pod.uid, why.refusals())),
        );
    }
    told
}

fn check(pods: &[Pod], expected: &[&str]) {
    check_on(&zones(), pods, expected);
}

fn check_on(machines: &[Machine], pods: &[Pod], expected: &[&str]) {
    let found = placements(machines, pods);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, expected);
}

#[test]
fn affinity_is_to_a_domain() {
    let with_web = near(&app("web", "zone"));
    check(&[placed("w", "web", "b2"), pod("p", "db", &with_web)], &["p@b1"]);
    let refused = "p: 0/7 nodes are available: 7 node(s) didn't match pod affinity rules.";
    check(&[pod("p", "db", &with_web)], &[refused]);
    check(&[placed("w", "web", "x"), pod("p", "db", &with_web)], &[refused]);
}

#[test]
fn those_that_are_to_be_together_have_a_first_one() {
    let together = near(&app("web", "zone"));
    check(
        &[pod("p", "web", &together), pod("q", "web", &together)],
        &["p@a1", "q@a2"],
    );
}

#[test]
fn all_terms_describe_the_same_pods() {
    let both = required(
        "podAffinity",
        &json!([
            app("web", "zone"),
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"tier": "1"}}}
        ]),
    );
    check(
        &[
            placed("w", "web", "b2"),
            support::pod("t", "default", &json!({"tier": "1"}), &json!({"nodeName": "b1"})),
            pod("p", "db", &both),
        ],
        &["p: 0/7 nodes are available: 7 node(s) didn't match pod affinity rules."],
    );
    check(
        &[
            support::pod(
                "t",
                "default",
                &json!({"tier": "1", "app": "web"}),
                &json!({"nodeName": "b1"}),
            ),
            pod("p", "db", &both),
        ],
        &["p@b1"],
    );
}

#[test]
fn who_waits_for_company_follows_it_in_the_same_plan() {
    let mut state = State::new(Settings::default());
    zones()
        .iter()
        .for_each(|machine| state.machine_applied(machine.clone()));
    state.pod_applied(pod("p", "db", &near(&app("web", "zone"))));
    state.pod_applied(pod("w", "web", &json!({})));
    let bindings = state.plan().bindings;
    let told: Vec<_> = bindings.iter().map(|b| format!("{}@{}", b.pod, b.node)).collect();
    assert_eq!(told, ["w@a1", "p@a2"]);
}

#[test]
fn anti_affinity_keeps_both_apart() {
    let alone = far(&app("web", "zone"));
    let all = [
        pod("p", "web", &alone),
        pod("q", "web", &alone),
        pod("r", "web", &alone),
        pod("s", "web", &alone),
        pod("t", "web", &alone),
        pod("u", "web", &json!({})),
    ];
    check(&all, &["p@a1", "q@b1", "r@c1", "s@x", "t@x", "u@x"]);
    let by_host = far(&app("web", "kubernetes.io/hostname"));
    let mut on_one: Vec<Pod> = zones()
        .iter()
        .map(|machine| placed(&format!("w{}", machine.name), "web", &machine.name))
        .collect();
    on_one.push(pod("p", "db", &by_host));
    check(
        &on_one,
        &["p: 0/7 nodes are available: 7 node(s) didn't match pod anti-affinity rules."],
    );
}

#[test]
fn placed_pods_keep_others_away() {
    let mut pods: Vec<Pod> = zones()
        .iter()
        .map(|machine| {
            let mut spec = far(&app("db", "kubernetes.io/hostname"));
            spec["nodeName"] = json!(machine.name);
            pod(&format!("w{}", machine.name), "web", &spec)
        })
        .collect();
    pods.push(pod("p", "db", &json!({})));
    check(
        &pods,
        &["p: 0/7 nodes are available: 7 node(s) didn't satisfy existing pods anti-affinity rules."],
    );
}

#[test]
fn namespaces_bound_what_a_term_means() {
    let other = |term: Value| {
        let mut whole = app("web", "zone");
        for (key, value) in term.as_object().unwrap() {
            whole[key] = value.clone();
        }
        let theirs = pod("w", "web", &json!({"nodeName": "b1", "namespace": "other"}));
        placements(&zones(), &[theirs, pod("p", "db", &near(&whole))])
    };
    let nobody = ["p: 0/7 nodes are available: 7 node(s) didn't match pod affinity rules."];
    assert_eq!(other(json!({})), nobody);
    assert_eq!(other(json!({"namespaces": ["other"]})), ["p@b2"]);
    assert_eq!(other(json!({"namespaceSelector": {}})), ["p@b2"]);
    assert_eq!(
        other(json!({"namespaceSelector": {"matchLabels": {"team": "blue"}}})),
        ["p@b2"]
    );
    assert_eq!(
        other(json!({"namespaceSelector": {"matchLabels": {"team": "red"}}})),
        nobody
    );
    assert_eq!(
        other(json!({"labelSelector": null, "namespaceSelector": {}})),
        nobody
    );
}

#[test]
fn label_keys_of_the_pod_itself() {
    let mut same = app("web", "zone");
    same["matchLabelKeys"] = json!(["hash"]);
    let mut others = app("web", "zone");
    others["mismatchLabelKeys"] = json!(["hash"]);
    let old = json!({"app": "web", "hash": "0"});
    let old = support::pod("o", "default", &old, &json!({"nodeName": "b1"}));
    let new = placed("n", "web", "c1");
    check(
        &[old.clone(), new.clone(), pod("p", "db", &near(&same))],
        &["p@c2"],
    );
    check(&[old, new, pod("p", "db", &near(&others))], &["p@b1"]);
}

#[test]
fn spread_is_over_domains() {
    let evenly = spread("web", "zone", &json!({}));
    let all: Vec<Pod> = (1..=4).map(|i| pod(&format!("p{i}"), "web", &evenly)).collect();
    check(&all, &["p1@a1", "p2@b1", "p3@c1", "p4@a2"]);
    let both = json!({"nodeSelector": {"zone": "a"}, "topologySpreadConstraints":
        evenly["topologySpreadConstraints"], "affinity": {}});
    let honored = [pod("p", "web", &both), pod("q", "web", &both)];
    check(&honored, &["p@a1", "q@a2"]);
    let ignored = spread("web", "zone", &json!({"nodeAffinityPolicy": "Ignore"}));
    let both = json!({"nodeSelector": {"zone": "a"}, "topologySpreadConstraints":
        ignored["topologySpreadConstraints"]});
    check(
        &[pod("p", "web", &both), pod("q", "web", &both)],
        &[
            "p@a1",
            "q: 0/7 nodes are available: 2 node(s) didn't match pod topology spread constraints, 5 node(s) \
             didn't match Pod's node affinity/selector.",
        ],
    );
}

#[test]
fn spread_needs_the_label_and_enough_domains() {
    let five = spread("web", "zone", &json!({"minDomains": 5}));
    check(
        &[
            placed("a", "web", "a1"),
            placed("b", "web", "b1"),
            pod("p", "web", &five),
            pod("q", "web", &five),
        ],
        &[
            "p@c1",
            "q: 0/7 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required \
             label), 6 node(s) didn't match pod topology spread constraints.",
        ],
    );
}

#[test]
fn spread_counts_living_pods_of_the_same_namespace() {
    let evenly = spread("web", "zone", &json!({}));
    let leaving = pod("l", "web", &json!({"nodeName": "a1", "leaving": true}));
    let theirs = pod("t", "web", &json!({"nodeName": "a1", "namespace": "other"}));
    check(
        &[
            leaving,
            theirs,
            placed("b", "web", "b1"),
            pod("p", "web", &evenly),
            pod("q", "web", &evenly),
        ],
        &["p@a2", "q@c1"],
    );
}

#[test]
fn spread_over_machines_whose_taints_are_borne() {
    let taint = json!({"taints": [{"key": "k", "effect": "NoSchedule"}]});
    let machines = [
        machine("m1", &json!({"zone": "a"}), &json!({})),
        machine("m2", &json!({"zone": "b"}), &taint),
    ];
    let ignored = spread("web", "zone", &json!({}));
    check_on(
        &machines,
        &[pod("p", "web", &ignored), pod("q", "web", &ignored)],
        &[
            "p@m1",
            "q: 0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) had \
             untolerated taint {k: }.",
        ],
    );
    let honored = spread("web", "zone", &json!({"nodeTaintsPolicy": "Honor"}));
    check_on(
        &machines,
        &[pod("p", "web", &honored), pod("q", "web", &honored)],
        &["p@m1", "q@m1"],
    );
}

#[test]
fn wishes_are_wishes() {
    let with = preferred("podAffinity", 10, &app("web", "zone"));
    check(&[placed("w", "web", "b2"), pod("p", "db", &with)], &["p@b1"]);
    check(&[pod("p", "db", &with)], &["p@a1"]);
    let without = preferred("podAntiAffinity", 10, &app("web", "zone"));
    check(
        &[
            placed("w", "web", "a1"),
            placed("v", "web", "b1"),
            pod("p", "db", &without),
        ],
        &["p@c1"],
    );
    let anyway = spread("web", "zone", &json!({"whenUnsatisfiable": "ScheduleAnyway"}));
    check(
        &[
            placed("a", "web", "a1"),
            placed("b", "web", "a1"),
            placed("c", "web", "b1"),
            pod("p", "web", &anyway),
            pod("q", "web", &anyway),
        ],
        &["p@c1", "q@b2"],
    );
}

#[test]
fn placed_pods_have_wishes_too() {
    let mut welcoming = preferred("podAffinity", 5, &app("db", "zone"));
    welcoming["nodeName"] = json!("c1");
    check(
        &[pod("w", "web", &welcoming), pod("p", "db", &json!({}))],
        &["p@c2"],
    );
    let mut needing = near(&app("db", "zone"));
    needing["nodeName"] = json!("b1");
    check(
        &[pod("w", "web", &needing), pod("p", "db", &json!({}))],
        &["p@b2"],
    );
}

#[test]
fn ports_of_the_machine() {
    let one = vec![machine("m", &json!({}), &json!({}))];
    let serving = json!({"containers": [{"ports": [{"containerPort": 80, "hostPort": 80}]}]});
    check_on(
        &one,
        &[pod("p", "web", &serving), pod("q", "web", &serving)],
        &[
            "p@m",
            "q: 0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
        ],
    );
}

#[test]
fn pods_that_differ_in_a_label_that_a_rule_speaks_of_are_told_apart() {
    let mut state = State::new(Settings::default());
    state.machine_applied(machine("m", &json!({"zone": "a"}), &json!({})));
    for (name, app) in [("p", "db"), ("q", "web")] {
        state.pod_applied(pod(name, app, &json!({})));
    }
    let mut jealous = far(&app("db", "zone"));
    jealous["nodeName"] = json!("m");
    state.pod_applied(pod("w", "web", &jealous));
    let bound: Vec<String> = state.plan().bindings.into_iter().map(|b| b.pod).collect();
    assert_eq!(bound, ["q"]);
    state.pod_deleted("w");
    let bound: Vec<String> = state.plan().bindings.into_iter().map(|b| b.pod).collect();
    assert_eq!(bound, ["p"]);
}
