//! Why a pod is not placed: data first, then kube-scheduler's words for it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Why one machine will not do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// The machine is cordoned.
    Unschedulable,
    /// A taint of this key and value is not tolerated.
    UntoleratedTaint {
        /// The taint's key.
        key: String,
        /// The taint's value.
        value: String,
    },
    /// Its labels or name are not those asked for.
    Affinity,
    /// It runs as many pods as it may.
    TooManyPods,
    /// Too little of this resource is free.
    Insufficient(String),
}

impl fmt::Display for Reason {
    /// kube-scheduler's phrase, which follows a count of machines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unschedulable => f.write_str("node(s) were unschedulable"),
            Self::UntoleratedTaint { key, value } => {
                write!(f, "node(s) had untolerated taint {{{key}: {value}}}")
            }
            Self::Affinity => f.write_str("node(s) didn't match Pod's node affinity/selector"),
            Self::TooManyPods => f.write_str("Too many pods"),
            Self::Insufficient(resource) => write!(f, "Insufficient {resource}"),
        }
    }
}

/// Why a pod is not placed: how many machines there are, and how many will not do for which reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WhyNot {
    /// Machines looked at.
    pub machines: usize,
    /// How many of them are ruled out by each reason; one machine may have several.
    #[serde(skip)]
    pub reasons: BTreeMap<Reason, usize>,
}

impl WhyNot {
    /// Counts one machine that will not do.
    pub(crate) fn count(&mut self, reasons: Vec<Reason>) {
        self.machines += 1;
        for reason in reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }
}

impl fmt::Display for WhyNot {
    /// The message of kube-scheduler's `FailedScheduling` event, less its words on preemption.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.machines == 0 {
            return f.write_str("no nodes available to schedule pods");
        }
        let mut phrases: Vec<String> = self
            .reasons
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        phrases.sort();
        write!(
            f,
            "0/{} nodes are available: {}.",
            self.machines,
            phrases.join(", ")
        )
    }
}
