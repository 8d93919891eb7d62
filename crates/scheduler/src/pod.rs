//! A pod as placement sees it, and the requirements that many pods share.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::Quantity;
use meta::devices::Grant;
use meta::selector::{Expression, Operator, Requirement};
use serde::Deserialize;

use crate::devices::Part;
use crate::machine::{Effect, Machine, Taint};
use crate::notes::Notes;
use crate::ports::{self, HostPort, RawPort};
use crate::relations::{Appearance, RawPodAffinity, RawSpread, Relations};
use crate::resources::{PODS, Resources};

/// The part of a pod's `spec` that placement reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The machine it is bound to, empty while it waits.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub node_name: String,
    /// Which scheduler places it.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub scheduler_name: String,
    /// Higher goes first.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub priority: i32,
    /// Labels its machine must have.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub node_selector: BTreeMap<String, String>,
    /// Finer wishes about its machine.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub affinity: Affinity,
    /// Taints it bears.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub tolerations: Vec<Toleration>,
    /// Its containers.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub containers: Vec<Container>,
    /// Containers that run before the others, or (restartable ones) beside them.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub init_containers: Vec<Container>,
    /// What the runtime itself needs.
    pub overhead: Resources,
    /// What all containers may share, in place of what each asks for.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub resources: ContainerResources,
    /// How pods like this one are to be spread.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub topology_spread_constraints: Vec<RawSpread>,
    /// Whether it is in the machine's network.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub host_network: bool,
    /// Gates that others must lift before it may be placed.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub scheduling_gates: Vec<SchedulingGate>,
}

/// A gate that someone must lift before the pod may be placed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SchedulingGate {
    /// Whose gate it is.
    #[serde(default)]
    pub name: String,
}

/// A container's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Requests and limits.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub resources: ContainerResources,
    /// `Always` makes an init container run beside the others.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub restart_policy: String,
    /// Where it listens.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub ports: Vec<RawPort>,
}

/// Requests and limits of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerResources {
    /// What it asks for.
    pub requests: Resources,
    /// What it may use at most.
    pub limits: Resources,
}

impl Container {
    /// What it asks for; a limit without a request is a request, as kube-apiserver defaults it.
    fn requests(&self) -> Resources {
        let mut requests = self.resources.limits.clone();
        for (name, amount) in self.resources.requests.iter() {
            requests.set(name, amount);
        }
        requests
    }
}

/// Wishes about the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// Wishes about the machine's labels.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub node_affinity: NodeAffinity,
    /// Pods to be near.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub pod_affinity: RawPodAffinity,
    /// Pods to be far from.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub pod_anti_affinity: RawPodAffinity,
}

/// Wishes about the machine's labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeAffinity {
    /// What must hold.
    #[serde(rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub required: Option<NodeSelector>,
    /// What is preferred, with weights.
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "meta::json::null_as_default"
    )]
    pub preferred: Vec<PreferredTerm>,
}

/// Terms of which one must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// The terms.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub node_selector_terms: Vec<RawTerm>,
}

/// A term and how much it is wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PreferredTerm {
    /// From 1 to 100.
    pub weight: i64,
    /// What is wished for.
    pub preference: RawTerm,
}

/// A term as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawTerm {
    /// Conditions on labels.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub match_expressions: Vec<Expression>,
    /// Conditions on `metadata.name`.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub match_fields: Vec<Expression>,
}

/// A conjunction of conditions on a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeSelectorTerm {
    /// Conditions on labels; `None` where one cannot be read, and then the term matches nothing.
    labels: Option<Vec<Requirement>>,
    /// Conditions on `metadata.name`.
    fields: Option<Vec<Requirement>>,
}

impl From<&RawTerm> for NodeSelectorTerm {
    fn from(raw: &RawTerm) -> Self {
        let read = |list: &[Expression]| list.iter().map(|e| e.requirement().ok()).collect();
        Self {
            labels: read(&raw.match_expressions),
            fields: read(&raw.match_fields),
        }
    }
}

impl NodeSelectorTerm {
    /// Whether the machine satisfies every condition. An empty term matches nothing (as in Kubernetes).
    pub fn matches(&self, machine: &Machine) -> bool {
        let (Some(labels), Some(fields)) = (&self.labels, &self.fields) else {
            return false;
        };
        (!labels.is_empty() || !fields.is_empty())
            && labels.iter().all(|r| r.matches(&machine.labels))
            && fields.iter().all(|r| name_matches(r, &machine.name))
    }
}

fn name_matches(requirement: &Requirement, name: &str) -> bool {
    requirement.key == "metadata.name"
        && match &requirement.operator {
            Operator::In(values) => values.iter().any(|v| v == name),
            Operator::NotIn(values) => values.iter().all(|v| v != name),
            _ => false,
        }
}

/// A taint, or a family of taints, that a pod bears.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct Toleration {
    /// The taint's key; empty with `Exists` means every taint.
    pub key: String,
    /// `Equal` (the default) or `Exists`.
    pub operator: String,
    /// The taint's value, for `Equal`.
    pub value: String,
    /// The taint's effect; none means every effect.
    pub effect: Option<Effect>,
}

impl Toleration {
    /// Whether it bears `taint`. Rule: core/v1 `Toleration.ToleratesTaint`.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        let exists = self.operator == "Exists";
        self.effect.is_none_or(|effect| effect == taint.effect)
            && (self.key == taint.key || (self.key.is_empty() && exists))
            && (exists || self.value == taint.value)
    }
}

/// Everything about a pod that decides where it may go. Pods with equal requirements are placed alike, so
/// a fan-out of thousands is tried once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirements {
    /// What it asks for, and one `pods`.
    pub requests: Resources,
    /// A part of devices, asked for by annotation.
    pub part: Option<Part>,
    /// Labels its machine must have.
    pub node_selector: BTreeMap<String, String>,
    /// Terms of which one must hold, where there are any.
    pub required: Option<Vec<NodeSelectorTerm>>,
    /// Weighted wishes.
    pub preferred: Vec<(i64, NodeSelectorTerm)>,
    /// Taints it bears.
    pub tolerations: Vec<Toleration>,
    /// Ports of the machine that it takes.
    pub ports: Vec<HostPort>,
    /// What it wants of other pods.
    pub relations: Option<Arc<Relations>>,
    /// What others see of it, where any pod looks at others: the planner fills it in.
    pub appearance: Option<Appearance>,
}

impl Requirements {
    /// The requirements that the spec of a pod states, which wants nothing of other pods.
    pub fn new(spec: &PodSpec) -> Self {
        Self::of(spec, &Identity::default())
    }

    /// The requirements that a pod's spec states.
    pub fn of(spec: &PodSpec, identity: &Identity) -> Self {
        let affinity = &spec.affinity.node_affinity;
        let term = |raw| NodeSelectorTerm::from(raw);
        Self {
            requests: requests(spec),
            part: None,
            node_selector: spec.node_selector.clone(),
            required: affinity
                .required
                .as_ref()
                .map(|selector| selector.node_selector_terms.iter().map(term).collect()),
            preferred: affinity
                .preferred
                .iter()
                .map(|p| (p.weight, term(&p.preference)))
                .collect(),
            tolerations: spec.tolerations.clone(),
            ports: ports::of(spec),
            relations: Relations::new(spec, identity),
            appearance: None,
        }
    }

    /// Whether the pod bears `taint`.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        self.tolerations.iter().any(|t| t.tolerates(taint))
    }
}

/// What the pod asks for in all: the larger of what runs together and what each step of initialisation
/// needs beside the restartable ones started before it. Rule: component-helpers' `PodRequests`.
fn requests(spec: &PodSpec) -> Resources {
    let mut together = Resources::default();
    for container in &spec.containers {
        together.add(&container.requests());
    }
    let (mut beside, mut peak) = (Resources::default(), Resources::default());
    for container in &spec.init_containers {
        let mut now = container.requests();
        if container.restart_policy == "Always" {
            together.add(&now);
            beside.add(&now);
            now = beside.clone();
        } else {
            now.add(&beside);
        }
        peak.raise_to(&now);
    }
    together.raise_to(&peak);
    share_among_containers(spec, &mut together);
    together.add(&spec.overhead);
    together.set(PODS, Quantity::units(1));
    together
}

/// What is asked for the pod as a whole replaces what its containers ask for; a limit without a request is one where no
/// container asks. Source: KEP-2837, and kube-apiserver's defaults for it.
fn share_among_containers(spec: &PodSpec, together: &mut Resources) {
    let ContainerResources { requests, limits } = &spec.resources;
    let as_a_whole = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    for (name, amount) in limits.iter().filter(|(name, _)| as_a_whole(name)) {
        if together.get(name) == Quantity::ZERO {
            together.set(name, amount);
        }
    }
    for (name, amount) in requests.iter().filter(|(name, _)| as_a_whole(name)) {
        together.set(name, amount);
    }
}

/// Who a pod is to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Whether it is being deleted.
    pub leaving: bool,
}

/// A pod to place, or one that already takes room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// `metadata.uid`: who it is.
    pub uid: String,
    /// Who it is to others.
    pub identity: Identity,
    /// Where it may go.
    pub requirements: Arc<Requirements>,
    /// Higher goes first.
    pub priority: i32,
    /// The machine it is bound to.
    pub node: Option<String>,
    /// The devices that it got there, if that is recorded.
    pub devices: Option<Grant>,
    /// When it was made, in seconds: of equal priority the elder goes first.
    pub created: i64,
    /// Whether it waits for us: it names our scheduler, and no gate holds it.
    pub ours: bool,
    /// Whether it has ended or is being deleted unbound: it takes no room and needs no place.
    pub finished: bool,
}

impl Pod {
    /// The pod that a spec describes, to be placed by the scheduler called `scheduler`.
    pub fn new(uid: &str, identity: Identity, spec: &PodSpec, finished: bool, scheduler: &str) -> Self {
        let names_us = spec.scheduler_name == scheduler
            || (spec.scheduler_name.is_empty() && scheduler == "default-scheduler");
        Self {
            uid: uid.to_owned(),
            requirements: Arc::new(Requirements::of(spec, &identity)),
            identity,
            priority: spec.priority,
            node: (!spec.node_name.is_empty()).then(|| spec.node_name.clone()),
            devices: None,
            created: 0,
            ours: names_us && spec.scheduling_gates.is_empty(),
            finished,
        }
    }

    /// The same pod with what its metadata says of devices and of its age.
    #[must_use]
    pub fn noted(mut self, notes: &Notes) -> Self {
        if notes.part.is_some() {
            Arc::make_mut(&mut self.requirements).part = notes.part;
        }
        self.devices = self.node.as_ref().and(notes.devices.clone());
        self.created = notes.created;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: &str, expected: &[(&str, &str)]) {
        let spec: PodSpec = serde_json::from_str(spec).unwrap();
        let requests = Requirements::new(&spec).requests;
        let found: Vec<_> = requests.iter().map(|(n, q)| (n, q.to_string())).collect();
        let expected: Vec<_> = expected.iter().map(|(n, q)| (*n, (*q).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn requests_are_what_runs_together() {
        check(r#"{"containers":[{}],"affinity":null}"#, &[("pods", "1")]);
        check(
            r#"{"containers":[{"resources":{"requests":{"cpu":"1"}}},{"resources":{"limits":{"cpu":"500m","memory":"1Ki"}}}]}"#,
            &[("cpu", "1500m"), ("memory", "1024"), ("pods", "1")],
        );
        check(
            r#"{"containers":[{"resources":{"requests":{"cpu":"1"}}}],
                "initContainers":[{"restartPolicy":"Always","resources":{"requests":{"cpu":"1"}}},
                                  {"resources":{"requests":{"cpu":"3"}}}]}"#,
            &[("cpu", "4"), ("pods", "1")],
        );
        check(
            r#"{"containers":[{"resources":{"requests":{"cpu":"what"}}}]}"#,
            &[("pods", "1")],
        );
        check(
            r#"{"containers":[{"resources":{"requests":{"cpu":"1","memory":"1Ki","x.io/y":"1"}}}],
                "resources":{"requests":{"cpu":"3","x.io/y":"9"},"limits":{"cpu":"4","memory":"2Ki","hugepages-2Mi":"2Mi"}},
                "overhead":{"cpu":"500m"}}"#,
            &[
                ("cpu", "3500m"),
                ("hugepages-2Mi", "2097152"),
                ("memory", "1024"),
                ("pods", "1"),
                ("x.io/y", "1"),
            ],
        );
    }

    #[test]
    fn tolerations_bear_taints() {
        let taint = Taint {
            key: "gpu".into(),
            value: "yes".into(),
            effect: Effect::NoSchedule,
        };
        for (toleration, expected) in [
            (r#"{"key":"gpu","value":"yes"}"#, true),
            (r#"{"key":"gpu","operator":"Exists"}"#, true),
            (r#"{"operator":"Exists"}"#, true),
            (r#"{"key":"gpu","value":"no"}"#, false),
            (r#"{"key":"gpu","operator":"Exists","effect":"NoExecute"}"#, false),
            (r#"{"key":"other","operator":"Exists"}"#, false),
        ] {
            let parsed: Toleration = serde_json::from_str(toleration).unwrap();
            assert_eq!(parsed.tolerates(&taint), expected, "{toleration}");
        }
    }
}
