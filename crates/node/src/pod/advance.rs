//! The decisions: what a pod in this state needs next.

use meta::Timestamp;

use super::unit::{Role, State, Stopping, Unit};
use super::view::{ProbeKind, after};
use super::{Effect, End, Hook, Machine, Probed, SetUp, tell, text};

/// Seconds that a container always has between being asked and being forced to end, as kubelet grants them.
const GRACE_MIN: i64 = 2;

impl Machine {
    pub(super) fn advance(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.wake_at = None;
        self.check_deadline(now, out);
        if self.is_ending() {
            self.stop_all(now, out);
        } else if self.is_set_up(now, out) {
            self.run(now, out);
        }
        self.drive_stops(now, out);
        self.drive_probes(now, out);
    }

    /// Whether nothing is to be started any more.
    pub(super) fn is_ending(&self) -> bool {
        self.end.is_some() || self.view.deleted || self.has_run()
    }

    /// Whether the main containers all ended for good, or an init container failed for good.
    pub(super) fn has_run(&self) -> bool {
        let policy = self.view.restart_policy;
        let mut main = self.units.iter().filter(|unit| unit.role == Role::Main);
        let init = self.units.iter().filter(|unit| unit.role == Role::Init);
        main.all(|unit| unit.is_final(policy))
            || init
                .clone()
                .any(|unit| unit.is_final(policy) && !unit.succeeded())
    }

    fn check_deadline(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(seconds) = self.view.active_deadline.filter(|_| !self.is_ending()) else {
            return;
        };
        let deadline = after(self.started_at, seconds);
        if now < deadline {
            self.wake(deadline);
            return;
        }
        out.push(tell(false, "DeadlineExceeded", text::DEADLINE.to_owned()));
        self.end = Some(End {
            reason: "DeadlineExceeded".to_owned(),
            message: text::DEADLINE.to_owned(),
        });
    }

    fn is_set_up(&mut self, now: Timestamp, out: &mut Vec<Effect>) -> bool {
        match self.set_up {
            SetUp::Done => return true,
            SetUp::Underway => {}
            SetUp::Needed { at: Some(at) } if at > now => self.wake(at),
            SetUp::Needed { .. } => {
                self.set_up = SetUp::Underway;
                out.push(Effect::SetUp);
            }
        }
        false
    }

    /// Init containers one after the other, then the main ones together.
    fn run(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        for index in 0..self.units.len() {
            let unit = &self.units[index];
            if !(unit.role == Role::Init && unit.succeeded()) {
                self.keep_running(index, now, out);
            }
            let unit = &self.units[index];
            let goes_on = match unit.role {
                Role::Init => unit.succeeded(),
                Role::Sidecar => unit.started,
                Role::Main => true,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn keep_running(&mut self, index: usize, now: Timestamp, out: &mut Vec<Effect>) {
        let (policy, pod) = (self.view.restart_policy, text::pod(&self.view));
        let unit = &mut self.units[index];
        let Some(at) = unit.start_at(now).filter(|_| !unit.is_final(policy)) else {
            return;
        };
        if at <= now {
            unit.start(now);
            out.push(Effect::Start {
                container: unit.view.name.clone(),
                attempt: unit.attempt,
            });
            return;
        }
        if unit.terminated().is_some() && !unit.backoff.told {
            unit.backoff.told = true;
            let message = format!(
                "Back-off restarting failed container {} in pod {pod}",
                unit.view.name
            );
            out.push(tell(true, "BackOff", message));
        }
        self.wake(at);
    }

    /// Containers end together; sidecars once the main ones have ended, the last started first.
    fn stop_all(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let main_active = self
            .units
            .iter()
            .any(|unit| unit.role != Role::Sidecar && unit.is_active());
        for index in (0..self.units.len()).rev() {
            let waits = self.units[index].role == Role::Sidecar && main_active;
            if !waits && self.units[index].stopping.is_none() {
                let message = format!("Stopping container {}", self.units[index].view.name);
                self.stop(index, message, now, out);
            }
        }
    }

    fn stop(&mut self, index: usize, message: String, now: Timestamp, out: &mut Vec<Effect>) {
        let grace = self.view.grace;
        let unit = &mut self.units[index];
        if !matches!(unit.state, State::Running { .. }) || unit.stopping.is_some() {
            return;
        }
        let hook = unit.view.pre_stop && grace > 0;
        unit.stopping = Some(Stopping {
            kill_at: after(now, grace),
            hook,
            asked: false,
            killed: false,
        });
        out.push(tell(false, "Killing", message));
        if hook {
            out.push(Effect::RunHook {
                container: unit.view.name.clone(),
                hook: Hook::PreStop,
            });
        }
    }

    fn drive_stops(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let mut wake = None;
        for unit in &mut self.units {
            let (name, attempt) = (unit.view.name.clone(), unit.attempt);
            let Some(stopping) = &mut unit.stopping else {
                continue;
            };
            if !stopping.asked && (!stopping.hook || now >= stopping.kill_at) {
                stopping.asked = true;
                if stopping.hook || unit.view.pre_stop {
                    stopping.kill_at = stopping.kill_at.max(after(now, GRACE_MIN));
                }
                if now < stopping.kill_at {
                    out.push(Effect::Signal {
                        container: name.clone(),
                        attempt,
                        kill: false,
                    });
                }
            }
            if now >= stopping.kill_at && !stopping.killed {
                stopping.killed = true;
                out.push(Effect::Signal {
                    container: name,
                    attempt,
                    kill: true,
                });
            }
            if !stopping.killed {
                wake = earliest(wake, stopping.kill_at);
            }
        }
        wake.into_iter().for_each(|at| self.wake(at));
    }

    fn drive_probes(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let mut wake = None;
        for unit in self
            .units
            .iter_mut()
            .filter(|unit| unit.stopping.is_none() && !unit.hook)
        {
            let (started, name) = (unit.started, &unit.view.name);
            let due = |kind| {
                if kind == ProbeKind::Startup {
                    !started
                } else {
                    started
                }
            };
            for probing in unit
                .probes
                .iter_mut()
                .filter(|p| due(p.view.kind) && !p.in_flight)
            {
                if probing.next_at <= now {
                    probing.in_flight = true;
                    out.push(Effect::RunProbe {
                        container: name.clone(),
                        kind: probing.view.kind,
                    });
                } else {
                    wake = earliest(wake, probing.next_at);
                }
            }
        }
        wake.into_iter().for_each(|at| self.wake(at));
    }

    pub(super) fn hook_ended(
        &mut self,
        container: &str,
        hook: Hook,
        ok: bool,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(index) = self.units.iter().position(|unit| unit.view.name == container) else {
            return;
        };
        let unit = &mut self.units[index];
        match hook {
            Hook::PreStop => {
                if let Some(stopping) = &mut unit.stopping {
                    stopping.hook = false;
                }
                if !ok {
                    out.push(tell(true, "FailedPreStopHook", "PreStopHook failed".to_owned()));
                }
            }
            Hook::PostStart if ok => {
                unit.hook = false;
                unit.settle();
            }
            Hook::PostStart if unit.is_active() => {
                out.push(tell(
                    true,
                    "FailedPostStartHook",
                    "PostStartHook failed".to_owned(),
                ));
                self.stop(index, "FailedPostStartHook".to_owned(), now, out);
            }
            Hook::PostStart => {}
        }
    }

    pub(super) fn probed(
        &mut self,
        container: &str,
        kind: ProbeKind,
        result: Probed,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let never = self.view.restart_policy == super::view::RestartPolicy::Never;
        let Some(index) = self.units.iter().position(|unit| unit.view.name == container) else {
            return;
        };
        let unit = &mut self.units[index];
        let Some(probing) = unit.probes.iter_mut().find(|probing| probing.view.kind == kind) else {
            return;
        };
        probing.in_flight = false;
        probing.next_at = after(now, probing.view.period);
        probing.streak = match result {
            Probed::Passed => probing.streak.max(0) + 1,
            Probed::Failed(_) => probing.streak.min(0) - 1,
            Probed::Errored(_) => probing.streak,
        };
        let failed = probing.streak <= -probing.view.failures;
        let message = text::probed(kind, result);
        out.extend(message.map(|message| tell(true, "Unhealthy", message)));
        unit.settle();
        if failed && kind != ProbeKind::Readiness {
            let message = text::unhealthy(unit, kind, never);
            self.stop(index, message, now, out);
        }
    }

    fn wake(&mut self, at: Timestamp) {
        self.wake_at = earliest(self.wake_at, at);
    }
}

fn earliest(known: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(at, |known| known.min(at)))
}

/// Whether a container, having ended, waits for its next attempt.
pub(super) fn in_back_off(unit: &Unit, machine: &Machine, now: Timestamp) -> bool {
    let restarts = unit.terminated().is_some() && unit.restarts(machine.view.restart_policy);
    restarts && !machine.is_ending() && unit.start_at(now).is_some_and(|at| at > now)
}
