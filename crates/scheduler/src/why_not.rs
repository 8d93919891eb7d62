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
    /// A port of the machine is taken.
    Ports,
    /// Too little of this resource is free.
    Insufficient(String),
    /// Pods would be spread less evenly than they may.
    Spread,
    /// It lacks a label over whose values pods are to be spread.
    SpreadLabel,
    /// Pods that must be near are not.
    PodAffinity,
    /// Pods that must not be near are.
    PodAntiAffinity,
    /// Placed pods do not bear this one near them.
    ExistingAntiAffinity,
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
            Self::Ports => f.write_str("node(s) didn't have free ports for the requested pod ports"),
            Self::Insufficient(resource) => write!(f, "Insufficient {resource}"),
            Self::Spread => f.write_str("node(s) didn't match pod topology spread constraints"),
            Self::SpreadLabel => {
                f.write_str("node(s) didn't match pod topology spread constraints (missing required label)")
            }
            Self::PodAffinity => f.write_str("node(s) didn't match pod affinity rules"),
            Self::PodAntiAffinity => f.write_str("node(s) didn't match pod anti-affinity rules"),
            Self::ExistingAntiAffinity => {
                f.write_str("node(s) didn't satisfy existing pods anti-affinity rules")
            }
        }
    }
}

impl Reason {
    /// Whether it stays whatever pods go from the machine. Source: where kube-scheduler's filters answer
    /// `UnschedulableAndUnresolvable`.
    fn lasts(&self) -> bool {
        match self {
            Self::Unschedulable
            | Self::UntoleratedTaint { .. }
            | Self::Affinity
            | Self::SpreadLabel
            | Self::PodAffinity => true,
            Self::TooManyPods
            | Self::Ports
            | Self::Insufficient(_)
            | Self::Spread
            | Self::PodAntiAffinity
            | Self::ExistingAntiAffinity => false,
        }
    }
}

/// Why one machine will not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the first rule says that refuses.
    pub(crate) reasons: Vec<Reason>,
    /// Whether it will not do even without the pods that are on it.
    pub(crate) lasting: bool,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self {
            lasting: reason.lasts(),
            reasons: vec![reason],
        }
    }
}

/// Why a pod is not placed: how many machines there are, and how many will not do for which reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WhyNot {
    /// Machines looked at.
    pub machines: usize,
    /// Those of them that would not do even without the pods that are on them.
    pub lasting: usize,
    /// How many of them are ruled out by each reason; one machine may have several.
    #[serde(skip)]
    pub reasons: BTreeMap<Reason, usize>,
}

impl WhyNot {
    /// Counts one machine that will not do.
    pub(crate) fn count(&mut self, refusal: Refusal) {
        self.machines += 1;
        self.lasting += usize::from(refusal.lasting);
        for reason in refusal.reasons {
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// What the machines say, in kube-scheduler's words.
    pub fn refusals(&self) -> String {
        let counted = self.reasons.iter();
        self.sentence(
            counted
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect(),
        )
    }

    /// What it says of preemption. No pod is ever driven out here, so there are no victims.
    fn preemption(&self) -> String {
        let all = [
            (self.lasting, "Preemption is not helpful for scheduling"),
            (
                self.machines - self.lasting,
                "No preemption victims found for incoming pod",
            ),
        ];
        let some = all.into_iter().filter(|(count, _)| *count > 0);
        self.sentence(some.map(|(count, words)| format!("{count} {words}")).collect())
    }

    fn sentence(&self, mut phrases: Vec<String>) -> String {
        phrases.sort();
        let phrases = phrases.join(", ");
        format!("0/{} nodes are available: {phrases}.", self.machines)
    }
}

impl fmt::Display for WhyNot {
    /// The message of kube-scheduler's `FailedScheduling` event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.machines == 0 {
            return f.write_str("no nodes available to schedule pods");
        }
        write!(f, "{} preemption: {}", self.refusals(), self.preemption())
    }
}
