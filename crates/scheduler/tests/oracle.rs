//! Rules about other pods against an oracle that is slow and obvious: it looks at every placed pod for every machine,
//! in the API's own JSON, and knows nothing of classes, groups and counts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scheduler::{Machine, Settings, State};
use serde_json::{Value, json};

const NODES: usize = 6;
const KEYS: [&str; 3] = ["zone", "rack", "kubernetes.io/hostname"];

/// A pod as the oracle knows it.
#[derive(Clone, Debug)]
struct Known {
    namespace: String,
    labels: Value,
    spec: Value,
    node: Option<String>,
}

type Nodes = BTreeMap<String, Value>;

fn label<'a>(nodes: &'a Nodes, node: &str, key: &str) -> Option<&'a str> {
    nodes[node][key].as_str()
}

/// Whether labels have all that `matchLabels` names; no selector selects nobody.
fn selected(selector: &Value, labels: &Value) -> bool {
    let Some(wanted) = selector["matchLabels"].as_object() else {
        return selector.is_object();
    };
    wanted.iter().all(|(key, value)| labels[key] == *value)
}

fn namespace_labels(namespace: &str) -> Value {
    json!({"name": namespace})
}

/// Whether a term of `owner` describes `other`.
fn describes(term: &Value, owner: &Known, other: &Known) -> bool {
    let listed: Vec<&str> = term["namespaces"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let wider = &term["namespaceSelector"];
    let namespace = if listed.is_empty() && wider.is_null() {
        other.namespace == owner.namespace
    } else {
        listed.contains(&other.namespace.as_str()) || selected(wider, &namespace_labels(&other.namespace))
    };
    namespace && selected(&term["labelSelector"], &other.labels)
}

fn terms<'a>(pod: &'a Known, kind: &str) -> Vec<&'a Value> {
    let all = &pod.spec["affinity"][kind]["requiredDuringSchedulingIgnoredDuringExecution"];
    all.as_array().into_iter().flatten().collect()
}

/// Whether two machines are in the same domain.
fn together(nodes: &Nodes, one: &str, other: &str, key: &str) -> bool {
    label(nodes, one, key).is_some() && label(nodes, one, key) == label(nodes, other, key)
}

fn key(term: &Value) -> &str {
    term["topologyKey"].as_str().unwrap_or_default()
}

/// Why the pod cannot go there, in kube-scheduler's words.
fn refusal(nodes: &Nodes, placed: &[Known], pod: &Known, node: &str) -> Option<&'static str> {
    spread_refuses(nodes, placed, pod, node)
        .or_else(|| lonely(nodes, placed, pod, node))
        .or_else(|| crowded(nodes, placed, pod, node))
}

fn on(pod: &Known) -> &str {
    pod.node.as_deref().unwrap_or_default()
}

fn spread_refuses(nodes: &Nodes, placed: &[Known], pod: &Known, node: &str) -> Option<&'static str> {
    let all = pod.spec["topologySpreadConstraints"].as_array();
    let constraints: Vec<&Value> = all.into_iter().flatten().collect();
    for constraint in &constraints {
        if label(nodes, node, key(constraint)).is_none() {
            return Some("node(s) didn't match pod topology spread constraints (missing required label)");
        }
        let counts = |node: &str| {
            let mut keys = constraints.iter().map(|c| key(c));
            keys.all(|key| label(nodes, node, key).is_some())
                && pod.spec["nodeSelector"]
                    .as_object()
                    .into_iter()
                    .flatten()
                    .all(|(key, value)| nodes[node][key] == *value)
        };
        let selector = &constraint["labelSelector"];
        let mut domains: BTreeMap<&str, i64> = BTreeMap::new();
        for name in nodes.keys().filter(|name| counts(name)) {
            let here = placed.iter().filter(|other| {
                on(other) == name && other.namespace == pod.namespace && selected(selector, &other.labels)
            });
            *domains
                .entry(label(nodes, name, key(constraint)).unwrap())
                .or_default() += here.count() as i64;
        }
        let wanted = constraint["minDomains"].as_u64().unwrap_or(1) as usize;
        let fewest = domains.values().min().copied().unwrap_or(0);
        let fewest = if domains.len() < wanted { 0 } else { fewest };
        let there = domains
            .get(label(nodes, node, key(constraint)).unwrap())
            .copied()
            .unwrap_or(0);
        let itself = i64::from(selected(selector, &pod.labels));
        if there + itself - fewest > constraint["maxSkew"].as_i64().unwrap() {
            return Some("node(s) didn't match pod topology spread constraints");
        }
    }
    None
}

fn lonely(nodes: &Nodes, placed: &[Known], pod: &Known, node: &str) -> Option<&'static str> {
    let terms = terms(pod, "podAffinity");
    let friends: Vec<&Known> = placed
        .iter()
        .filter(|other| terms.iter().all(|term| describes(term, pod, other)))
        .collect();
    let all_labels = terms.iter().all(|term| label(nodes, node, key(term)).is_some());
    let near = terms.iter().all(|term| {
        friends
            .iter()
            .any(|friend| together(nodes, node, on(friend), key(term)))
    });
    let nowhere = terms.iter().all(|term| {
        friends
            .iter()
            .all(|friend| label(nodes, on(friend), key(term)).is_none())
    });
    let first = nowhere && terms.iter().all(|term| describes(term, pod, pod));
    (!(all_labels && (near || first))).then_some("node(s) didn't match pod affinity rules")
}

fn crowded(nodes: &Nodes, placed: &[Known], pod: &Known, node: &str) -> Option<&'static str> {
    let clash = |owner: &Known, subject: &Known, other: &Known| {
        terms(owner, "podAntiAffinity")
            .iter()
            .any(|term| describes(term, owner, subject) && together(nodes, node, on(other), key(term)))
    };
    if placed.iter().any(|other| clash(pod, other, other)) {
        return Some("node(s) didn't match pod anti-affinity rules");
    }
    let theirs = placed.iter().any(|other| clash(other, pod, other));
    theirs.then_some("node(s) didn't satisfy existing pods anti-affinity rules")
}

fn arbitrary_term() -> impl Strategy<Value = Value> {
    let namespaces = prop_oneof![
        3 => Just(json!({})),
        1 => Just(json!({"namespaces": ["n1"]})),
        1 => Just(json!({"namespaceSelector": {}})),
        1 => Just(json!({"namespaceSelector": {"matchLabels": {"name": "n0"}}})),
    ];
    (0..KEYS.len(), arbitrary_selector(), namespaces).prop_map(|(key, selector, mut term)| {
        term["topologyKey"] = json!(KEYS[key]);
        term["labelSelector"] = selector;
        term
    })
}

fn arbitrary_selector() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (0..3_u8).prop_map(|app| json!({"matchLabels": {"app": app.to_string()}})),
        1 => (0..3_u8, 0..2_u8).prop_map(|(app, tier)|
            json!({"matchLabels": {"app": app.to_string(), "tier": tier.to_string()}})),
        1 => Just(json!({})),
        1 => Just(Value::Null),
    ]
}

fn arbitrary_spread() -> impl Strategy<Value = Value> {
    (
        0..KEYS.len(),
        arbitrary_selector(),
        1..3,
        proptest::option::of(1..4),
    )
        .prop_map(|(key, selector, skew, domains)| {
            json!({"topologyKey": KEYS[key], "labelSelector": selector, "maxSkew": skew,
            "minDomains": domains, "whenUnsatisfiable": "DoNotSchedule"})
        })
}

fn arbitrary_pod() -> impl Strategy<Value = Known> {
    let terms = || proptest::collection::vec(arbitrary_term(), 0..2);
    let spread = proptest::collection::vec(arbitrary_spread(), 0..3);
    let selector = prop_oneof![3 => Just(json!({})), 1 => Just(json!({"zone": "z0"}))];
    let labels =
        (0..3_u8, 0..2_u8).prop_map(|(app, tier)| json!({"app": app.to_string(), "tier": tier.to_string()}));
    (
        0..2,
        labels,
        terms(),
        terms(),
        spread,
        selector,
        proptest::option::weighted(0.3, 0..NODES),
    )
        .prop_map(|(namespace, labels, near, far, spread, selector, node)| {
            let required = |terms| json!({"requiredDuringSchedulingIgnoredDuringExecution": terms});
            let mut spec = json!({"topologySpreadConstraints": spread,
                "affinity": {"podAffinity": required(near), "podAntiAffinity": required(far)}});
            // Node affinity refuses before the rules looked at here; only placed pods keep clear of it.
            if node.is_none() {
                spec["nodeSelector"] = selector;
            }
            Known {
                namespace: format!("n{namespace}"),
                labels,
                spec,
                node: node.map(|node| format!("m{node}")),
            }
        })
}

/// A step of a scenario: a pod comes, or the one of this number goes.
#[derive(Clone, Debug)]
enum Step {
    Comes(Known),
    Goes(usize),
}

fn arbitrary_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => arbitrary_pod().prop_map(Step::Comes),
        1 => (0_usize..20).prop_map(Step::Goes),
    ];
    proptest::collection::vec(step, 1..20)
}

fn arbitrary_nodes() -> impl Strategy<Value = Nodes> {
    let labels = (
        proptest::option::weighted(0.9, 0..3),
        proptest::option::weighted(0.7, 0..2),
    );
    proptest::collection::vec(labels, NODES).prop_map(|all| {
        let node = |(index, (zone, rack)): (usize, (Option<i32>, Option<i32>))| {
            let name = format!("m{index}");
            let mut labels = json!({"kubernetes.io/hostname": name});
            if let Some(zone) = zone {
                labels["zone"] = json!(format!("z{zone}"));
            }
            if let Some(rack) = rack {
                labels["rack"] = json!(format!("r{rack}"));
            }
            (name, labels)
        };
        all.into_iter().enumerate().map(node).collect()
    })
}

/// The planner's state beside all pods by their uids.
struct Both {
    nodes: Nodes,
    state: State,
    pods: BTreeMap<String, Known>,
    waiting: BTreeSet<String>,
}

impl Both {
    fn new(nodes: Nodes) -> Self {
        let mut state = State::new(Settings::default());
        for namespace in ["n0", "n1"] {
            state.namespace_applied(namespace, support::labels(&namespace_labels(namespace)));
        }
        for (name, labels) in &nodes {
            let machine: Machine = support::machine(name, labels, &json!({}));
            state.machine_applied(machine);
        }
        Self {
            nodes,
            state,
            pods: BTreeMap::new(),
            waiting: BTreeSet::new(),
        }
    }

    fn step(&mut self, number: usize, step: Step) {
        match step {
            Step::Comes(pod) => {
                let uid = format!("p{number:02}");
                let mut spec = pod.spec.clone();
                spec["nodeName"] = json!(pod.node);
                self.state
                    .pod_applied(support::pod(&uid, &pod.namespace, &pod.labels, &spec));
                if pod.node.is_none() {
                    self.waiting.insert(uid.clone());
                }
                self.pods.insert(uid, pod);
            }
            Step::Goes(number) => {
                let uid = format!("p{number:02}");
                self.state.pod_deleted(&uid);
                self.pods.remove(&uid);
                self.waiting.remove(&uid);
            }
        }
    }

    fn placed(&self) -> Vec<Known> {
        let placed = self.pods.values().filter(|pod| pod.node.is_some());
        placed.cloned().collect()
    }

    /// Every binding is one that the oracle admits, and what waits is refused everywhere, for the same reasons.
    fn check(&mut self) {
        let bindings = self.state.plan().bindings;
        for binding in bindings {
            let placed = self.placed();
            let pod = self.pods.get_mut(&binding.pod).unwrap();
            assert_eq!(
                refusal(&self.nodes, &placed, pod, &binding.node),
                None,
                "{binding:?}"
            );
            pod.node = Some(binding.node);
            self.waiting.remove(&binding.pod);
        }
        for uid in &self.waiting {
            let why = self.state.why(uid).unwrap();
            assert_eq!(why.refusals(), self.expected(&self.pods[uid]), "{uid}");
        }
    }

    fn expected(&self, pod: &Known) -> String {
        let placed = self.placed();
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, labels) in &self.nodes {
            let wanted = pod.spec["nodeSelector"].as_object().into_iter().flatten();
            let reason = if wanted.into_iter().any(|(key, value)| labels[key] != *value) {
                "node(s) didn't match Pod's node affinity/selector"
            } else {
                refusal(&self.nodes, &placed, pod, name).unwrap()
            };
            *reasons.entry(reason).or_default() += 1;
        }
        let mut phrases: Vec<String> = reasons
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        phrases.sort();
        format!("0/{NODES} nodes are available: {}.", phrases.join(", "))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn the_planner_decides_as_the_oracle(nodes in arbitrary_nodes(), steps in arbitrary_steps()) {
        let mut both = Both::new(nodes);
        for (number, step) in steps.into_iter().enumerate() {
            both.step(number, step);
            both.check();
        }
    }
}
