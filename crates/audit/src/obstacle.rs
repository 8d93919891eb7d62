//! Why a machine will not do for pods of a class: all reasons, not only the first.
//!
//! Rules: kube-scheduler's filters NodeUnschedulable, TaintToleration, NodeAffinity and NodeResourcesFit.

use std::fmt;

use scheduler::{Requirements, Taint};
use serde::Serialize;

use crate::view::View;

/// Taints that only repeat what the machine's spec and conditions say.
const STATE: [&str; 3] = [
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

/// One reason why a machine will not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Obstacle {
    /// It has not said lately that it is well.
    NotReady,
    /// An administrator keeps new pods away.
    Cordoned,
    /// A taint is not tolerated.
    Taint {
        /// As `key=value:Effect`.
        taint: String,
    },
    /// Its labels or its name are not those asked for.
    Labels {
        /// The label of the selector that is missing, or `affinity`.
        wanted: String,
    },
    /// It has too little of a resource, even if it were empty.
    TooSmall {
        /// The resource.
        resource: String,
    },
    /// Too little of a resource is free.
    Busy {
        /// The resource.
        resource: String,
    },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotReady => f.write_str("not ready"),
            Self::Cordoned => f.write_str("cordoned"),
            Self::Taint { taint } => write!(f, "taint {taint}"),
            Self::Labels { wanted } => write!(f, "not {wanted}"),
            Self::TooSmall { resource } => write!(f, "too small: {resource}"),
            Self::Busy { resource } => write!(f, "busy: {resource}"),
        }
    }
}

/// The taints that keep pods with these requirements away.
pub(crate) fn untolerated<'a>(
    requirements: &'a Requirements,
    machine: &'a scheduler::Machine,
) -> impl Iterator<Item = &'a Taint> {
    let taints = machine
        .taints
        .iter()
        .filter(|taint| taint.forbids() && !STATE.contains(&taint.key.as_str()));
    taints.filter(|taint| !requirements.tolerates(taint))
}

/// Whether the machine's labels and name are those asked for.
pub(crate) fn is_chosen(requirements: &Requirements, machine: &scheduler::Machine) -> bool {
    missing_label(requirements, machine).is_none() && affinity_holds(requirements, machine)
}

fn missing_label<'a>(
    requirements: &'a Requirements,
    machine: &scheduler::Machine,
) -> Option<(&'a String, &'a String)> {
    requirements
        .node_selector
        .iter()
        .find(|(key, value)| machine.labels.get(*key) != Some(value))
}

fn affinity_holds(requirements: &Requirements, machine: &scheduler::Machine) -> bool {
    let required = requirements.required.as_ref();
    required.is_none_or(|terms| terms.iter().any(|term| term.matches(machine)))
}

/// A taint as people write it.
pub(crate) fn describe(taint: &Taint) -> String {
    let Taint { key, value, effect } = taint;
    if value.is_empty() {
        format!("{key}:{effect:?}")
    } else {
        format!("{key}={value}:{effect:?}")
    }
}

/// Every reason why the machine will not do for pods of the class.
pub(crate) fn obstacles(view: &View<'_>, class: usize, machine: usize) -> Vec<Obstacle> {
    let (asked, at) = (&view.classes()[class], &view.machines[machine]);
    let requirements = &asked.requirements;
    let mut found = Vec::new();
    if !at.node.is_ready() {
        found.push(Obstacle::NotReady);
    }
    if at.node.spec.unschedulable {
        found.push(Obstacle::Cordoned);
    }
    found.extend(
        untolerated(requirements, &at.placement).map(|taint| Obstacle::Taint {
            taint: describe(taint),
        }),
    );
    if let Some((key, value)) = missing_label(requirements, &at.placement) {
        found.push(Obstacle::Labels {
            wanted: format!("{key}={value}"),
        });
    } else if !affinity_holds(requirements, &at.placement) {
        found.push(Obstacle::Labels {
            wanted: "affinity".to_owned(),
        });
    }
    found.extend(lacking(view, class, machine));
    found
}

/// The resources of which the machine has too little, free or at all.
fn lacking(view: &View<'_>, class: usize, machine: usize) -> Vec<Obstacle> {
    let (asked, at) = (&view.classes()[class], &view.machines[machine]);
    let free = at.room.units_free(&view.dimensions);
    let mut found = Vec::new();
    for (index, amount) in asked
        .amounts
        .iter()
        .enumerate()
        .filter(|(_, amount)| **amount > 0)
    {
        let resource = || view.dimensions.name(index).to_owned();
        if *amount > at.allocatable[index] {
            found.push(Obstacle::TooSmall { resource: resource() });
        } else if *amount > free[index] {
            found.push(Obstacle::Busy { resource: resource() });
        }
    }
    if found.is_empty() && asked.fraction.is_some() && !at.room.has(asked, &view.dimensions, at.memory) {
        let resource = crate::gpus::NVIDIA.to_owned();
        found.push(if view.could_hold(class, machine) {
            Obstacle::Busy { resource }
        } else {
            Obstacle::TooSmall { resource }
        });
    }
    found
}
