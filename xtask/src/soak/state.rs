//! What a soak has come to, kept in a file between its runs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Totals over all runs of one soak.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) seed: u64,
    /// Rounds that are over.
    pub(crate) rounds: u64,
    pub(crate) seconds: f64,
    pub(crate) workflows: u64,
    /// Starts of steps, by the ledger.
    pub(crate) starts: u64,
    pub(crate) kills: Kills,
    /// What was measured after the first rounds, which later ones are held against.
    pub(crate) baseline: Vec<super::leaks::Rest>,
}

/// Who was killed or stopped, how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kills {
    pub(crate) control_plane: u64,
    pub(crate) crash_points: u64,
    pub(crate) spawner: u64,
    pub(crate) executors: u64,
    pub(crate) steps: u64,
    pub(crate) restarts: u64,
    /// Workflows stopped, terminated, deleted or held, and pods deleted.
    pub(crate) interventions: u64,
}

impl Kills {
    /// These and those.
    pub(crate) fn add(&mut self, other: Self) {
        self.control_plane += other.control_plane;
        self.crash_points += other.crash_points;
        self.spawner += other.spawner;
        self.executors += other.executors;
        self.steps += other.steps;
        self.restarts += other.restarts;
        self.interventions += other.interventions;
    }
}

impl State {
    /// Reads what an earlier run left.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Keeps it, whole or not at all.
    pub(crate) fn keep(&self, path: &Path) -> Result<()> {
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&fresh, path).context("cannot keep the soak's state")
    }
}
