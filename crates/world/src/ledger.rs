//! The ledger: what the machines did, written down as it happened. It knows nothing of the API, so it can
//! bear witness against it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use scheduler::Resources;

use crate::problem::{Problem, Promise};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with this exit code.
    Natural(i32),
    /// Because its pod was deleted.
    Asked,
    /// By itself, with this exit code, and its machine was lost before it could be sure that the API knows.
    Untold(i32),
    /// Nobody knows: its machine was lost.
    Lost,
}

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
    /// The workflow's uid.
    pub(crate) owner: String,
    /// What it asks of the machine.
    pub(crate) requests: Resources,
    /// Locks that it holds while it runs.
    pub(crate) locks: Vec<String>,
    /// The machine.
    pub(crate) machine: String,
    /// Whether its pod was asked to go.
    pub(crate) asked: bool,
    /// How it ended, if it did.
    pub(crate) end: Option<End>,
    /// What it printed.
    pub(crate) result: String,
    /// Its output parameters.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// What must never be exceeded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    /// What each machine offers.
    pub(crate) machines: BTreeMap<String, Resources>,
    /// Processes of a workflow at the same time, by its name.
    pub(crate) parallelism: BTreeMap<String, usize>,
    /// Holders of a lock at the same time.
    pub(crate) locks: BTreeMap<String, usize>,
}

#[derive(Default)]
struct Inner {
    limits: Limits,
    starts: Vec<Start>,
    /// Places in `starts` of those that have not ended.
    open: BTreeSet<usize>,
    by_pod: BTreeMap<String, usize>,
    attempts: BTreeSet<(String, String)>,
    /// Workflows that people or lost machines had a hand in.
    touched: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// What was started and how it ended; shared by all machines of a world and all its lives.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Inner>>);

impl Ledger {
    /// An empty ledger that minds these limits.
    pub(crate) fn new(limits: Limits) -> Self {
        let ledger = Self::default();
        ledger.inner().limits = limits;
        ledger
    }

    /// A process was started.
    pub(crate) fn started(&self, start: Start) {
        let inner = &mut *self.inner();
        let place = inner.starts.len();
        inner.started_once(&start);
        inner.by_pod.insert(start.pod.clone(), place);
        inner.open.insert(place);
        inner.starts.push(start);
        inner.within_limits(place);
    }

    /// A pod was asked to go.
    pub(crate) fn asked(&self, pod: &str) {
        self.change(pod, |start| start.asked = true);
    }

    /// A process ended. Only its first end counts.
    pub(crate) fn ended(&self, pod: &str, end: End) {
        self.change(pod, |start| start.end = start.end.or(Some(end)));
        let inner = &mut *self.inner();
        if let Some(place) = inner.by_pod.get(pod) {
            inner.open.remove(place);
        }
    }

    /// A machine was lost that had not made sure that the API knows how a process ended.
    pub(crate) fn lost(&self, pod: &str) {
        self.change(pod, |start| {
            if let Some(End::Natural(code)) = start.end {
                start.end = Some(End::Untold(code));
            }
        });
        self.ended(pod, End::Lost);
    }

    /// Somebody or something had a hand in a workflow, so that it may end differently.
    pub(crate) fn touch(&self, workflow: &str) {
        self.inner().touched.insert(workflow.to_owned());
    }

    pub(crate) fn is_touched(&self, workflow: &str) -> bool {
        self.inner().touched.contains(workflow)
    }

    pub(crate) fn touched(&self) -> BTreeSet<String> {
        self.inner().touched.clone()
    }

    pub(crate) fn starts(&self) -> Vec<Start> {
        self.inner().starts.clone()
    }

    /// Whether the process of an attempt has ended.
    pub(crate) fn has_ended(&self, node_id: &str) -> bool {
        let inner = self.inner();
        let mut of_it = inner.starts.iter().filter(|start| start.node_id == node_id);
        of_it.any(|start| start.end.is_some())
    }

    /// A lock's new size.
    pub(crate) fn set_lock(&self, lock: &str, size: usize) {
        // What holds it may be more than the new size: it must not be taken anew until it is less.
        let inner = &mut *self.inner();
        let limit = inner.limits.locks.entry(lock.to_owned()).or_default();
        *limit = (*limit).max(size);
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        self.inner().problems.clone()
    }

    fn change(&self, pod: &str, change: impl FnOnce(&mut Start)) {
        let inner = &mut *self.inner();
        if let Some(place) = inner.by_pod.get(pod) {
            change(&mut inner.starts[*place]);
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn started_once(&mut self, start: &Start) {
        if self.by_pod.contains_key(&start.pod) {
            let text = format!("the pod of {} was started twice", start.node_name);
            self.problems.push(Promise::StartsOnce.broken(text));
        }
        let attempt = (start.owner.clone(), start.node_name.clone());
        if !self.attempts.insert(attempt) {
            let text = format!("the attempt {} was started twice", start.node_name);
            self.problems.push(Promise::StartsOnce.broken(text));
        }
    }

    /// Processes that run, have not been asked to end, and are like the one at `place` in some way.
    fn beside(&self, like: impl Fn(&Start) -> bool) -> usize {
        let open = self.open.iter().map(|place| &self.starts[*place]);
        open.filter(|start| !start.asked && like(start)).count()
    }

    fn within_limits(&mut self, place: usize) {
        let start = self.starts[place].clone();
        let mut exceeded = Vec::new();
        let at_once = self.beside(|other| other.owner == start.owner);
        if self
            .limits
            .parallelism
            .get(&start.workflow)
            .is_some_and(|limit| at_once > *limit)
        {
            exceeded.push(format!("{at_once} processes of {} run at once", start.workflow));
        }
        for lock in &start.locks {
            let holders = self.beside(|other| other.locks.contains(lock));
            if self.limits.locks.get(lock).is_some_and(|limit| holders > *limit) {
                exceeded.push(format!(
                    "{holders} processes hold {lock}, the last one {}",
                    start.node_name
                ));
            }
        }
        exceeded.extend(self.overcommitted(&start.machine));
        let broken = exceeded.into_iter().map(|text| Promise::Limits.broken(text));
        self.problems.extend(broken);
    }

    /// The resources of a machine of which more is in use than there is. What was asked to end still uses
    /// its part.
    fn overcommitted(&self, machine: &str) -> Vec<String> {
        let mut used = Resources::default();
        let open = self.open.iter().map(|place| &self.starts[*place]);
        open.filter(|start| start.machine == machine)
            .for_each(|start| used.add(&start.requests));
        let Some(offered) = self.limits.machines.get(machine) else {
            return vec![format!(
                "a process was started on {machine}, which is none of ours"
            )];
        };
        let over = used.iter().filter(|(name, amount)| *amount > offered.get(name));
        over.map(|(name, amount)| format!("{machine} is overcommitted: {amount} of {name} are in use"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(pod: &str, attempt: &str, locks: &[&str]) -> Start {
        Start {
            pod: pod.to_owned(),
            node_id: attempt.to_owned(),
            node_name: attempt.to_owned(),
            workflow: "w".to_owned(),
            owner: "uid".to_owned(),
            requests: Resources::from([("cpu", "1".parse().unwrap())]),
            locks: locks.iter().map(|lock| (*lock).to_owned()).collect(),
            machine: "m".to_owned(),
            asked: false,
            end: None,
            result: String::new(),
            parameters: BTreeMap::new(),
        }
    }

    fn ledger() -> Ledger {
        Ledger::new(Limits {
            machines: [("m".to_owned(), Resources::from([("cpu", "2".parse().unwrap())]))].into(),
            parallelism: [("w".to_owned(), 2)].into(),
            locks: [("door".to_owned(), 1)].into(),
        })
    }

    /// Starts and ends (`-pod`), deletions (`!pod`), and what is wrong with them.
    fn check(events: &[&str], expected: &[&str]) {
        let ledger = ledger();
        for event in events {
            match event.split_at(1) {
                ("-", pod) => ledger.ended(pod, End::Natural(0)),
                ("!", pod) => ledger.asked(pod),
                _ => {
                    let locks: &[&str] = if event.starts_with('d') { &["door"] } else { &[] };
                    ledger.started(start(event, event, locks));
                }
            }
        }
        let found: Vec<String> = ledger.problems().into_iter().map(|p| p.text).collect();
        assert_eq!(found, expected, "{events:?}");
    }

    #[test]
    fn what_keeps_to_its_limits_is_no_problem() {
        check(&["a", "b", "-a", "c", "-b", "-c", "d1", "-d1", "d2"], &[]);
    }

    #[test]
    fn what_exceeds_them_is() {
        check(
            &["a", "-a", "a"],
            &[
                "the pod of a was started twice",
                "the attempt a was started twice",
            ],
        );
        check(&["d1", "d2"], &["2 processes hold door, the last one d2"]);
        check(
            &["a", "b", "c"],
            &[
                "3 processes of w run at once",
                "m is overcommitted: 3 of cpu are in use",
            ],
        );
        // Who was asked to end holds no lock, but still uses the machine.
        check(
            &["d1", "!d1", "d2", "!d2", "a"],
            &["m is overcommitted: 3 of cpu are in use"],
        );
    }
}
