//! One container of a pod: what runs, what ran before, when it may run again.

use meta::Timestamp;

use crate::pod::view::{ContainerView, ProbeKind, ProbeView, RestartPolicy, after};

/// First and longest delay before a restart, in seconds, and after how long without one the delay is forgotten.
const BACKOFF_FIRST: i64 = 10;
const BACKOFF_MAX: i64 = 300;
const BACKOFF_FORGOTTEN: i64 = 2 * BACKOFF_MAX;

/// A container's part in its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Runs to its end before the next one.
    Init,
    /// Starts in turn with the init containers, and runs as long as the main ones do.
    Sidecar,
    /// What the pod is for.
    Main,
}

/// How a container ended, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminated {
    /// Exit code; 128 and more for signals and for what never ran.
    pub exit_code: i32,
    /// One word, as `Completed`.
    pub reason: String,
    /// What the container left as its message, or why it did not run.
    pub message: Option<String>,
    /// When it started, unless it never did.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// What a container is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not started, or not startable: then with a reason, a message, and when to try again.
    Waiting(Option<Refused>),
    /// Asked for; not known to run.
    Starting,
    /// Running.
    Running {
        /// Since when.
        started_at: Timestamp,
    },
    /// Ended.
    Terminated(Terminated),
}

/// Why a container cannot be started for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// One word, as `CreateContainerConfigError`.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// When to try again.
    pub retry_at: Timestamp,
}

/// The way from running to ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// When patience ends.
    pub kill_at: Timestamp,
    /// Whether the `preStop` hook still runs.
    pub hook: bool,
    /// Whether the container was asked to end.
    pub asked: bool,
    /// Whether it was ended by force.
    pub killed: bool,
}

/// A probe's course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probing {
    /// The rules.
    pub view: ProbeView,
    /// When it runs next.
    pub next_at: Timestamp,
    /// Whether it runs now.
    pub in_flight: bool,
    /// Results in a row: positive successes, negative failures.
    pub streak: i32,
}

/// kubelet's exponential delay between restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    seconds: i64,
    updated_at: Option<Timestamp>,
    /// Whether the delay now running was told as an event.
    pub told: bool,
}

impl Backoff {
    /// The delay in seconds that a container that ended at `finished_at` has to wait.
    pub fn delay(&self, finished_at: Timestamp) -> i64 {
        let forgotten = self
            .updated_at
            .is_none_or(|at| after(at, BACKOFF_FORGOTTEN) < finished_at);
        if forgotten { 0 } else { self.seconds }
    }

    fn restarted(&mut self, now: Timestamp, delay: i64) {
        self.seconds = if delay == 0 {
            BACKOFF_FIRST
        } else {
            (2 * delay).min(BACKOFF_MAX)
        };
        self.updated_at = Some(now);
        self.told = false;
    }
}

/// A container and its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The container.
    pub view: ContainerView,
    /// Its part in the pod.
    pub role: Role,
    /// The attempt that `state` is about, from 0.
    pub attempt: u32,
    /// What it is doing.
    pub state: State,
    /// How the attempt before ended.
    pub last: Option<Terminated>,
    /// Whether it counts as started: it runs, and its startup probe and `postStart` hook succeeded.
    pub started: bool,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether its `postStart` hook still runs.
    pub hook: bool,
    /// Set once it has to end.
    pub stopping: Option<Stopping>,
    /// Its probes' courses.
    pub probes: Vec<Probing>,
    /// Delay between restarts.
    pub backoff: Backoff,
}

impl Unit {
    /// A container that never ran.
    pub fn new(view: ContainerView, role: Role) -> Self {
        Self {
            view,
            role,
            attempt: 0,
            state: State::Waiting(None),
            last: None,
            started: false,
            ready: false,
            hook: false,
            stopping: None,
            probes: Vec::new(),
            backoff: Backoff::default(),
        }
    }

    /// Whether a process is there or on its way.
    pub fn is_active(&self) -> bool {
        matches!(self.state, State::Starting | State::Running { .. })
    }

    /// Whether a process is there.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// How it ended, if it did.
    pub fn terminated(&self) -> Option<&Terminated> {
        match &self.state {
            State::Terminated(terminated) => Some(terminated),
            _ => None,
        }
    }

    /// Whether it ended with code 0.
    pub fn succeeded(&self) -> bool {
        self.terminated()
            .is_some_and(|terminated| terminated.exit_code == 0)
    }

    /// Whether, having ended, it is to run again in a pod that goes on.
    pub fn restarts(&self, policy: RestartPolicy) -> bool {
        match self.role {
            Role::Sidecar => true,
            Role::Init => policy != RestartPolicy::Never && !self.succeeded(),
            Role::Main => match policy {
                RestartPolicy::Always => true,
                RestartPolicy::OnFailure => !self.succeeded(),
                RestartPolicy::Never => false,
            },
        }
    }

    /// Whether it ended for good.
    pub fn is_final(&self, policy: RestartPolicy) -> bool {
        self.terminated().is_some() && !self.restarts(policy)
    }

    /// When it may start; nothing if there is nothing to start.
    pub fn start_at(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.state {
            State::Waiting(None) => Some(now),
            State::Waiting(Some(refused)) => Some(refused.retry_at),
            State::Terminated(terminated) => {
                let at = terminated.finished_at;
                Some(after(at, self.backoff.delay(at)))
            }
            State::Starting | State::Running { .. } => None,
        }
    }

    /// The next attempt is asked for.
    pub fn start(&mut self, now: Timestamp) {
        if let State::Terminated(terminated) = std::mem::replace(&mut self.state, State::Starting) {
            let delay = self.backoff.delay(terminated.finished_at);
            self.backoff.restarted(now, delay);
            self.last = Some(terminated);
            self.attempt += 1;
        }
        self.stopping = None;
    }

    /// The attempt runs.
    pub fn running(&mut self, started_at: Timestamp) {
        self.state = State::Running { started_at };
        self.hook = self.view.post_start;
        let probing = |view: &ProbeView| Probing {
            view: view.clone(),
            next_at: after(started_at, view.delay),
            in_flight: false,
            streak: 0,
        };
        self.probes = self.view.probes.iter().map(probing).collect();
        self.settle();
    }

    /// Works out `started` and `ready` of a running container.
    pub fn settle(&mut self) {
        self.started = !self.hook && self.passes(ProbeKind::Startup);
        self.ready = self.started && self.passes(ProbeKind::Readiness);
    }

    fn passes(&self, kind: ProbeKind) -> bool {
        let before = match kind {
            ProbeKind::Startup => self.started,
            _ => self.ready,
        };
        match self.probes.iter().find(|probing| probing.view.kind == kind) {
            None => true,
            Some(probing) if probing.streak >= probing.view.successes => true,
            Some(probing) => before && probing.streak > -probing.view.failures,
        }
    }

    /// The attempt ended.
    pub fn ended(&mut self, terminated: Terminated) {
        self.state = State::Terminated(terminated);
        self.started = false;
        self.ready = false;
        self.hook = false;
        self.stopping = None;
        self.probes.clear();
    }
}
