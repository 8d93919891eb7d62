//! The audit: where a cluster's GPUs are wasted, and what could be won, from a look at it.
//!
//! ```text
//!   nodes, pods, namespaces ─┐
//!   readings of GPUs ────────┼──► audit() ──► Report ──► text, page (HTML), JSON
//!   prices ──────────────────┘
//! ```
//!
//! Pure: the same cluster gives the same report. It knows no client and changes nothing; the command that lists
//! the objects is `cli::command::audit`. Requests, taints, selectors and affinity are read as placement reads them
//! (`scheduler`).

mod account;
mod amount;
mod class;
pub mod cluster;
mod findings;
mod gpus;
mod html;
mod labels;
mod machine;
mod obstacle;
mod pending;
mod prices;
mod repack;
mod report;
mod sharing;
mod sizes;
mod stranded;
mod text;
pub mod usage;
mod view;
mod wins;

pub use amount::{Dollars, Gpus};
pub use cluster::{Cluster, Namespace, Node, Pod};
pub use html::page;
use meta::Timestamp;
pub use obstacle::Obstacle;
pub use prices::{PriceError, Prices};
pub use report::{
    Account, Counted, CpuPods, Findings, Holding, IdlePod, KeptUp, MachineRow, Named, OnDemand, Pending,
    Remedy, RemedyKind, Report, Size, Summary, Untainted, WhyNot, Win, WinKind,
};
pub use text::text;
pub use usage::Usage;

use crate::view::View;

/// How a cluster is to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Labels of a namespace that name its team; the first that is there counts.
    pub team_labels: Vec<String>,
    /// Labels of a machine that name its pool, before the well-known ones.
    pub pool_labels: Vec<String>,
    /// A held GPU is idle if it has work for less than this part of the time, from 0 to 1.
    pub idle_below: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            team_labels: vec!["team".to_owned()],
            pool_labels: Vec::new(),
            idle_below: 0.05,
        }
    }
}

/// Audits a cluster.
pub fn audit(cluster: &Cluster, prices: &Prices, settings: &Settings, now: Timestamp) -> Report {
    let view = View::new(cluster, prices, settings);
    let accounts = account::accounts(&view);
    let findings = findings::findings(&view);
    let repacked = repack::repack(&view);
    Report {
        at: now,
        cluster: summary(&view),
        sizes: sizes::sizes(&view),
        pending: pending::pending(&view, &repacked),
        wins: wins::wins(&view, &findings, &repacked),
        notes: notes(&view, &accounts.total),
        findings,
        total: accounts.total,
        models: accounts.models,
        pools: accounts.pools,
        machines: accounts.machines,
        teams: accounts.teams,
        namespaces: accounts.namespaces,
    }
}

fn summary(view: &View<'_>) -> Summary {
    Summary {
        machines: view.machines.len(),
        gpu_machines: view.machines.iter().filter(|machine| machine.has_gpus()).count(),
        pods: view.pods.iter().filter(|pod| pod.pod.node().is_some()).count(),
        pending: view.pending().count(),
        usage: view.cluster.usage.as_ref().map(|usage| usage.source.clone()),
    }
}

/// What could not be seen, said plainly.
fn notes(view: &View<'_>, total: &Account) -> Vec<String> {
    let mut notes = Vec::new();
    let unmeasured = total.holding.requested - total.holding.measured;
    if view.cluster.usage.is_none() {
        notes.push("Nothing measured the GPUs: how many are idle while held is not known.".to_owned());
    } else if unmeasured > Gpus::ZERO {
        notes.push(format!(
            "{unmeasured} held GPUs were not measured; they count as busy."
        ));
    }
    if total.unpriced > Gpus::ZERO {
        let unpriced = view
            .machines
            .iter()
            .filter(|machine| machine.has_gpus() && machine.price.is_none());
        let models: std::collections::BTreeSet<&str> = unpriced.map(|machine| machine.model).collect();
        let models: Vec<&str> = models.into_iter().collect();
        notes.push(format!(
            "No price is known for {} GPUs ({}); they are in no cost.",
            total.unpriced,
            models.join(", ")
        ));
    }
    let lost = view
        .pods
        .iter()
        .filter(|pod| pod.pod.node().is_some() && pod.machine.is_none())
        .count();
    if lost > 0 {
        notes.push(format!("{lost} pods are bound to machines that are not there."));
    }
    notes
}
