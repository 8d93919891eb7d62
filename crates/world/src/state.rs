//! The world's state over all lives of its control plane, and its course.
//!
//! ```text
//!   disk ─► life ─► killed (runtime dropped) ─► disk after the kill ─► life ─► ... ─► all is clear ─► checks
//!             machines and their processes go on ─────────────────────►
//!
//!   stages:  Script ─► Ending (no more faults) ─► Terminating (what waits for ever) ─► Clearing ─► over
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use meta::seeded::Seeded;
use serde_json::Value;
use store::{Revision, SimDisk};

use crate::broken::Broken;
use crate::check;
use crate::errors::Errors;
use crate::ledger::Ledger;
use crate::log::Log;
use crate::machine::Processes;
use crate::observe::Observer;
use crate::problem::{Problem, Promise};
use crate::script::Script;

/// How a script is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the trace keeps its lines.
    pub keeps_lines: bool,
    /// What of the world is broken on purpose.
    pub broken: Broken,
}

/// What happened in a world.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Everything that happened, in order, if it was kept.
    pub lines: Vec<String>,
    /// How many lines there are.
    pub events: u64,
    /// A hash over the lines.
    pub hash: u64,
    /// Every promise that was broken.
    pub problems: Vec<Problem>,
    /// The Workflows as they ended.
    pub workflows: Vec<Value>,
    /// Names of workflows that people or lost machines had a hand in.
    pub touched: BTreeSet<String>,
    /// Virtual time it took.
    pub took: Duration,
    /// Virtual time until all workflows were over.
    pub over: Duration,
    /// Lives of the control plane.
    pub lives: u32,
    /// Processes that were started.
    pub starts: usize,
    /// Times a workflow's machine was compared with a rebuilt one.
    pub comparisons: u64,
}

/// How far a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// The script's actions are under way.
    Script,
    /// Nothing goes wrong any more: what can end must end.
    Ending,
    /// What waits for others for ever was terminated.
    Terminating,
    /// All workflows were deleted.
    Clearing,
}

/// How a life ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The control plane was killed, and is away for a while.
    Killed(Duration),
    /// The power failed.
    PowerLoss,
    /// All is over.
    Over,
    /// It cannot go on.
    Stuck(Problem),
}

/// What is counted over all lives.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) comparisons: u64,
    pub(crate) divergences: u64,
    pub(crate) panics: u64,
    pub(crate) events: u64,
}

/// The world's state between lives.
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) broken: Broken,
    pub(crate) seed: Seeded,
    pub(crate) disk: SimDisk,
    pub(crate) passed: Duration,
    pub(crate) clock_set_by: Arc<AtomicI64>,
    pub(crate) logged: Revision,
    pub(crate) log: Log,
    pub(crate) ledger: Ledger,
    pub(crate) observer: Observer,
    pub(crate) processes: BTreeMap<String, Processes>,
    pub(crate) stage: Stage,
    /// The place in the script's actions of the next one.
    pub(crate) next: usize,
    /// Uids of Workflows whose creation people were told of, and that nobody deleted since.
    pub(crate) acknowledged: BTreeMap<String, String>,
    /// The Workflows as they ended.
    pub(crate) finals: Vec<Value>,
    pub(crate) over: Option<Duration>,
    pub(crate) lives: u32,
    pub(crate) counts: Counts,
    pub(crate) problems: Vec<Problem>,
    errors: Errors,
}

/// Runs a script.
pub fn run(script: &Script, options: Options) -> Trace {
    let mut world = World::new(script, options);
    loop {
        match world.live() {
            End::Killed(away) => world.restart(away),
            End::PowerLoss => world.lose_power(),
            End::Over => break,
            End::Stuck(problem) => {
                world.problems.push(problem);
                break;
            }
        }
    }
    world.trace()
}

impl World {
    fn new(script: &Script, options: Options) -> Self {
        let seed = Seeded::new(script.seed);
        let names = script.machines.iter().map(|machine| machine.name.clone());
        Self {
            disk: SimDisk::new(seed.split("disk").next()),
            processes: names.map(|name| (name, Processes::default())).collect(),
            script: script.clone(),
            broken: options.broken,
            seed,
            passed: Duration::ZERO,
            clock_set_by: Arc::default(),
            logged: Revision::ZERO,
            log: Log::new(options.keeps_lines),
            ledger: Ledger::new(check::limits(script)),
            observer: Observer::default(),
            stage: Stage::Script,
            next: 0,
            acknowledged: BTreeMap::new(),
            finals: Vec::new(),
            over: None,
            lives: 0,
            counts: Counts::default(),
            problems: Vec::new(),
            errors: Errors::default(),
        }
    }

    /// One life of the control plane, in a runtime of its own, which dies with it.
    fn live(&mut self) -> End {
        self.lives += 1;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        let end = match runtime {
            Ok(runtime) => tracing::subscriber::with_default(self.errors.clone(), || {
                runtime.block_on(Box::pin(self.life()))
            }),
            Err(error) => End::Stuck(Promise::Lives.broken(format!("no runtime: {error}"))),
        };
        meta::crash::disarm_here();
        end
    }

    fn restart(&mut self, away: Duration) {
        self.say("the control plane is killed");
        self.disk = self.disk.after_kill();
        self.passed += away;
        if self.broken == Broken::StartsAgain {
            self.processes.values().for_each(Processes::forget);
        }
    }

    fn lose_power(&mut self) {
        self.say("the power fails");
        self.disk = if self.broken == Broken::ForgetsSynced {
            SimDisk::new(self.seed.split("disk").next())
        } else {
            self.disk.after_power_loss()
        };
        self.lose_processes();
        self.passed += Duration::from_secs(20);
    }

    fn lose_processes(&self) {
        for processes in self.processes.values() {
            for (uid, process) in processes.power_off() {
                self.ledger.lost(&uid);
                self.ledger.touch(&process.workflow());
            }
        }
    }

    pub(crate) fn say(&self, text: &str) {
        let millis = i128::try_from(self.passed.as_millis()).unwrap_or(0);
        self.log.line(millis, text);
    }

    fn trace(mut self) -> Trace {
        let mut problems = std::mem::take(&mut self.problems);
        problems.extend(self.observer.problems().iter().cloned());
        problems.extend(self.ledger.problems());
        let said = self.errors.take().join("; ");
        if self.counts.divergences > 0 {
            let count = self.counts.divergences;
            let text = format!("{count} machines differed from rebuilt ones: {said}");
            problems.push(Promise::Rebuilt.broken(text));
        }
        if self.counts.panics > 0 {
            let text = format!("{} plans panicked: {said}", self.counts.panics);
            problems.push(Promise::Panics.broken(text));
        }
        problems.extend(check::outcomes(&self.finals, &self.ledger));
        let (events, hash) = self.log.digest();
        Trace {
            lines: self.log.lines(),
            events,
            hash,
            problems,
            starts: self.ledger.starts().len(),
            touched: self.ledger.touched(),
            workflows: self.finals,
            took: self.passed,
            over: self.over.unwrap_or(self.passed),
            lives: self.lives,
            comparisons: self.counts.comparisons,
        }
    }
}
