//! Looking for what stops a pod and what would help: every rule on every machine, for one pod that somebody asks about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meta::Quantity;

use super::{Known, State};
use crate::company::Company;
use crate::explanation::{Change, Explanation, Lack, Obstacle, Remedy, Stopped, amount};
use crate::filter::{self, Taken};
use crate::machine::Machine;
use crate::pod::{Pod, Requirements};
use crate::relations::Relations;
use crate::resources::{PODS, Resources};
use crate::why_not::Reason;

/// Labels that say what a machine is, the best first.
const CLASSES: [&str; 2] = ["nvidia.com/gpu.product", "node.kubernetes.io/instance-type"];
/// What machines are called that no label describes.
const UNLABELLED: &str = "machine";
/// Remedies that are told at most.
const REMEDIES_MAX: usize = 8;

impl State {
    /// Why a pod is not placed, or where it would go. It need not be known; where it is, it is judged as it waits.
    pub fn explain(&mut self, pod: &Pod) -> Explanation {
        if self.around.mention(&pod.requirements) {
            self.classify_anew();
        }
        let mut asked = (*pod.requirements).clone();
        asked.appearance = self.around.appearance(&pod.identity);
        self.around
            .count(&asked, &self.pods.values().filter_map(Known::placed));
        self.learn();
        let asked = Arc::new(asked);
        match self.choose(&asked) {
            Ok((node, _)) => Explanation {
                fits: Some(node),
                ..Explanation::default()
            },
            Err(why) => Explanation {
                fits: None,
                message: why.to_string(),
                machines: self.stopped(&asked),
                remedies: self.remedies(&asked),
            },
        }
    }

    fn stopped(&self, asked: &Requirements) -> Vec<Stopped> {
        let machines = self.known_machines();
        let company = Company::new(asked, &self.around, &machines);
        let mut groups: BTreeMap<(String, Vec<Obstacle>), Stopped> = BTreeMap::new();
        for (machine, taken) in self.offers() {
            let obstacles = obstacles(asked, machine, taken, &company);
            let key = (class(machine), obstacles.iter().map(kind).collect());
            match groups.get_mut(&key) {
                Some(group) => {
                    group.machines += 1;
                    group
                        .obstacles
                        .iter_mut()
                        .zip(&obstacles)
                        .for_each(|(most, own)| raise(most, own));
                }
                None => {
                    let group = Stopped {
                        class: key.0.clone(),
                        machines: 1,
                        example: machine.name.clone(),
                        obstacles,
                    };
                    groups.insert(key, group);
                }
            }
        }
        let mut groups: Vec<Stopped> = groups.into_values().collect();
        groups.sort_by_key(|group| (group.obstacles.len(), std::cmp::Reverse(group.machines)));
        groups
    }

    /// The machines that there are, and what is taken of each.
    fn offers(&self) -> impl Iterator<Item = (&Machine, &Taken)> {
        let slots = self.stock.slots().iter();
        slots.filter_map(|slot| Some((slot.machine.as_ref()?, &slot.taken)))
    }

    fn known_machines(&self) -> Vec<&Machine> {
        self.offers().map(|(machine, _)| machine).collect()
    }

    /// Sets of changes that let the pod run, each tried on the machine where it would.
    fn remedies(&self, asked: &Requirements) -> Vec<Remedy> {
        let machines = self.known_machines();
        let mut found: BTreeMap<Vec<Change>, Remedy> = BTreeMap::new();
        let company = Company::new(asked, &self.around, &machines);
        for (machine, taken) in self.offers() {
            let obstacles = obstacles(asked, machine, taken, &company);
            if obstacles.is_empty() {
                // What refuses the pod there is none of the rules looked at here.
                continue;
            }
            for changes in [
                self.by_change(asked, machine, taken, &obstacles),
                self.by_waiting(asked, machine, taken, &obstacles),
            ]
            .into_iter()
            .flatten()
            {
                found
                    .entry(changes)
                    .and_modify(|remedy| remedy.machines += 1)
                    .or_insert_with_key(|changes| Remedy {
                        changes: changes.clone(),
                        machine: machine.name.clone(),
                        machines: 1,
                    });
            }
        }
        let mut remedies = least(&found.into_values().collect::<Vec<_>>());
        remedies.truncate(REMEDIES_MAX);
        remedies.extend(self.by_adding(asked));
        remedies
    }

    /// What of the pod, or of the machine, would have to change for it to fit there, if that is enough.
    fn by_change(
        &self,
        asked: &Requirements,
        machine: &Machine,
        taken: &Taken,
        obstacles: &[Obstacle],
    ) -> Option<Vec<Change>> {
        let (mut wanted, mut changed) = (asked.clone(), machine.clone());
        let mut changes = BTreeSet::new();
        for obstacle in obstacles {
            changes.insert(overcome(obstacle, &mut wanted, &mut changed)?);
        }
        let machines: Vec<&Machine> = self
            .known_machines()
            .into_iter()
            .map(|other| {
                if other.name == changed.name {
                    &changed
                } else {
                    other
                }
            })
            .collect();
        let company = Company::new(&wanted, &self.around, &machines);
        let fits = filter::check(&wanted, &changed, taken, Some(&company)).is_none();
        fits.then(|| changes.into_iter().collect())
    }

    /// Which pods of a machine, fewest first, would have to go.
    fn by_waiting(
        &self,
        asked: &Requirements,
        machine: &Machine,
        taken: &Taken,
        obstacles: &[Obstacle],
    ) -> Option<Vec<Change>> {
        let passing = |obstacle: &Obstacle| matches!(obstacle, Obstacle::Busy(_) | Obstacle::Ports);
        if !obstacles.iter().all(passing) {
            return None;
        }
        let fits_without = |pods: &[&Pod]| {
            let mut taken = taken.clone();
            pods.iter().for_each(|pod| taken.subtract(&pod.requirements));
            filter::check(asked, machine, &taken, None).is_none()
        };
        let mut here: Vec<&Pod> = self.placed_on(&machine.name).collect();
        if let Some(pod) = here.iter().find(|pod| fits_without(&[pod])) {
            return Some(vec![Change::WaitFor { pod: pod.uid.clone() }]);
        }
        here.sort_by_key(|pod| (std::cmp::Reverse(useful(asked, pod)), &pod.uid));
        let pods = (2..=here.len()).find(|count| fits_without(&here[..*count]))?;
        Some(vec![Change::WaitForPods { pods }])
    }

    fn placed_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Pod> {
        let placed = self.pods.values().filter_map(Known::placed);
        placed.filter(move |(on, _)| *on == node).map(|(_, pod)| pod)
    }

    /// The class of machine of which one more would do.
    fn by_adding(&self, asked: &Requirements) -> Option<Remedy> {
        let known = self.known_machines();
        known.iter().find_map(|like| {
            let mut new = (*like).clone();
            new.unschedulable = false;
            // A new machine is in the domain of the old one but for the label that is its own.
            new.name = format!("{} (new)", like.name);
            if let Some(host) = new.labels.get_mut("kubernetes.io/hostname") {
                host.clone_from(&new.name);
            }
            let mut machines = known.clone();
            let at = machines.partition_point(|machine| machine.name < new.name);
            machines.insert(at, &new);
            let company = Company::new(asked, &self.around, &machines);
            let fits = filter::check(asked, &new, &Taken::default(), Some(&company)).is_none();
            fits.then(|| Remedy {
                changes: vec![Change::AddMachine {
                    like: like.name.clone(),
                }],
                machine: class(like),
                machines: 1,
            })
        })
    }
}

/// Every rule that refuses the machine.
fn obstacles(asked: &Requirements, machine: &Machine, taken: &Taken, company: &Company<'_>) -> Vec<Obstacle> {
    let mut found = Vec::new();
    found.extend(filter::unschedulable(asked, machine).map(|_| Obstacle::Cordoned));
    let taints = machine
        .taints
        .iter()
        .filter(|taint| taint.forbids() && !asked.tolerates(taint));
    found.extend(taints.map(|taint| Obstacle::Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: format!("{:?}", taint.effect),
    }));
    let labels = asked.node_selector.iter();
    let missing = labels.filter(|(key, value)| machine.labels.get(*key) != Some(value));
    found.extend(missing.map(|(key, value)| Obstacle::Label {
        key: key.clone(),
        value: value.clone(),
    }));
    let terms = asked.required.as_ref();
    if terms.is_some_and(|terms| !terms.iter().any(|term| term.matches(machine))) {
        found.push(Obstacle::NodeAffinity);
    }
    if !taken.ports.are_free(&asked.ports) {
        found.push(Obstacle::Ports);
    }
    found.extend(lacks(&asked.requests, &machine.allocatable, &taken.resources));
    let company = company.refusals(machine);
    found.extend(company.filter_map(|reason| of_company(&reason)));
    found
}

fn lacks<'a>(
    requests: &'a Resources,
    allocatable: &'a Resources,
    used: &'a Resources,
) -> impl Iterator<Item = Obstacle> + 'a {
    let wanted = requests.iter().filter(|(_, asked)| *asked > Quantity::ZERO);
    wanted.filter_map(move |(resource, asked)| {
        let all = allocatable.get(resource);
        let free = (all - used.get(resource)).max(Quantity::ZERO);
        let lack = |free| Lack {
            resource: resource.to_owned(),
            asked,
            free,
        };
        if asked > all {
            Some(Obstacle::TooSmall(lack(all)))
        } else {
            (asked > free).then(|| Obstacle::Busy(lack(free)))
        }
    })
}

fn of_company(reason: &Reason) -> Option<Obstacle> {
    match reason {
        Reason::Spread => Some(Obstacle::Spread),
        Reason::SpreadLabel => Some(Obstacle::SpreadLabel),
        Reason::PodAffinity => Some(Obstacle::PodAffinity),
        Reason::PodAntiAffinity => Some(Obstacle::PodAntiAffinity),
        Reason::ExistingAntiAffinity => Some(Obstacle::ExistingAntiAffinity),
        _ => None,
    }
}

/// The change that takes an obstacle away, made to pod or machine; `None` if there is none.
fn overcome(obstacle: &Obstacle, asked: &mut Requirements, machine: &mut Machine) -> Option<Change> {
    Some(match obstacle {
        Obstacle::Cordoned => {
            machine.unschedulable = false;
            Change::Uncordon
        }
        Obstacle::Taint { key, value, effect } => {
            machine
                .taints
                .retain(|taint| !(taint.key == *key && taint.value == *value));
            let value = if value.is_empty() {
                String::new()
            } else {
                format!("={value}")
            };
            Change::Tolerate {
                taint: format!("{key}{value}:{effect}"),
            }
        }
        Obstacle::Label { key, value } => {
            asked.node_selector.remove(key);
            Change::DropSelector {
                label: format!("{key}={value}"),
            }
        }
        Obstacle::NodeAffinity => {
            asked.required = None;
            Change::DropNodeAffinity
        }
        Obstacle::TooSmall(lack) | Obstacle::Busy(lack) => {
            if lack.resource == PODS || lack.free <= Quantity::ZERO {
                return None;
            }
            asked.requests.set(&lack.resource, lack.free);
            Change::AskForLess {
                resource: lack.resource.clone(),
                most: amount(&lack.resource, lack.free),
            }
        }
        Obstacle::Spread | Obstacle::SpreadLabel => {
            drop_rule(asked, "topologySpreadConstraints", |relations| {
                relations.spread.clear();
            })
        }
        Obstacle::PodAffinity => drop_rule(asked, "podAffinity", |relations| relations.affinity.clear()),
        Obstacle::PodAntiAffinity => drop_rule(asked, "podAntiAffinity", |relations| {
            relations.anti_affinity.clear();
        }),
        Obstacle::Ports | Obstacle::ExistingAntiAffinity => return None,
    })
}

fn drop_rule(asked: &mut Requirements, field: &str, change: impl FnOnce(&mut Relations)) -> Change {
    if let Some(relations) = &mut asked.relations {
        change(Arc::make_mut(relations));
    }
    Change::DropRule {
        field: field.to_owned(),
    }
}

/// Those that are not more than another that does.
fn least(all: &[Remedy]) -> Vec<Remedy> {
    let needs = |more: &Remedy, less: &Remedy| {
        more.changes.len() > less.changes.len()
            && less.changes.iter().all(|change| more.changes.contains(change))
    };
    let mut kept: Vec<Remedy> = all
        .iter()
        .filter(|remedy| !all.iter().any(|other| needs(remedy, other)))
        .cloned()
        .collect();
    kept.sort_by_key(|remedy| (remedy.changes.len(), std::cmp::Reverse(remedy.machines)));
    kept
}

/// The share of what is asked for that a pod's end would bring, in thousandths: the least of all resources'.
fn useful(asked: &Requirements, pod: &Pod) -> i64 {
    let has = &pod.requirements.requests;
    let shares = asked
        .requests
        .iter()
        .filter(|(name, amount)| *name != PODS && amount.as_millis() > 0)
        .map(|(name, amount)| has.get(name).as_millis().saturating_mul(1000) / amount.as_millis());
    shares.min().unwrap_or(0)
}

fn class(machine: &Machine) -> String {
    let label = CLASSES.iter().find_map(|key| machine.labels.get(*key));
    label.map_or(UNLABELLED, String::as_str).to_lowercase()
}

/// The obstacle without its amounts.
fn kind(obstacle: &Obstacle) -> Obstacle {
    let mut kind = obstacle.clone();
    if let Obstacle::Busy(lack) | Obstacle::TooSmall(lack) = &mut kind {
        lack.free = Quantity::ZERO;
    }
    kind
}

fn raise(most: &mut Obstacle, own: &Obstacle) {
    if let (Obstacle::Busy(most), Obstacle::Busy(own)) | (Obstacle::TooSmall(most), Obstacle::TooSmall(own)) =
        (most, own)
    {
        most.free = most.free.max(own.free);
    }
}
