//! The company that a pod would have on each machine: which machines its relations and those of placed pods rule out,
//! and which of the others they prefer.
//!
//! Source of the rules: kube-scheduler's plugins PodTopologySpread and InterPodAffinity. They look at *domains*: the
//! machines that have the same value of a label.

mod points;

use std::collections::{BTreeMap, BTreeSet};

use crate::filter;
use crate::machine::Machine;
use crate::pod::Requirements;
use crate::relations::{Pull, Relations, Spread, Term};
use crate::surroundings::{Census, Group, Surroundings, affinity_group, spread_group, term_group};
use crate::why_not::Reason;

/// Machines in order of name.
pub(crate) type Machines<'a> = [&'a Machine];
/// How many pods are in each domain, by the label's value.
type Domains<'a> = BTreeMap<&'a str, i64>;

/// What the relations of one pod and of those placed come to, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Company<'a> {
    spread: Vec<Skew<'a>>,
    affinity: Vec<(&'a str, BTreeSet<&'a str>)>,
    /// The pod is the first of those that are to be together.
    first: bool,
    anti_affinity: Vec<(&'a str, BTreeSet<&'a str>)>,
    /// Domains that placed pods keep for themselves, by label.
    excluded: BTreeMap<&'a str, BTreeSet<&'a str>>,
    points: points::Points<'a>,
}

/// A spread that must hold: what is counted of it.
#[derive(Debug)]
struct Skew<'a> {
    topology: &'a str,
    domains: Domains<'a>,
    /// The fewest pods of any domain.
    fewest: i64,
    /// 1 if the pod itself is among those spread.
    itself: i64,
    max: i64,
}

impl<'a> Company<'a> {
    /// Looks at the surroundings with the eyes of one pod. Its groups have been counted.
    pub(crate) fn new(
        requirements: &'a Requirements,
        around: &'a Surroundings,
        machines: &'a Machines<'a>,
    ) -> Self {
        let near = Near { around, machines };
        let mut company = Self {
            excluded: near.excluded(requirements),
            ..Self::default()
        };
        if let Some(relations) = requirements.relations.as_deref() {
            company.spread = near.skews(requirements, &relations.spread);
            company.anti_affinity = near.present(&relations.anti_affinity);
            company.affinity = near.needed(relations);
            company.first = near.is_first(requirements, relations, &company.affinity);
        }
        company.points = points::Points::new(requirements, &near);
        company
    }

    /// The first rule that refuses the machine.
    pub(crate) fn refuses(&self, machine: &Machine) -> Option<Reason> {
        self.refusals(machine).next()
    }

    /// Every rule that refuses the machine.
    pub(crate) fn refusals<'b>(&'b self, machine: &'b Machine) -> impl Iterator<Item = Reason> + use<'a, 'b> {
        let rules = [Self::skewed, Self::lonely, Self::unwelcome, Self::excludes];
        rules.into_iter().filter_map(move |rule| rule(self, machine))
    }

    /// Points for each of the machines that will do, weighted as kube-scheduler weighs them.
    pub(crate) fn points(&self, candidates: &[&Machine]) -> Option<Vec<i64>> {
        self.points.of(candidates)
    }

    fn skewed(&self, machine: &Machine) -> Option<Reason> {
        self.spread.iter().find_map(|skew| {
            let Some(value) = machine.labels.get(skew.topology) else {
                return Some(Reason::SpreadLabel);
            };
            let there = skew.domains.get(value.as_str()).copied().unwrap_or(0);
            (there + skew.itself - skew.fewest > skew.max).then_some(Reason::Spread)
        })
    }

    fn lonely(&self, machine: &Machine) -> Option<Reason> {
        let mut domains = self.affinity.iter();
        let holds = domains.all(|(topology, values)| {
            is_in(machine, topology, values) || (self.first && machine.labels.contains_key(*topology))
        });
        (!holds).then_some(Reason::PodAffinity)
    }

    fn unwelcome(&self, machine: &Machine) -> Option<Reason> {
        let mut domains = self.anti_affinity.iter();
        let any = domains.any(|(topology, values)| is_in(machine, topology, values));
        any.then_some(Reason::PodAntiAffinity)
    }

    fn excludes(&self, machine: &Machine) -> Option<Reason> {
        let mut domains = self.excluded.iter();
        let any = domains.any(|(topology, values)| is_in(machine, topology, values));
        any.then_some(Reason::ExistingAntiAffinity)
    }
}

/// Whether a machine is in one of these domains.
fn is_in(machine: &Machine, topology: &str, domains: &BTreeSet<&str>) -> bool {
    let value = machine.labels.get(topology);
    value.is_some_and(|value| domains.contains(value.as_str()))
}

/// Placed pods, by the machines that there are.
struct Near<'a> {
    around: &'a Surroundings,
    machines: &'a Machines<'a>,
}

impl<'a> Near<'a> {
    fn machine(&self, name: &str) -> Option<&'a Machine> {
        let found = self
            .machines
            .binary_search_by(|machine| machine.name.as_str().cmp(name));
        found.ok().map(|index| self.machines[index])
    }

    /// The domain of a machine.
    fn domain(&self, node: &str, topology: &str) -> Option<&'a str> {
        self.machine(node)?.labels.get(topology).map(String::as_str)
    }

    /// The domains that have pods of a group.
    fn domains_with(&self, group: &Group, topology: &str) -> BTreeSet<&'a str> {
        let on = self.around.on(group);
        on.filter_map(|(node, _)| self.domain(node, topology)).collect()
    }

    fn domains_of(&self, census: &Census, topology: &str) -> Domains<'a> {
        let mut domains = Domains::new();
        for (node, count) in census {
            if let Some(value) = self.domain(node, topology) {
                *domains.entry(value).or_default() += number(*count);
            }
        }
        domains
    }

    fn present(&self, terms: &'a [Term]) -> Vec<(&'a str, BTreeSet<&'a str>)> {
        let with = |term: &'a Term| {
            let topology = term.topology.as_str();
            (topology, self.domains_with(&term_group(term), topology))
        };
        terms.iter().map(with).collect()
    }

    /// For each term the domains of the pods that all of them describe.
    fn needed(&self, relations: &'a Relations) -> Vec<(&'a str, BTreeSet<&'a str>)> {
        let Some(group) = affinity_group(relations) else {
            return Vec::new();
        };
        let with = |term: &'a Term| {
            let topology = term.topology.as_str();
            (topology, self.domains_with(&group, topology))
        };
        relations.affinity.iter().map(with).collect()
    }

    /// Whether no such pod is anywhere and the pod is such a one itself, so that it may be the first.
    fn is_first(
        &self,
        requirements: &Requirements,
        relations: &Relations,
        found: &[(&str, BTreeSet<&str>)],
    ) -> bool {
        let itself = requirements.appearance.as_ref();
        found.iter().all(|(_, values)| values.is_empty())
            && relations
                .affinity
                .iter()
                .all(|term| self.around.describes(&term.who, itself))
    }

    fn excluded(&self, requirements: &'a Requirements) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let mut excluded: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (pull, topology, census) in self.around.pulls(requirements.appearance.as_ref()) {
            if pull == Pull::Excludes {
                let values = self.domains_of(census, topology);
                excluded.entry(topology).or_default().extend(values.into_keys());
            }
        }
        excluded
    }

    fn skews(&self, requirements: &'a Requirements, spread: &'a [Spread]) -> Vec<Skew<'a>> {
        let skew = |wanted: &'a Spread| {
            let domains = self.spread_domains(requirements, wanted, spread);
            let fewest = domains.values().min().copied().unwrap_or(0);
            let enough = domains.len() >= wanted.min_domains;
            let itself = self
                .around
                .describes(&wanted.term.who, requirements.appearance.as_ref());
            Skew {
                topology: &wanted.term.topology,
                fewest: if enough { fewest } else { 0 },
                domains,
                itself: i64::from(itself),
                max: wanted.max_skew,
            }
        };
        spread.iter().map(skew).collect()
    }

    /// Pods by domain, of the machines that have the labels of all constraints and that count for this one; empty
    /// domains too.
    fn spread_domains(&self, requirements: &Requirements, wanted: &'a Spread, all: &[Spread]) -> Domains<'a> {
        let on: BTreeMap<&str, usize> = self.around.on(&spread_group(&wanted.term)).collect();
        let mut domains = Domains::new();
        for machine in self.machines {
            if !has_labels(machine, all) || !counts(requirements, machine, wanted) {
                continue;
            }
            if let Some(value) = machine.labels.get(&wanted.term.topology) {
                let there = on.get(machine.name.as_str()).copied().unwrap_or(0);
                *domains.entry(value).or_default() += number(there);
            }
        }
        domains
    }
}

fn has_labels(machine: &Machine, spread: &[Spread]) -> bool {
    spread
        .iter()
        .all(|spread| machine.labels.contains_key(&spread.term.topology))
}

/// Whether the pods on a machine count for a spread. Source: KEP-3094.
fn counts(requirements: &Requirements, machine: &Machine, spread: &Spread) -> bool {
    (!spread.honors_affinity || filter::affinity(requirements, machine).is_none())
        && (!spread.honors_taints || filter::untolerated(requirements, machine).is_none())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
