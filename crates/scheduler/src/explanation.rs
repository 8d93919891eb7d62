//! Why a pod waits, told for people: machines by class and by all that stops them there, and what would let it run.
//!
//! Data first ([`Explanation`], which serializes), then text. [`crate::State::explain`] makes it.

use std::fmt;

use meta::Quantity;
use serde::{Serialize, Serializer};

/// What stops a pod on a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "reason")]
pub enum Obstacle {
    /// An administrator keeps new pods away.
    Cordoned,
    /// A taint is not tolerated.
    Taint {
        /// Its key.
        key: String,
        /// Its value, often empty.
        value: String,
        /// Its effect.
        effect: String,
    },
    /// A label that the pod's `nodeSelector` names has another value, or is not there.
    Label {
        /// The label's key.
        key: String,
        /// The value that is asked for.
        value: String,
    },
    /// None of the terms of its node affinity holds.
    NodeAffinity,
    /// A port of the machine is taken.
    Ports,
    /// Less is there than is asked for, even without other pods.
    TooSmall(Lack),
    /// Other pods have what is asked for.
    Busy(Lack),
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

/// Too little of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lack {
    /// The resource.
    pub resource: String,
    /// What the pod asks for.
    #[serde(serialize_with = "as_text")]
    pub asked: Quantity,
    /// What is free: of several machines, the most.
    #[serde(serialize_with = "as_text")]
    pub free: Quantity,
}

fn as_text<S: Serializer>(amount: &Quantity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(amount)
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("cordoned"),
            Self::Taint { key, value, effect } => write!(f, "taint {}", taint(key, value, effect)),
            Self::Label { key, value } => write!(f, "not {key}={value}"),
            Self::NodeAffinity => f.write_str("not what its node affinity names"),
            Self::Ports => f.write_str("a host port is taken"),
            Self::TooSmall(lack) => write!(
                f,
                "{} {} at all of {} asked",
                amount(&lack.resource, lack.free),
                lack.resource,
                amount(&lack.resource, lack.asked)
            ),
            Self::Busy(lack) => write!(
                f,
                "{} {} free of {} asked",
                amount(&lack.resource, lack.free),
                lack.resource,
                amount(&lack.resource, lack.asked)
            ),
            Self::Spread => f.write_str("would be spread too unevenly"),
            Self::SpreadLabel => f.write_str("lacks a label to be spread over"),
            Self::PodAffinity => f.write_str("pods to be near are not near"),
            Self::PodAntiAffinity => f.write_str("pods to keep away from are near"),
            Self::ExistingAntiAffinity => f.write_str("pods that keep it away are near"),
        }
    }
}

/// A taint as people write it.
fn taint(key: &str, value: &str, effect: &str) -> String {
    let value = if value.is_empty() {
        String::new()
    } else {
        format!("={value}")
    };
    format!("{key}{value}:{effect}")
}

/// An amount as people read it: bytes in the largest unit of which they are at least one.
pub(crate) fn amount(resource: &str, amount: Quantity) -> String {
    let units = [("Ti", 1_i64 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20)];
    let bytes = amount.as_units();
    let in_bytes =
        resource == "memory" || resource == "ephemeral-storage" || resource.starts_with("hugepages-");
    let unit = units.iter().find(|(_, size)| in_bytes && bytes >= *size);
    match unit {
        // A tenth rounded down: what is asked for must fit.
        Some((name, size)) => {
            let tenths = bytes / (size / 10);
            if tenths % 10 == 0 {
                format!("{}{name}", tenths / 10)
            } else {
                format!("{}.{}{name}", tenths / 10, tenths % 10)
            }
        }
        None => amount.to_string(),
    }
}

/// Machines of one class that the same things stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// The class: the model of its GPUs, else the instance type.
    pub class: String,
    /// How many.
    pub machines: usize,
    /// One of them.
    pub example: String,
    /// All that stops the pod there.
    pub obstacles: Vec<Obstacle>,
}

/// A change that helps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", tag = "change")]
pub enum Change {
    /// Let new pods come to a machine.
    Uncordon,
    /// Bear a taint.
    Tolerate {
        /// As `key=value:Effect`.
        taint: String,
    },
    /// Leave a label out of `nodeSelector`.
    DropSelector {
        /// As `key=value`.
        label: String,
    },
    /// Leave the required node affinity out, or widen it.
    DropNodeAffinity,
    /// Ask for less.
    AskForLess {
        /// The resource.
        resource: String,
        /// What would fit at most.
        most: String,
    },
    /// Leave a rule about other pods out: `podAffinity`, `podAntiAffinity` or `topologySpreadConstraints`.
    DropRule {
        /// Its field.
        field: String,
    },
    /// Wait until a pod has ended.
    WaitFor {
        /// The pod.
        pod: String,
    },
    /// Wait until pods have ended, that are too many to be named.
    WaitForPods {
        /// How many.
        pods: usize,
    },
    /// Add a machine.
    AddMachine {
        /// Like this one, but empty.
        like: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uncordon => f.write_str("uncordon the machine"),
            Self::Tolerate { taint } => write!(f, "tolerate {taint}"),
            Self::DropSelector { label } => write!(f, "remove {label} from nodeSelector"),
            Self::DropNodeAffinity => f.write_str("widen the required node affinity"),
            Self::AskForLess { resource, most } => write!(f, "ask for at most {most} {resource}"),
            Self::DropRule { field } => write!(f, "relax {field}"),
            Self::WaitFor { pod } => write!(f, "wait for pod {pod} to end"),
            Self::WaitForPods { pods } => write!(f, "wait for {pods} pods to end"),
            Self::AddMachine { like } => write!(f, "add a machine like {like}"),
        }
    }
}

/// Changes that together let a pod run, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// All of them are needed.
    pub changes: Vec<Change>,
    /// One machine where it then fits; the new one's model if one is to be added.
    pub machine: String,
    /// On how many it then fits.
    pub machines: usize,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        f.write_str(&changes.join(", and "))?;
        if matches!(self.changes.as_slice(), [Change::AddMachine { .. }]) {
            return Ok(());
        }
        match self.machines {
            1 => write!(f, " (fits on {})", self.machine),
            count => write!(f, " (fits on {count} machines, {} for one)", self.machine),
        }
    }
}

/// Why a pod waits, or where it would go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// A machine that will do now.
    pub fits: Option<String>,
    /// The message of its `FailedScheduling` event.
    pub message: String,
    /// The machines that will not do.
    pub machines: Vec<Stopped>,
    /// What would let it run, the least first.
    pub remedies: Vec<Remedy>,
}

impl fmt::Display for Explanation {
    /// Machines in a table, then what would help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .machines
            .iter()
            .map(|group| group.class.len())
            .max()
            .unwrap_or(0);
        if !self.machines.is_empty() {
            writeln!(f, "Why not, by class of machine:")?;
        }
        for group in &self.machines {
            let obstacles: Vec<String> = group.obstacles.iter().map(ToString::to_string).collect();
            let (count, class) = (group.machines, &group.class);
            writeln!(f, "  {count:>4}  {class:<width$}  {}", obstacles.join("; "))?;
        }
        if !self.remedies.is_empty() {
            writeln!(f, "\nWhat would let it run, any of:")?;
        }
        for remedy in &self.remedies {
            writeln!(f, "  - {remedy}")?;
        }
        Ok(())
    }
}
