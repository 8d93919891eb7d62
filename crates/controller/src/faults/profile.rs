//! How bad an API is, as data: rates, and other rates for some kinds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often what goes wrong, in percent of the cases, and delays in milliseconds at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rates {
    /// Requests refused with 429 and a wait of a second.
    pub throttled: u64,
    /// Requests refused with 500.
    pub broken: u64,
    /// Patches refused with 409.
    pub conflicts: u64,
    /// Writes that happen, but whose connection then breaks.
    pub lost_answers: u64,
    /// Writes that happen, and are never answered.
    pub unanswered: u64,
    /// Delay of each request and each answer.
    pub lag_ms: u64,
    /// Delay of each watch event; every watch draws its own bound below this.
    pub watch_lag_ms: u64,
    /// Watch events after which the watch ends.
    pub dropped_watches: u64,
    /// Watches that are told their version is too old.
    pub too_old: u64,
}

impl Rates {
    /// A bad day: every fault often enough to meet it in a short run.
    pub const ROUGH: Self = Self {
        throttled: 3,
        broken: 3,
        conflicts: 5,
        lost_answers: 5,
        unanswered: 1,
        lag_ms: 5,
        watch_lag_ms: 200,
        dropped_watches: 3,
        too_old: 10,
    };
}

/// How bad an API is. The default is one without faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Profile {
    /// For every kind that is not named below.
    pub rates: Rates,
    /// For requests about some kinds, by the plural names that paths have, as `pods`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Rates>,
}

impl Profile {
    /// Everything goes wrong now and then, with every kind.
    pub fn rough() -> Self {
        Self {
            rates: Rates::ROUGH,
            only: BTreeMap::new(),
        }
    }

    /// The rates for a request to this path.
    pub(super) fn of(&self, path: &str) -> &Rates {
        let named = |part: &str| self.only.get(part);
        path.split('/').find_map(named).unwrap_or(&self.rates)
    }
}
