//! Which of the machines that will do have the company that a pod prefers. Source of the formulas: the scores of
//! kube-scheduler's plugins PodTopologySpread and InterPodAffinity, both with the weight 2.

use std::collections::{BTreeMap, BTreeSet};

use super::{Domains, Near, counts, has_labels, number};
use crate::machine::Machine;
use crate::pod::Requirements;
use crate::relations::{Pull, Spread};
use crate::surroundings::{spread_group, term_group};

/// A perfect score of one plugin.
const MAX: i64 = 100;
/// What either plugin counts for.
const WEIGHT: i64 = 2;
/// The label of which each machine has its own value.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// What is preferred.
#[derive(Debug, Default)]
pub(super) struct Points<'a> {
    /// How much each domain is liked, by label and value.
    liked: BTreeMap<&'a str, Domains<'a>>,
    spread: Vec<Wish<'a>>,
}

/// A spread that is wished for: how many pods there are in each domain.
#[derive(Debug)]
struct Wish<'a> {
    topology: &'a str,
    max_skew: i64,
    domains: Domains<'a>,
    /// By machine, whether it counts or not: machines that are domains of their own count so.
    on: BTreeMap<&'a str, i64>,
}

impl<'a> Points<'a> {
    pub(super) fn new(requirements: &'a Requirements, near: &Near<'a>) -> Self {
        Self {
            liked: liked(requirements, near),
            spread: wishes(requirements, near),
        }
    }

    /// Points of each candidate; `None` if nothing is preferred.
    pub(super) fn of(&self, candidates: &[&Machine]) -> Option<Vec<i64>> {
        if self.liked.is_empty() && self.spread.is_empty() {
            return None;
        }
        let (company, spread) = (self.company(candidates), self.spread(candidates));
        let both = company.iter().zip(&spread);
        Some(
            both.map(|(company, spread)| WEIGHT * (company + spread))
                .collect(),
        )
    }

    fn company(&self, candidates: &[&Machine]) -> Vec<i64> {
        let sum = |machine: &&Machine| -> i64 {
            let likes = self
                .liked
                .iter()
                .filter_map(|(topology, domains)| domains.get(machine.labels.get(*topology)?.as_str()));
            likes.sum()
        };
        let sums: Vec<i64> = candidates.iter().map(sum).collect();
        let (least, most) = extremes(sums.iter().copied());
        let scaled = |sum: &i64| match most - least {
            0 => 0,
            range => MAX * (sum - least) / range,
        };
        sums.iter().map(scaled).collect()
    }

    fn spread(&self, candidates: &[&Machine]) -> Vec<i64> {
        if self.spread.is_empty() {
            return vec![0; candidates.len()];
        }
        let complete = |machine: &Machine| {
            let mut topologies = self.spread.iter().map(|wish| wish.topology);
            topologies.all(|topology| machine.labels.contains_key(topology))
        };
        let scored: Vec<&Machine> = candidates.iter().copied().filter(|m| complete(m)).collect();
        let weights: Vec<f64> = self.spread.iter().map(|wish| wish.weight(&scored)).collect();
        let crowd = |machine: &&Machine| {
            complete(machine).then(|| {
                let parts = self.spread.iter().zip(&weights);
                let sum: f64 = parts.map(|(wish, weight)| wish.crowd(machine, *weight)).sum();
                sum.round() as i64
            })
        };
        let crowds: Vec<Option<i64>> = candidates.iter().map(crowd).collect();
        let (least, most) = extremes(crowds.iter().flatten().copied());
        let scaled = |crowd: &Option<i64>| match (crowd, most) {
            (None, _) => 0,
            (Some(_), 0) => MAX,
            (Some(crowd), most) => MAX * (most + least - crowd) / most,
        };
        crowds.iter().map(scaled).collect()
    }
}

impl Wish<'_> {
    /// The more domains, the less each counts for by itself.
    fn weight(&self, scored: &[&Machine]) -> f64 {
        let values: BTreeSet<_> = scored
            .iter()
            .filter_map(|m| m.labels.get(self.topology))
            .collect();
        let domains = if self.topology == HOSTNAME {
            scored.len()
        } else {
            values.len()
        };
        (domains as f64 + 2.0).ln()
    }

    fn crowd(&self, machine: &Machine, weight: f64) -> f64 {
        let there = if self.topology == HOSTNAME {
            self.on.get(machine.name.as_str())
        } else {
            machine
                .labels
                .get(self.topology)
                .and_then(|value| self.domains.get(value.as_str()))
        };
        there.copied().unwrap_or(0) as f64 * weight + (self.max_skew - 1) as f64
    }
}

fn liked<'a>(requirements: &'a Requirements, near: &Near<'a>) -> BTreeMap<&'a str, Domains<'a>> {
    let mut liked: BTreeMap<&str, Domains<'_>> = BTreeMap::new();
    let mut add = |topology, domains: Domains<'a>, weight: i64| {
        let sums = liked.entry(topology).or_default();
        for (value, count) in domains {
            *sums.entry(value).or_default() += weight * count;
        }
    };
    for (weight, term) in requirements
        .relations
        .iter()
        .flat_map(|relations| &relations.wishes)
    {
        let census = near.around.on(&term_group(term));
        let census = census.map(|(node, count)| (node.to_owned(), count)).collect();
        add(&term.topology, near.domains_of(&census, &term.topology), *weight);
    }
    for (pull, topology, census) in near.around.pulls(requirements.appearance.as_ref()) {
        if let Pull::Likes(weight) = pull {
            add(topology, near.domains_of(census, topology), weight);
        }
    }
    liked
}

fn wishes<'a>(requirements: &'a Requirements, near: &Near<'a>) -> Vec<Wish<'a>> {
    let Some(relations) = requirements.relations.as_deref() else {
        return Vec::new();
    };
    let all = &relations.spread_wishes;
    let wish = |wanted: &'a Spread| Wish {
        topology: &wanted.term.topology,
        max_skew: wanted.max_skew,
        domains: counted(requirements, near, wanted, all),
        on: near
            .around
            .on(&spread_group(&wanted.term))
            .filter_map(|(node, count)| Some((near.machine(node)?.name.as_str(), number(count))))
            .collect(),
    };
    all.iter().map(wish).collect()
}

fn counted<'a>(
    requirements: &Requirements,
    near: &Near<'a>,
    wanted: &'a Spread,
    all: &[Spread],
) -> Domains<'a> {
    let mut domains = Domains::new();
    for (node, count) in near.around.on(&spread_group(&wanted.term)) {
        let Some(machine) = near.machine(node) else {
            continue;
        };
        if !has_labels(machine, all) || !counts(requirements, machine, wanted) {
            continue;
        }
        if let Some(value) = machine.labels.get(&wanted.term.topology) {
            *domains.entry(value).or_default() += number(count);
        }
    }
    domains
}

fn extremes(values: impl Iterator<Item = i64>) -> (i64, i64) {
    values.fold((i64::MAX, i64::MIN), |(least, most), value| {
        (least.min(value), most.max(value))
    })
}
