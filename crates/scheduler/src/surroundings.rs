//! The pods that are placed, as far as others speak of them: how many of each described group are on each machine, and
//! which placed pods want what of those that come near.
//!
//! Counted as pods come and go, so that a decision costs machines and rules, not pods. Where no pod speaks of others,
//! nothing is kept.

use std::collections::{BTreeMap, BTreeSet};

use crate::pod::{Identity, Pod, Requirements};
use crate::relations::{Appearance, Labels, Namespaces, Pull, Relations, Term, Who};

/// Groups counted at once; beyond, the one that was asked for longest ago goes. Each rule of a workload is one.
const GROUPS_MAX: usize = 1024;

/// Pods that fit all of some descriptions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    all: Vec<Who>,
    /// Whether pods that are being deleted do not count.
    living: bool,
}

impl Group {
    fn has(&self, identity: &Identity, namespaces: &Namespaces) -> bool {
        let describes = |who: &Who| who.describes(&identity.namespace, &identity.labels, namespaces);
        !(self.living && identity.leaving) && self.all.iter().all(describes)
    }

    /// The groups that the rules of a pod speak of.
    fn of(relations: &Relations) -> Vec<Self> {
        let needed = affinity_group(relations);
        let single = relations.anti_affinity.iter();
        let single = single
            .chain(relations.wishes.iter().map(|(_, term)| term))
            .map(term_group);
        let spread = relations.spread.iter().chain(&relations.spread_wishes);
        let spread = spread.map(|spread| spread_group(&spread.term));
        needed.into_iter().chain(single).chain(spread).collect()
    }
}

/// Those that all terms of an affinity describe: only such pods count for it.
pub(crate) fn affinity_group(relations: &Relations) -> Option<Group> {
    let all: Vec<Who> = relations.affinity.iter().map(|term| term.who.clone()).collect();
    (!all.is_empty()).then_some(Group { all, living: false })
}

/// Those that one term describes.
pub(crate) fn term_group(term: &Term) -> Group {
    Group {
        all: vec![term.who.clone()],
        living: false,
    }
}

/// Those that are spread.
pub(crate) fn spread_group(term: &Term) -> Group {
    Group {
        living: true,
        ..term_group(term)
    }
}

/// How many there are on each machine that has any.
pub(crate) type Census = BTreeMap<String, usize>;

#[derive(Debug, Default)]
struct Counted {
    on: Census,
    /// When it was last asked for.
    used: u64,
}

/// Placed pods, as far as others speak of them.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    namespaces: Namespaces,
    /// The labels of pods that any rule ever spoke of; `None` as long as there is no rule.
    mentioned: Option<BTreeSet<String>>,
    groups: BTreeMap<Group, Counted>,
    /// What placed pods want of those that come near.
    pulls: BTreeMap<(Pull, Term), Census>,
    asked: u64,
}

impl Surroundings {
    /// A namespace has these labels now (`None`: it is gone); whether that changes anything. What was counted is
    /// counted anew.
    pub(crate) fn namespace(&mut self, name: &str, labels: Option<Labels>) -> bool {
        let before = self.namespaces.get(name);
        if before == labels.as_ref() {
            return false;
        }
        match labels {
            Some(labels) => self.namespaces.insert(name.to_owned(), labels),
            None => self.namespaces.remove(name),
        };
        self.groups.clear();
        self.mentioned.is_some()
    }

    /// Takes note of what a pod speaks of; whether that makes pods differ that were alike.
    pub(crate) fn mention(&mut self, requirements: &Requirements) -> bool {
        let Some(relations) = &requirements.relations else {
            return false;
        };
        let first = self.mentioned.is_none();
        let known = self.mentioned.get_or_insert_default();
        let before = known.len();
        for key in relations.keys() {
            if !known.contains(key) {
                known.insert(key.to_owned());
            }
        }
        first || known.len() > before
    }

    /// What others see of a pod; `None` if nobody looks.
    pub(crate) fn appearance(&self, identity: &Identity) -> Option<Appearance> {
        let mentioned = self.mentioned.as_ref()?;
        let labels = identity.labels.iter().filter(|(key, _)| mentioned.contains(*key));
        Some(Appearance {
            namespace: identity.namespace.clone(),
            labels: labels.map(|(key, value)| (key.clone(), value.clone())).collect(),
        })
    }

    /// A pod takes its place; whether that may matter to others.
    pub(crate) fn came(&mut self, node: &str, pod: &Pod) -> bool {
        let mut matters = false;
        for (group, counted) in &mut self.groups {
            if group.has(&pod.identity, &self.namespaces) {
                add(&mut counted.on, node);
                matters = true;
            }
        }
        for pull in pulls(pod) {
            add(self.pulls.entry(pull.clone()).or_default(), node);
            matters = true;
        }
        matters
    }

    /// A pod leaves its place.
    pub(crate) fn went(&mut self, node: &str, pod: &Pod) {
        for (group, counted) in &mut self.groups {
            if group.has(&pod.identity, &self.namespaces) {
                subtract(&mut counted.on, node);
            }
        }
        for pull in pulls(pod) {
            if let Some(census) = self.pulls.get_mut(pull) {
                subtract(census, node);
                if census.is_empty() {
                    self.pulls.remove(pull);
                }
            }
        }
    }

    /// Counts what the rules of a pod speak of, if it is not counted yet, among those `placed` on a machine.
    pub(crate) fn count<'a>(
        &mut self,
        requirements: &Requirements,
        placed: &(impl Iterator<Item = (&'a str, &'a Pod)> + Clone),
    ) {
        let Some(relations) = &requirements.relations else {
            return;
        };
        self.asked += 1;
        for group in Group::of(relations) {
            if let Some(known) = self.groups.get_mut(&group) {
                known.used = self.asked;
                continue;
            }
            self.make_room();
            let mut on = Census::new();
            for (node, pod) in placed.clone() {
                if group.has(&pod.identity, &self.namespaces) {
                    add(&mut on, node);
                }
            }
            let used = self.asked;
            self.groups.insert(group, Counted { on, used });
        }
    }

    fn make_room(&mut self) {
        if self.groups.len() < GROUPS_MAX {
            return;
        }
        let oldest = self.groups.iter().min_by_key(|(_, counted)| counted.used);
        if let Some(group) = oldest.map(|(group, _)| group.clone()) {
            self.groups.remove(&group);
        }
    }

    /// Where the pods of a group are, once it was counted.
    pub(crate) fn on<'a>(&'a self, group: &Group) -> impl Iterator<Item = (&'a str, usize)> + use<'a> {
        let counted = self.groups.get(group).into_iter().flat_map(|counted| &counted.on);
        counted.map(|(node, count)| (node.as_str(), *count))
    }

    /// What placed pods want of one that comes: each pull that means it, with its topology and where they are.
    pub(crate) fn pulls<'a>(
        &'a self,
        appearance: Option<&'a Appearance>,
    ) -> impl Iterator<Item = (Pull, &'a str, &'a Census)> {
        let all = appearance.into_iter().flat_map(move |appearance| {
            let means = move |term: &Term| term.who.describes_one(appearance, &self.namespaces);
            self.pulls.iter().filter(move |((_, term), _)| means(term))
        });
        all.map(|((pull, term), census)| (*pull, term.topology.as_str(), census))
    }

    /// Whether a pod of this appearance is among those described.
    pub(crate) fn describes(&self, who: &Who, appearance: Option<&Appearance>) -> bool {
        appearance.is_some_and(|appearance| who.describes_one(appearance, &self.namespaces))
    }

    /// How many groups are counted.
    #[cfg(test)]
    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }
}

fn pulls(pod: &Pod) -> impl Iterator<Item = &(Pull, Term)> {
    pod.requirements
        .relations
        .iter()
        .flat_map(|relations| &relations.pulls)
}

fn add(census: &mut Census, node: &str) {
    match census.get_mut(node) {
        Some(count) => *count += 1,
        None => drop(census.insert(node.to_owned(), 1)),
    }
}

fn subtract(census: &mut Census, node: &str) {
    if let Some(count) = census.get_mut(node) {
        *count -= 1;
        if *count == 0 {
            census.remove(node);
        }
    }
}
