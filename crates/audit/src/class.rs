//! Pods that ask for the same, and resources by number: what is compared often is compared as numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use scheduler::{Requirements, Resources};

use crate::cluster::Pod;
use crate::gpus::{Fraction, NVIDIA, is_gpu};

/// Amounts by the number of their resource, in thousandths of a unit.
pub(crate) type Amounts = Vec<i64>;

/// The resources of the cluster, numbered in order of name.
#[derive(Debug, Default)]
pub(crate) struct Dimensions {
    names: Vec<String>,
    /// Which of them are GPUs.
    gpus: Vec<usize>,
}

impl Dimensions {
    /// The resources that any of these name.
    pub(crate) fn new<'a>(resources: impl Iterator<Item = &'a Resources>) -> Self {
        let mut names: Vec<String> = resources
            .flat_map(|resources| resources.iter().map(|(name, _)| name.to_owned()))
            .chain([NVIDIA.to_owned()])
            .collect();
        names.sort_unstable();
        names.dedup();
        let gpus = (0..names.len()).filter(|index| is_gpu(&names[*index])).collect();
        Self { names, gpus }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// A resource's name.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// A resource's number.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok()
    }

    /// The numbers of the resources that are GPUs.
    pub(crate) fn gpus(&self) -> &[usize] {
        &self.gpus
    }

    /// Amounts by number.
    pub(crate) fn amounts(&self, resources: &Resources) -> Amounts {
        let mut amounts = vec![0; self.len()];
        for (name, amount) in resources.iter() {
            if let Some(index) = self.index(name) {
                amounts[index] = amount.as_millis();
            }
        }
        amounts
    }
}

/// What many pods ask for alike.
#[derive(Debug)]
pub(crate) struct Class {
    /// Where they may go.
    pub(crate) requirements: Arc<Requirements>,
    /// What they ask for, and one `pods`.
    pub(crate) amounts: Amounts,
    /// A part of a GPU by annotation.
    pub(crate) fraction: Option<Fraction>,
    /// What they ask of GPUs, in words; empty if nothing.
    pub(crate) size: String,
    /// How many pods, ended ones too: the workload as far as it is known.
    pub(crate) pods: usize,
}

impl Class {
    /// Whether they ask for GPUs.
    pub(crate) fn wants_gpus(&self) -> bool {
        !self.size.is_empty()
    }

    /// Units of the resource asked for, in thousandths; a fraction asks for devices of NVIDIA's.
    pub(crate) fn asks(&self, resource: usize, dimensions: &Dimensions) -> bool {
        let by_annotation = self.fraction.is_some() && dimensions.name(resource) == NVIDIA;
        by_annotation || self.amounts.get(resource).is_some_and(|amount| *amount > 0)
    }
}

/// All classes, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    all: Vec<Class>,
    known: BTreeMap<(Requirements, Option<Fraction>), usize>,
}

impl Classes {
    /// The class of a pod with these requirements.
    pub(crate) fn of(&mut self, pod: &Pod, mut requirements: Requirements, dimensions: &Dimensions) -> usize {
        // Wishes decide nothing here, and would split classes.
        requirements.preferred = Vec::new();
        let key = (requirements, Fraction::of(pod));
        let index = *self
            .known
            .entry(key)
            .or_insert_with_key(|(requirements, fraction)| {
                self.all.push(class(requirements, fraction.clone(), dimensions));
                self.all.len() - 1
            });
        // A pod that only holds a GPU for others is no size that anybody asks for.
        let holds_for_others = crate::gpus::group(pod).is_some() && self.all[index].fraction.is_none();
        self.all[index].pods += usize::from(!holds_for_others);
        index
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Class] {
        &self.all
    }
}

fn class(requirements: &Requirements, fraction: Option<Fraction>, dimensions: &Dimensions) -> Class {
    Class {
        size: size(&requirements.requests, fraction.as_ref()),
        amounts: dimensions.amounts(&requirements.requests),
        requirements: Arc::new(requirements.clone()),
        fraction,
        pods: 0,
    }
}

/// What is asked of GPUs, in words: `8 GPU`, `0.5 GPU`, `2 mig-1g.5gb`.
fn size(requests: &Resources, fraction: Option<&Fraction>) -> String {
    let units = requests
        .iter()
        .filter(|(name, amount)| is_gpu(name) && amount.as_units() > 0);
    let units = units.map(|(name, amount)| {
        let name = if name == NVIDIA {
            "GPU"
        } else {
            name.split_once('/').map_or(name, |(_, name)| name)
        };
        format!("{} {name}", amount.as_units())
    });
    let parts: Vec<String> = units.chain(fraction.map(Fraction::describe)).collect();
    parts.join(" + ")
}
