//! The machine: one workflow's state, what happened to it, and what is to be done.
//!
//! ```text
//!   event --> node that it concerns --> queue --> evaluate, deepest node first --> queue ... --> lifecycle
//!                                                    |
//!                                 statuses (patch), pods to make, timers
//! ```
//!
//! A node is evaluated only when one of its children, its own pod or a timer changed, so an event costs what
//! it changes. A rebuilt machine starts the root again: nodes with a stored status are taken over as they
//! are, and those that are over are not looked into.

mod blocked;
mod call;
mod containers;
mod dag;
mod dag_end;
mod dag_plan;
pub(crate) mod diff;
mod effects;
mod fan;
mod hooks;
mod ledger;
mod lifecycle;
mod limits;
mod load;
mod locks;
mod memo;
mod nodes;
mod outbound;
mod outcome;
mod outputs;
mod plan;
mod pods;
mod progress;
mod report;
mod retry;
mod start;
mod status;
mod steps;
mod suspend;
mod timeouts;
mod timers;
mod upkeep;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use argo::{NodeStatus, ObjectMeta, Template, Time, WorkflowSpec, WorkflowStatus};
use meta::Timestamp;

use self::nodes::{Ix, Nodes};
use self::plan::Plan;
use crate::contract::{
    Config, Effect, Event, Inputs, Library, Pending, PodView, Report, Summary, TaskResult,
};
use crate::phase::{self, PENDING, RUNNING};
use crate::template::Templates;
use crate::vars::{Refs, VarMap, Vars};

/// One workflow's state.
///
/// A machine is fed with [`Machine::observe`], any number of times, and asked with [`Machine::effects`].
/// If executing effects fails for good, drop the machine and rebuild it: nothing is lost.
#[derive(Debug)]
pub struct Machine {
    config: Arc<Config>,
    meta: ObjectMeta,
    spec: Arc<WorkflowSpec>,
    /// The workflow's name in `templateScope`: empty if it runs a referenced spec.
    scope_name: String,
    templates: Templates,
    globals: VarMap,
    /// The status without its nodes.
    status: WorkflowStatus,
    /// What is written of it and of the metadata.
    record: status::Record,
    nodes: Nodes,
    ledger: ledger::Ledger,
    pods: BTreeMap<String, Arc<PodView>>,
    results: BTreeMap<String, TaskResult>,
    /// The templates of steps and dag nodes.
    boundaries: BTreeMap<Ix, Arc<Template>>,
    /// The steps of each whose result is referred to.
    results_wanted: BTreeMap<Ix, Arc<BTreeSet<String>>>,
    /// Which node a pod belongs to, by the pod's name.
    pod_nodes: HashMap<String, String>,
    /// Daemons that serve, by the id of their boundary.
    daemons: BTreeMap<String, Vec<Ix>>,
    /// What is to be evaluated, deepest first, and why.
    queue: BTreeMap<(Reverse<u32>, Ix), Vec<Note>>,
    blocked: blocked::Blocked,
    /// When to look at a node again.
    timers: timers::Timers,
    locks: locks::Locks,
    /// Entries of memoized steps that this machine wrote, by ConfigMap and key: those that are seen may be older.
    memos: BTreeMap<(String, String), String>,
    control: Control,
    /// How deep calls are nested right now; deeper ones go through the queue.
    nesting: usize,
    out: effects::Outbox,
    now: Timestamp,
}

/// What users set while the workflow runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Control {
    suspended: bool,
    shutdown: Shutdown,
    deadline: Option<Timestamp>,
    /// Whether the deadline was acted upon.
    expired: bool,
    deleting: bool,
}

/// `spec.shutdown`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shutdown {
    #[default]
    No,
    Stop,
    Terminate,
}

impl Shutdown {
    fn from_spec(text: &str) -> Self {
        match text {
            "Stop" => Self::Stop,
            "Terminate" => Self::Terminate,
            _ => Self::No,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::No => "",
            Self::Stop => "Stop",
            Self::Terminate => "Terminate",
        }
    }

    fn enabled(self) -> bool {
        self != Self::No
    }

    /// Whether work may still start: all of it, exit handlers only, or none.
    fn allows(self, on_exit: bool) -> bool {
        match self {
            Self::No => true,
            Self::Stop => on_exit,
            Self::Terminate => false,
        }
    }
}

/// Why a node is evaluated.
#[derive(Clone, Debug)]
enum Note {
    /// Its own doing: it is new, or its time has come.
    Own,
    /// A child changed; with the error of the child's evaluation, if it failed.
    Child(Ix, Option<String>),
}

/// How deep calls may nest on the stack.
const MAX_NESTING: usize = 12;

impl Machine {
    /// A machine from stored objects: the same that one would be that saw all that led to them.
    pub fn rebuild(inputs: Inputs, now: Timestamp) -> Self {
        let mut machine = load::load(inputs, now);
        machine.begin();
        machine.settle();
        machine
    }

    /// Takes note of an event.
    pub fn observe(&mut self, event: Event, now: Timestamp) {
        self.now = self.now.max(now);
        match event {
            Event::Pod(pod) => self.pod_seen(pod),
            Event::PodGone { name, uid } => self.pod_gone(&name, &uid),
            Event::PodRefused { node, message } => self.pod_refused(&node, &message),
            Event::TaskResult(result) => self.result_seen(result),
            Event::Workflow(view) => self.workflow_seen(view),
            Event::Library(library) => self.library_seen(library),
            Event::Lock { holder, answer } => self.lock_answered(&holder, answer),
            Event::LocksFree => self.ask_again(),
            Event::Time => {}
        }
        self.settle();
    }

    /// What is to be done since this was asked last.
    pub fn effects(&mut self, now: Timestamp) -> Vec<Effect> {
        self.now = self.now.max(now);
        self.flush()
    }

    /// What [`Machine::effects`] would be for. What only shows progress may wait a little.
    pub fn pending(&self) -> Pending {
        self.what_is_pending()
    }

    /// [`Machine::observe`] and [`Machine::effects`] in one.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        self.observe(event, now);
        self.effects(now)
    }

    /// Whether the workflow is over and no pod of it is held any more: the machine can be dropped.
    pub fn is_done(&self) -> bool {
        phase::completed(&self.status.phase) && self.pods.values().all(|p| !p.held)
    }

    /// Why the workflow is not further.
    pub fn report(&self) -> Report {
        self.make_report()
    }

    /// The workflow in short.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            metadata: &self.meta,
            phase: &self.status.phase,
            message: &self.status.message,
        }
    }

    /// The statuses of all nodes, in the order in which they were made.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeStatus> {
        self.nodes.iter().map(|(_, node)| &node.status)
    }

    /// How often a node was looked at since the machine was made: what events cost, as a number that is the
    /// same on every machine.
    pub fn visits(&self) -> u64 {
        self.nodes.visits()
    }

    /// The status of the workflow, without its nodes.
    pub fn status(&self) -> &WorkflowStatus {
        &self.status
    }

    /// A digest of the state. A machine that saw events one by one and one rebuilt from the objects that
    /// resulted have the same.
    pub fn fingerprint(&self) -> u64 {
        self.digest()
    }

    /// The first thing in which two machines are not in the same state: a node's id or what it is, and both
    /// sides of it. None if they have the same fingerprint.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (ours, theirs) = (self.facets(), other.facets());
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let mut differs = names
            .into_iter()
            .filter(|name| ours.get(*name) != theirs.get(*name));
        let name = differs.next()?;
        let show = |facets: &BTreeMap<String, String>| facets.get(name).cloned().unwrap_or_default();
        Some(format!("{name}: {} / {}", show(&ours), show(&theirs)))
    }

    /// Evaluates until nothing is left to evaluate, then looks at the workflow as a whole.
    fn settle(&mut self) {
        self.expire();
        self.wake();
        loop {
            if !self.control.suspended {
                self.drain();
            }
            if !self.conclude() {
                break;
            }
        }
    }

    fn drain(&mut self) {
        loop {
            while let Some(((_, ix), notes)) = self.queue.pop_first() {
                self.evaluate(ix, notes);
            }
            self.unblock();
            if self.queue.is_empty() {
                return;
            }
        }
    }

    /// The node around one that is over or about to fail, so that this one is not looked at any more: Argo goes
    /// from the root downwards, and does not go into such nodes.
    fn held_back_by(&self, ix: Ix) -> Option<Ix> {
        let outer = |ix: &Ix| self.nodes.get(*ix).parent;
        std::iter::successors(outer(&ix), outer).find(|o| phase::over(self.phase(*o)) || self.fails_fast(*o))
    }

    fn enqueue(&mut self, ix: Ix, note: Note) {
        let depth = self.nodes.get(ix).depth;
        self.queue.entry((Reverse(depth), ix)).or_default().push(note);
    }

    /// Nodes whose time has come are evaluated.
    fn wake(&mut self) {
        while let Some(ix) = self.timers.pop_due(self.now) {
            // What a pod came to counts while the workflow is suspended, too.
            if self.control.suspended && self.pods.contains_key(&self.nodes.status(ix).id) {
                self.look_at_pod(ix);
            }
            self.enqueue(ix, Note::Own);
        }
    }

    fn evaluate(&mut self, ix: Ix, notes: Vec<Note>) {
        let plan = std::mem::take(&mut self.nodes.get_mut(ix).plan);
        self.timers.clear(ix);
        if phase::over(self.phase(ix)) {
            self.let_go(&self.nodes.status(ix).id.clone());
            // What goes on below a node that is over may be what one further up waits for.
            if let Some(parent) = self.nodes.get(ix).parent {
                self.enqueue(parent, Note::Child(ix, None));
            }
            return;
        }
        if let Some(outer) = self.held_back_by(ix) {
            // It may be its turn to fail.
            self.enqueue(outer, Note::Own);
            return;
        }
        let outcome = match plan {
            Plan::Idle => Ok(Plan::Idle),
            Plan::Locked(plan) => self.evaluate_locked(ix, plan),
            Plan::Pod(plan) => self.evaluate_pod(ix, plan),
            Plan::Suspend(template) => self.evaluate_suspend(ix, template),
            Plan::Retry(plan) => self.evaluate_retry(ix, plan, &notes),
            Plan::Steps(plan) => self.evaluate_steps(ix, plan, &notes),
            Plan::Group(plan) => self.evaluate_group(ix, plan, notes),
            Plan::Dag(plan) => self.evaluate_dag(ix, plan, notes),
            Plan::Loop(plan) => self.evaluate_loop(ix, plan, notes),
        };
        match outcome {
            Ok(plan) => self.nodes.get_mut(ix).plan = plan,
            Err(message) => self.fail(ix, message),
        }
    }

    /// An error of a node: it says so, and its caller hears of it as an error of the call.
    fn fail(&mut self, ix: Ix, message: String) {
        self.apply(ix, |status, now| mark(status, now, phase::ERROR, Some(&message)));
        match self.nodes.get(ix).parent {
            Some(parent) => self.enqueue(parent, Note::Child(ix, Some(message))),
            None => self.call_failed(ix, &message),
        }
    }

    /// An error of one of the calls that the workflow itself makes ends it.
    fn call_failed(&mut self, ix: Ix, message: &str) {
        let status = self.nodes.status(ix);
        if status.name == self.meta.name {
            self.end(
                phase::ERROR,
                &format!("error in entry template execution: {message}"),
            );
        } else if status.display_name.ends_with(".onExit") {
            self.end(
                phase::ERROR,
                &format!("error in exit template execution : {message}"),
            );
        }
    }

    /// Changes a status, and tells the caller if the change matters to it.
    fn apply(&mut self, ix: Ix, change: impl FnOnce(&mut NodeStatus, Timestamp)) {
        let now = self.now;
        let boundary = self.nodes.boundary(ix);
        let before = (self.nodes.counts(None), self.nodes.counts(boundary));
        let matters = self.nodes.change(ix, |status| change(status, now));
        if matters {
            if phase::over(self.phase(ix)) {
                self.timers.clear(ix);
                self.unlock(ix);
                self.sum_up(ix);
                self.memorize(ix);
            }
            self.export_outputs(ix);
            if let Some(parent) = self.nodes.get(ix).parent {
                self.enqueue(parent, Note::Child(ix, None));
            }
        }
        let after = (self.nodes.counts(None), self.nodes.counts(boundary));
        if after.0.is_less_busy_than(before.0) || after.1.is_less_busy_than(before.1) {
            self.blocked.free(boundary);
        }
    }

    /// Sets a node's phase, with a message.
    fn mark(&mut self, ix: Ix, phase: &str, message: &str) {
        self.apply(ix, |status, now| mark(status, now, phase, Some(message)));
    }

    /// Sets a node's phase and leaves its message.
    fn mark_phase(&mut self, ix: Ix, phase: &str) {
        self.apply(ix, |status, now| mark(status, now, phase, None));
    }

    fn phase(&self, ix: Ix) -> &str {
        &self.nodes.status(ix).phase
    }

    fn fulfilled(&self, ix: Ix) -> bool {
        phase::fulfilled(self.nodes.status(ix))
    }

    /// The variables of some moment.
    fn vars<'a>(&'a self, locals: &'a VarMap, refs: Option<&'a Refs>) -> Vars<'a> {
        Vars {
            locals,
            refs,
            globals: &self.globals,
            now: self.now,
        }
    }

    /// The workflow's name.
    fn name(&self) -> &str {
        &self.meta.name
    }

    fn library(&self) -> Arc<Library> {
        self.templates.library.clone()
    }

    fn library_seen(&mut self, library: Arc<Library>) {
        self.templates.library = library;
        // A semaphore's size may be another now.
        self.ask_again();
    }
}

/// Sets phase, message and, at the end, the time. A node that is over stays as it is.
fn mark(status: &mut NodeStatus, now: Timestamp, phase: &str, message: Option<&str>) {
    phase.clone_into(&mut status.phase);
    if let Some(message) = message {
        message.clone_into(&mut status.message);
    }
    if phase == phase::SUCCEEDED
        && let Some((_, total)) = status.progress.split_once('/')
        && !matches!(status.r#type.as_str(), phase::kind::STEPS | phase::kind::DAG)
    {
        status.progress = format!("{total}/{total}");
    }
    if phase::fulfilled(status) && status.finished_at.is_none() {
        status.finished_at = Some(whole_seconds(now));
    }
    if matches!(phase, PENDING | RUNNING) && !phase::daemoned(status) {
        status.finished_at = None;
    }
}

/// The first moment at which a time has passed.
fn just_after(time: Timestamp) -> Timestamp {
    time.checked_add(meta::time::SignedDuration::from_nanos(1))
        .unwrap_or(time)
}

/// A time as statuses hold it, so that what is decided from memory is what would be decided after a restart.
fn whole_seconds(time: Timestamp) -> Time {
    Time(Timestamp::from_second(time.as_second()).unwrap_or(time))
}
