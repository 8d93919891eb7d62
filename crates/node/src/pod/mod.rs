//! The state machine of one pod: what kubelet would do, decided without doing it.
//!
//! ```text
//!     event --> Machine::step(event, now) --> effects
//!                    |
//!                    +--> status(now): what kubelet would report
//!                    +--> wake_at(): when to step again if nothing happens
//! ```
//!
//! Time is an argument, effects are values; this knows no process, file or client. Decisions look at the whole
//! state each time, so an event that is lost and learnt of later leads to the same place.

mod advance;
mod recover;
#[cfg(test)]
mod recover_tests;
pub mod status;
pub mod text;
pub mod unit;
pub mod view;

#[cfg(test)]
mod tests;

use meta::Timestamp;

pub use recover::Left;
pub(crate) use recover::unknown;
use unit::{Refused, Role, State, Terminated, Unit};
use view::{PodView, ProbeKind};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The pod was changed.
    Updated(PodView),
    /// The pod's directories and volumes are there.
    SetUp,
    /// They are not; to be tried again, unless `fatal`.
    SetUpFailed {
        /// Reason of the event that tells of it, or of the pod's failure.
        reason: String,
        /// A sentence.
        message: String,
        /// Whether the pod fails for it.
        fatal: bool,
    },
    /// A container cannot be started for now; nothing was started.
    Refused {
        /// The container.
        container: String,
        /// One word, as `CreateContainerConfigError`.
        reason: String,
        /// A sentence.
        message: String,
    },
    /// A container runs.
    Started {
        /// The container.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// Since when.
        at: Timestamp,
    },
    /// A container ended, or could not be started at all.
    Ended {
        /// The container.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// How.
        terminated: Terminated,
    },
    /// A hook ended.
    HookEnded {
        /// The container.
        container: String,
        /// Which hook.
        hook: Hook,
        /// Whether it succeeded.
        ok: bool,
    },
    /// A probe ended.
    Probed {
        /// The container.
        container: String,
        /// Which probe.
        kind: ProbeKind,
        /// What came of it.
        result: Probed,
    },
    /// The pod takes more of the node than it may.
    Evicted {
        /// Of what, and how much it may.
        message: String,
    },
    /// Time passed.
    Tick,
}

/// What came of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probed {
    /// It succeeded.
    Passed,
    /// It failed, and this is what was wrong.
    Failed(String),
    /// It could not be made, and counts neither way: why.
    Errored(String),
}

/// A container's hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// Once it has started.
    PostStart,
    /// Before it is asked to end.
    PreStop,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the pod's directories and volumes; answered by [`Event::SetUp`] or [`Event::SetUpFailed`].
    SetUp,
    /// Start a container; answered by [`Event::Started`], [`Event::Ended`] or [`Event::Refused`].
    Start {
        /// The container.
        container: String,
        /// Which attempt.
        attempt: u32,
    },
    /// Ask a container to end, or end it and everything it started.
    Signal {
        /// The container.
        container: String,
        /// Which attempt.
        attempt: u32,
        /// Whether by force.
        kill: bool,
    },
    /// Run a hook; answered by [`Event::HookEnded`].
    RunHook {
        /// The container.
        container: String,
        /// Which hook.
        hook: Hook,
    },
    /// Run a probe; answered by [`Event::Probed`].
    RunProbe {
        /// The container.
        container: String,
        /// Which probe.
        kind: ProbeKind,
    },
    /// Tell of something, as a Kubernetes Event.
    Tell {
        /// Whether it is a warning.
        warning: bool,
        /// One word.
        reason: &'static str,
        /// A sentence.
        message: String,
    },
}

/// Whether the pod's directories and volumes are there.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SetUp {
    Needed { at: Option<Timestamp> },
    Underway,
    Done,
}

/// Why the pod ends, whatever its containers do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// `status.reason`.
    pub reason: String,
    /// `status.message`.
    pub message: String,
}

/// The state of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    view: PodView,
    /// `status.startTime`.
    started_at: Timestamp,
    set_up: SetUp,
    units: Vec<Unit>,
    end: Option<End>,
    /// When each condition took its present value.
    since: std::collections::BTreeMap<&'static str, (bool, Timestamp)>,
    wake_at: Option<Timestamp>,
}

/// Seconds until what could not be done is tried again.
const RETRY: i64 = 5;
/// Seconds that an evicted pod has to end.
const EVICTION_GRACE: i64 = 1;

impl Machine {
    /// A pod seen for the first time.
    pub fn new(view: PodView, now: Timestamp) -> Self {
        let init = view.init.iter().map(|container| {
            Unit::new(
                container.clone(),
                if container.sidecar {
                    Role::Sidecar
                } else {
                    Role::Init
                },
            )
        });
        let main = view
            .main
            .iter()
            .map(|container| Unit::new(container.clone(), Role::Main));
        let units = init.chain(main).collect();
        Self {
            units,
            view,
            started_at: now,
            set_up: SetUp::Needed { at: None },
            end: None,
            since: std::collections::BTreeMap::new(),
            wake_at: None,
        }
    }

    /// Takes an event in and says what is to be done.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.take(event, now, &mut effects);
        self.advance(now, &mut effects);
        effects
    }

    /// When to step again if nothing happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// The pod.
    pub fn view(&self) -> &PodView {
        &self.view
    }

    /// The containers, init containers first.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Whether nothing of the pod runs and nothing of it will: it succeeded, failed, or is being deleted.
    pub fn is_over(&self) -> bool {
        self.is_ending() && !self.units.iter().any(Unit::is_active)
    }

    fn take(&mut self, event: Event, now: Timestamp, effects: &mut Vec<Effect>) {
        match event {
            Event::Updated(view) => self.view = view,
            Event::SetUp => self.set_up = SetUp::Done,
            Event::SetUpFailed {
                reason,
                message,
                fatal,
            } => self.set_up_failed(reason, message, fatal, now, effects),
            Event::Refused {
                container,
                reason,
                message,
            } => {
                effects.extend(text::refusal(&reason, &message));
                if let Some(unit) = self.unit(&container) {
                    unit.state = State::Waiting(Some(Refused {
                        reason,
                        message,
                        retry_at: view::after(now, RETRY),
                    }));
                }
            }
            Event::Started {
                container,
                attempt,
                at,
            } => {
                if let Some(unit) = self
                    .attempt(&container, attempt)
                    .filter(|unit| unit.state == State::Starting)
                {
                    unit.running(at);
                    if unit.hook {
                        effects.push(Effect::RunHook {
                            container,
                            hook: Hook::PostStart,
                        });
                    }
                }
            }
            Event::Ended {
                container,
                attempt,
                terminated,
            } => self.ended(&container, attempt, terminated, effects),
            Event::HookEnded { container, hook, ok } => self.hook_ended(&container, hook, ok, now, effects),
            Event::Probed {
                container,
                kind,
                result,
            } => self.probed(&container, kind, result, now, effects),
            Event::Evicted { message } => self.evict(message, effects),
            Event::Tick => {}
        }
    }

    fn set_up_failed(
        &mut self,
        reason: String,
        message: String,
        fatal: bool,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        if fatal {
            self.end = Some(End { reason, message });
            return;
        }
        self.set_up = SetUp::Needed {
            at: Some(view::after(now, RETRY)),
        };
        out.push(tell(true, "FailedMount", message));
    }

    /// Rule: kubernetes/pkg/kubelet/eviction, `evictPod`.
    fn evict(&mut self, message: String, out: &mut Vec<Effect>) {
        if self.is_ending() {
            return;
        }
        out.push(tell(true, text::EVICTED, message.clone()));
        self.view.grace = self.view.grace.min(EVICTION_GRACE);
        self.end = Some(End {
            reason: text::EVICTED.to_owned(),
            message,
        });
    }

    fn ended(&mut self, container: &str, attempt: u32, terminated: Terminated, out: &mut Vec<Effect>) {
        let Some(unit) = self.attempt(container, attempt).filter(|unit| unit.is_active()) else {
            return;
        };
        if terminated.reason == text::START_ERROR {
            let message = terminated.message.as_deref().unwrap_or_default();
            out.push(tell(true, "Failed", format!("Error: {message}")));
        }
        unit.ended(terminated);
    }

    fn unit(&mut self, container: &str) -> Option<&mut Unit> {
        self.units.iter_mut().find(|unit| unit.view.name == container)
    }

    fn attempt(&mut self, container: &str, attempt: u32) -> Option<&mut Unit> {
        self.unit(container).filter(|unit| unit.attempt == attempt)
    }
}

fn tell(warning: bool, reason: &'static str, message: String) -> Effect {
    Effect::Tell {
        warning,
        reason,
        message,
    }
}
