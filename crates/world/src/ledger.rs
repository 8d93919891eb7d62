//! The ledger: what the machines did, written down as it happened. It knows nothing of the API, so it can
//! bear witness against it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One process that was started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The pod's uid.
    pub(crate) pod: String,
    /// The id of the workflow's node that the pod is an attempt at.
    pub(crate) node_id: String,
    /// The name of that node.
    pub(crate) node_name: String,
    /// The workflow's name.
    pub(crate) workflow: String,
    /// Thousandths of a CPU it takes.
    pub(crate) cpu: i64,
    /// The machine.
    pub(crate) machine: String,
    /// Its exit code, once it ended.
    pub(crate) exit: Option<i32>,
}

#[derive(Default)]
struct Inner {
    starts: Vec<Start>,
    /// The most processes of a workflow that ran at the same time.
    busiest: BTreeMap<String, usize>,
    /// The most CPU that was in use on a machine.
    fullest: BTreeMap<String, i64>,
}

/// What was started and how it ended; shared by all machines of a world and all its lives.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Inner>>);

impl Ledger {
    pub(crate) fn started(&self, start: Start) {
        let mut inner = self.inner();
        inner.starts.push(start.clone());
        let running = || inner.starts.iter().filter(|other| other.exit.is_none());
        let at_once = running().filter(|other| other.workflow == start.workflow).count();
        let in_use = running()
            .filter(|other| other.machine == start.machine)
            .map(|s| s.cpu)
            .sum();
        let busiest = inner.busiest.entry(start.workflow).or_default();
        *busiest = (*busiest).max(at_once);
        let fullest = inner.fullest.entry(start.machine).or_default();
        *fullest = (*fullest).max(in_use);
    }

    pub(crate) fn ended(&self, pod: &str, exit: i32) {
        let mut inner = self.inner();
        let start = inner.starts.iter_mut().rev().find(|start| start.pod == pod);
        if let Some(start) = start {
            start.exit = Some(exit);
        }
    }

    pub(crate) fn starts(&self) -> Vec<Start> {
        self.inner().starts.clone()
    }

    pub(crate) fn busiest(&self, workflow: &str) -> usize {
        self.inner().busiest.get(workflow).copied().unwrap_or(0)
    }

    pub(crate) fn fullest(&self) -> BTreeMap<String, i64> {
        self.inner().fullest.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
