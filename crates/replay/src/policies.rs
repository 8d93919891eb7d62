//! The policies by name: ours, and those that it is compared with.

use std::fmt;
use std::str::FromStr;

use scheduler::packing::{Fleet, FutureFit, Policy, Workload};

use crate::peers::{BestFit, DotProd, Fgd, GpuClustering, GpuPacking, Random};

/// What is to come, as policies are told of it: worked out once for all of them.
#[derive(Clone, Debug)]
pub struct Expected {
    /// All requests.
    pub history: Workload,
    /// The typical ones alone, by which the published policies go.
    pub typical: Workload,
}

/// A policy by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyName {
    /// Ours.
    Plimsoll,
    /// Fragmentation gradient descent.
    Fgd,
    /// Least left over.
    BestFit,
    /// Least product of what is free and what is asked for.
    DotProd,
    /// Used devices before unused ones.
    GpuPacking,
    /// Equal requests together.
    GpuClustering,
    /// Any machine.
    Random,
}

impl PolicyName {
    /// Every policy.
    pub const ALL: [Self; 7] = [
        Self::Plimsoll,
        Self::Fgd,
        Self::BestFit,
        Self::DotProd,
        Self::GpuPacking,
        Self::GpuClustering,
        Self::Random,
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plimsoll => "plimsoll",
            Self::Fgd => "fgd",
            Self::BestFit => "bestfit",
            Self::DotProd => "dotprod",
            Self::GpuPacking => "gpupacking",
            Self::GpuClustering => "gpuclustering",
            Self::Random => "random",
        }
    }

    /// The policy itself, on the machines of `fleet`.
    pub fn policy(self, expected: &Expected, fleet: &Fleet) -> Box<dyn Policy> {
        match self {
            Self::Plimsoll => Box::new(FutureFit::new(&expected.history, fleet)),
            Self::Fgd => Box::new(Fgd::new(&expected.typical)),
            Self::BestFit => Box::new(BestFit),
            Self::DotProd => Box::new(DotProd),
            Self::GpuPacking => Box::new(GpuPacking),
            Self::GpuClustering => Box::new(GpuClustering::default()),
            Self::Random => Box::new(Random),
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PolicyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|policy| policy.name() == text);
        found.ok_or_else(|| {
            format!(
                "no policy {text:?}; there are {}",
                Self::ALL.map(Self::name).join(", ")
            )
        })
    }
}
