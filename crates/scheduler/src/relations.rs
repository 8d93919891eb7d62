//! What a pod wants of other pods near it: affinity, anti-affinity, spread over the domains of a topology.
//!
//! Source of the rules: core/v1 `PodAffinity`, `PodAntiAffinity`, `TopologySpreadConstraint`; KEP-895 (spread), KEP-3022
//! (minimum of domains), KEP-3094 (which machines count), KEP-3243 and KEP-3633 (label keys of the pod itself).
//! Here they are read; [`crate::surroundings`] counts the other pods and [`crate::company`] decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meta::json::null_as_default;
use meta::selector::{Operator, Requirement, SelectorSpec};
use serde::Deserialize;

use crate::pod::{Identity, PodSpec};

/// Labels of a pod, a machine or a namespace.
pub(crate) type Labels = BTreeMap<String, String>;
/// The labels of each namespace that is known.
pub(crate) type Namespaces = BTreeMap<String, Labels>;

/// Affinity, or anti-affinity, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RawPodAffinity {
    /// What must hold.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "null_as_default"
    )]
    pub required: Vec<RawPodTerm>,
    /// What is preferred, with weights.
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        deserialize_with = "null_as_default"
    )]
    pub preferred: Vec<RawWeightedTerm>,
}

/// A term and how much it is wished for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawWeightedTerm {
    /// From 1 to 100.
    pub weight: i64,
    /// What is wished for.
    pub pod_affinity_term: RawPodTerm,
}

/// Pods, and what counts as near them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawPodTerm {
    /// Which pods; none selects nobody.
    pub label_selector: Option<SelectorSpec>,
    /// Of these namespaces too.
    #[serde(deserialize_with = "null_as_default")]
    pub namespaces: Vec<String>,
    /// And of those with such labels.
    pub namespace_selector: Option<SelectorSpec>,
    /// Machines that agree in this label are near each other.
    pub topology_key: String,
    /// Labels in which the pods must agree with this one.
    #[serde(deserialize_with = "null_as_default")]
    pub match_label_keys: Vec<String>,
    /// Labels in which they must not.
    #[serde(deserialize_with = "null_as_default")]
    pub mismatch_label_keys: Vec<String>,
}

/// A wish to be spread, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawSpread {
    /// By how many pods domains may differ.
    pub max_skew: i64,
    /// Machines that agree in this label are one domain.
    pub topology_key: String,
    /// `DoNotSchedule` or `ScheduleAnyway`.
    pub when_unsatisfiable: String,
    /// Which pods are spread; none selects nobody.
    pub label_selector: Option<SelectorSpec>,
    /// Fewer domains than this count as if there were an empty one.
    pub min_domains: Option<usize>,
    /// Whether only machines count that the pod's node affinity admits; `Honor` by default.
    pub node_affinity_policy: Option<String>,
    /// Whether only machines count whose taints the pod bears; `Ignore` by default.
    pub node_taints_policy: Option<String>,
    /// Labels in which the pods must agree with this one.
    #[serde(deserialize_with = "null_as_default")]
    pub match_label_keys: Vec<String>,
}

/// What other pods see of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Appearance {
    /// Its namespace.
    pub(crate) namespace: Arc<str>,
    /// Its labels, as far as any rule speaks of them.
    pub(crate) labels: Labels,
}

/// A description of pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    /// They are in one of these namespaces,
    namespaces: BTreeSet<String>,
    /// or in one with such labels,
    wider: Option<Vec<Requirement>>,
    /// and have such labels themselves; `None` describes nobody.
    selector: Option<Vec<Requirement>>,
}

impl Who {
    /// Whether it describes a pod of this namespace with these labels.
    pub(crate) fn describes(&self, namespace: &str, labels: &Labels, namespaces: &Namespaces) -> bool {
        let all = |list: &[Requirement], labels: &Labels| list.iter().all(|r| r.matches(labels));
        let none = Labels::new();
        let of_namespace = || namespaces.get(namespace).unwrap_or(&none);
        self.selector.as_deref().is_some_and(|list| all(list, labels))
            && (self.namespaces.contains(namespace)
                || self
                    .wider
                    .as_deref()
                    .is_some_and(|list| all(list, of_namespace())))
    }

    /// Whether it describes a pod of this appearance.
    pub(crate) fn describes_one(&self, appearance: &Appearance, namespaces: &Namespaces) -> bool {
        self.describes(&appearance.namespace, &appearance.labels, namespaces)
    }

    /// The labels that it speaks of.
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.selector.iter().flatten().map(|r| r.key.as_str())
    }
}

/// Pods, and the label in which machines near them agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Term {
    pub(crate) who: Who,
    pub(crate) topology: String,
}

/// A wish to be spread over the domains of a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spread {
    pub(crate) term: Term,
    /// By how many pods domains may differ.
    pub(crate) max_skew: i64,
    /// Fewer domains than this count as if there were an empty one.
    pub(crate) min_domains: usize,
    /// Whether only machines count that the pod's node affinity admits.
    pub(crate) honors_affinity: bool,
    /// Whether only machines count whose taints the pod bears.
    pub(crate) honors_taints: bool,
}

/// What a placed pod means to others that would come near it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pull {
    /// It bears none of those.
    Excludes,
    /// It likes them near by so much, or (negative) far.
    Likes(i64),
}

/// How much a pod that needs others near it likes them there, for those that come later. Source: the default of
/// `InterPodAffinityArgs.hardPodAffinityWeight`.
const LIKES_NEEDED: i64 = 1;

/// All that a pod wants of others.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relations {
    /// Others must be near, for each of these.
    pub(crate) affinity: Vec<Term>,
    /// None of these may be near.
    pub(crate) anti_affinity: Vec<Term>,
    /// These are liked near by so much, or (negative) far.
    pub(crate) wishes: Vec<(i64, Term)>,
    /// Spread that must hold.
    pub(crate) spread: Vec<Spread>,
    /// Spread that is wished for.
    pub(crate) spread_wishes: Vec<Spread>,
    /// What it will mean to those that come after it.
    pub(crate) pulls: Vec<(Pull, Term)>,
}

impl Relations {
    /// What the spec of a pod says of others; `None` if nothing, as most do.
    pub(crate) fn new(spec: &PodSpec, identity: &Identity) -> Option<Arc<Self>> {
        let (near, far) = (&spec.affinity.pod_affinity, &spec.affinity.pod_anti_affinity);
        let term = |raw: &RawPodTerm| term(raw, identity);
        let spread = |required: bool| {
            let wanted = spec
                .topology_spread_constraints
                .iter()
                .filter(move |raw| (raw.when_unsatisfiable != "ScheduleAnyway") == required);
            wanted.map(|raw| read_spread(raw, identity)).collect()
        };
        let weighted =
            |sign: i64| move |raw: &RawWeightedTerm| (sign * raw.weight, term(&raw.pod_affinity_term));
        let mut relations = Self {
            affinity: near.required.iter().map(term).collect(),
            anti_affinity: far.required.iter().map(term).collect(),
            wishes: near
                .preferred
                .iter()
                .map(weighted(1))
                .chain(far.preferred.iter().map(weighted(-1)))
                .collect(),
            spread: spread(true),
            spread_wishes: spread(false),
            pulls: Vec::new(),
        };
        if relations == Self::default() {
            return None;
        }
        relations.pulls = relations.meant_to_others();
        Some(Arc::new(relations))
    }

    fn meant_to_others(&self) -> Vec<(Pull, Term)> {
        let excluded = self.anti_affinity.iter().map(|term| (Pull::Excludes, term));
        let needed = self.affinity.iter().map(|term| (Pull::Likes(LIKES_NEEDED), term));
        let liked = self
            .wishes
            .iter()
            .map(|(weight, term)| (Pull::Likes(*weight), term));
        let all = excluded.chain(needed).chain(liked);
        all.map(|(pull, term)| (pull, term.clone())).collect()
    }

    /// The labels of pods that it speaks of.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let spread = self.spread.iter().chain(&self.spread_wishes);
        let wishes = self.wishes.iter().map(|(_, term)| term);
        self.affinity
            .iter()
            .chain(&self.anti_affinity)
            .chain(wishes)
            .chain(spread.map(|spread| &spread.term))
            .flat_map(|term| term.who.keys())
    }
}

fn term(raw: &RawPodTerm, identity: &Identity) -> Term {
    let mut namespaces: BTreeSet<String> = raw.namespaces.iter().cloned().collect();
    if namespaces.is_empty() && raw.namespace_selector.is_none() {
        namespaces.insert(identity.namespace.to_string());
    }
    let wider = raw.namespace_selector.as_ref();
    let who = Who {
        namespaces,
        wider: wider
            .and_then(|spec| spec.selector().ok())
            .map(|s| s.requirements),
        selector: selector(
            raw.label_selector.as_ref(),
            &raw.match_label_keys,
            &raw.mismatch_label_keys,
            &identity.labels,
        ),
    };
    Term {
        who,
        topology: raw.topology_key.clone(),
    }
}

fn read_spread(raw: &RawSpread, identity: &Identity) -> Spread {
    let who = Who {
        namespaces: BTreeSet::from([identity.namespace.to_string()]),
        wider: None,
        selector: selector(
            raw.label_selector.as_ref(),
            &raw.match_label_keys,
            &[],
            &identity.labels,
        ),
    };
    Spread {
        term: Term {
            who,
            topology: raw.topology_key.clone(),
        },
        max_skew: raw.max_skew,
        min_domains: raw.min_domains.unwrap_or(1),
        honors_affinity: raw.node_affinity_policy.as_deref() != Some("Ignore"),
        honors_taints: raw.node_taints_policy.as_deref() == Some("Honor"),
    }
}

/// A selector with the label keys of the pod itself in it, as kube-apiserver puts them there.
fn selector(
    spec: Option<&SelectorSpec>,
    same: &[String],
    other: &[String],
    own: &Labels,
) -> Option<Vec<Requirement>> {
    let mut all = spec?.selector().ok()?.requirements;
    let value = |key: &String| Some((key.clone(), vec![own.get(key)?.clone()]));
    all.extend(same.iter().filter_map(value).map(|(key, values)| Requirement {
        key,
        operator: Operator::In(values),
    }));
    all.extend(other.iter().filter_map(value).map(|(key, values)| Requirement {
        key,
        operator: Operator::NotIn(values),
    }));
    Some(all)
}
