//! Hooks and probes: short processes inside a container's sandbox, or requests to its port.

use std::os::fd::OwnedFd;
use std::time::Duration;

use futures::FutureExt;
use kinds::k8s::api::core::v1::{Container, EnvVar, ExecAction, Lifecycle, LifecycleHandler, Probe};
use rustix::process::Signal;
use spawner::protocol::{Ended, Key, Outcome, Output, Request, Start};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Agent, Message};
use crate::environment::find;
use crate::pod::view::ProbeKind;
use crate::pod::{Event, Hook, Probed, text};
use crate::request;
use crate::start::Surroundings;

/// A hook or probe under way.
pub(crate) struct Passing {
    pub(super) uid: String,
    container: String,
    what: What,
    pub(super) expires: Instant,
    /// What is said of it if it takes longer.
    late: String,
    expired: bool,
}

/// What a short process is for.
pub(super) enum What {
    Hook(Hook),
    Probe(ProbeKind),
    /// Whoever asked for a session is told how it ended.
    Session {
        ended: oneshot::Sender<Outcome>,
        /// The process's ends, until it has them.
        ends: Vec<OwnedFd>,
    },
}

impl Passing {
    pub(super) fn new(uid: String, container: String, what: What, expires: Instant, late: String) -> Self {
        Self {
            uid,
            container,
            what,
            expires,
            late,
            expired: false,
        }
    }

    /// The process runs, and has what it was given.
    pub(super) fn started(&mut self) {
        if let What::Session { ends, .. } = &mut self.what {
            ends.clear();
        }
    }
}

/// Bytes of a probe's output that its event shows.
const OUTPUT_MAX: usize = 10 << 10;
/// A hook has no time-out of its own: its pod's grace period ends it.
const HOOK_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

impl Agent {
    pub(super) fn run_hook(&mut self, uid: &str, container: String, hook: Hook) -> Option<Event> {
        let pod = self.pods.get(uid)?.pod.clone();
        let handler = find(&pod, &container).and_then(|spec| handler(spec.lifecycle.as_ref()?, hook));
        let Some(handler) = handler else {
            return Some(Event::HookEnded {
                container,
                hook,
                ok: true,
            });
        };
        if let Some(exec) = &handler.exec {
            self.run_inside(uid, &container, exec, What::Hook(hook), HOOK_TIMEOUT);
            return None;
        }
        let (handler, address) = (handler.clone(), self.starter.config.address.clone());
        let ports = find(&pod, &container)
            .and_then(|spec| spec.ports.clone())
            .unwrap_or_default();
        let (sender, uid) = (self.sender.clone(), uid.to_owned());
        tokio::spawn(async move {
            let ok = request::hook(&handler, &ports, &address).await;
            let _ = sender.send(Message::Hooked {
                uid,
                container,
                hook,
                ok,
            });
        });
        None
    }

    pub(super) fn run_probe(&mut self, uid: &str, container: String, kind: ProbeKind) -> Option<Event> {
        let pod = self.pods.get(uid)?.pod.clone();
        let probe = find(&pod, &container).and_then(|spec| probe(spec, kind))?;
        let seconds = probe.timeout_seconds.filter(|seconds| *seconds > 0).unwrap_or(1);
        let timeout = Duration::from_secs(u64::try_from(seconds).unwrap_or(1));
        if let Some(exec) = &probe.exec {
            self.run_inside(uid, &container, exec, What::Probe(kind), timeout);
            return None;
        }
        let (probe, address) = (probe.clone(), self.starter.config.address.clone());
        let (sender, uid) = (self.sender.clone(), uid.to_owned());
        let ports = find(&pod, &container)
            .and_then(|spec| spec.ports.clone())
            .unwrap_or_default();
        tokio::spawn(async move {
            let result = request::probe(&probe, &ports, &address, timeout).await;
            let _ = sender.send(Message::Probed {
                uid,
                container,
                kind,
                result,
            });
        });
        None
    }

    fn run_inside(&mut self, uid: &str, container: &str, exec: &ExecAction, what: What, timeout: Duration) {
        let Some(entry) = self.pods.get(uid) else { return };
        let Some(unit) = entry
            .machine
            .units()
            .iter()
            .find(|unit| unit.view.name == container)
        else {
            return;
        };
        let joined = Key {
            pod: uid.to_owned(),
            container: container.to_owned(),
            attempt: unit.attempt,
        };
        let key = self.passing_key(uid, container);
        let around = self.surroundings(uid, container);
        let start = Start {
            key: key.clone(),
            argv: exec.command.clone().unwrap_or_default(),
            env: around.env.into_strings(),
            cwd: around.cwd,
            user: around.user,
            output: Output::Kept { max: OUTPUT_MAX },
            join: Some(joined),
            transient: true,
            ..Start::default()
        };
        let (expires, late) = (Instant::now() + timeout, late(exec, timeout));
        let passing = Passing::new(uid.to_owned(), container.to_owned(), what, expires, late);
        self.passing.insert(key, passing);
        self.send(&Request::Start(Box::new(start)));
    }

    /// A key that no container has.
    pub(super) fn passing_key(&mut self, uid: &str, container: &str) -> Key {
        self.number = self.number.wrapping_add(1);
        Key {
            pod: uid.to_owned(),
            container: format!("{container}!"),
            attempt: self.number,
        }
    }

    /// What the container's processes have around them; without the variables that take objects, where it has any.
    fn surroundings(&self, uid: &str, container: &str) -> Surroundings {
        let entry = self.pods.get(uid);
        let spec = entry.and_then(|entry| Some((&entry.pod, find(&entry.pod, container)?)));
        let Some((pod, spec)) = spec else {
            return Surroundings::default();
        };
        let whole = self.starter.surroundings(pod, spec).now_or_never();
        whole.and_then(Result::ok).unwrap_or_else(|| {
            let literal = |var: &&EnvVar| var.value.is_some();
            let spec = Container {
                env: Some(spec.env.iter().flatten().filter(literal).cloned().collect()),
                env_from: None,
                ..spec.clone()
            };
            let rest = self.starter.surroundings(pod, &spec).now_or_never();
            rest.and_then(Result::ok).unwrap_or_default()
        })
    }

    pub(super) fn on_passed(&mut self, passing: Passing, ended: &Ended) {
        let outcome = &ended.outcome;
        let ok = !passing.expired && *outcome == Outcome::Exited { code: 0 };
        let (uid, container) = (passing.uid, passing.container);
        let event = match passing.what {
            What::Hook(hook) => Event::HookEnded { container, hook, ok },
            What::Session { ended: told, .. } => {
                // Nobody need wait any more.
                let _ = told.send(outcome.clone());
                return;
            }
            What::Probe(kind) => {
                let result = match outcome {
                    _ if ok => Probed::Passed,
                    _ if passing.expired => Probed::Failed(passing.late),
                    Outcome::NotStarted(failure) => {
                        let why = text::exec_failure(failure, &uid);
                        Probed::Errored(format!("rpc error: code = Unknown desc = {why}"))
                    }
                    _ => Probed::Failed(ended.output.clone().unwrap_or_default()),
                };
                Event::Probed {
                    container,
                    kind,
                    result,
                }
            }
        };
        self.step(&uid, event);
    }

    /// Ends the pod's hooks and probes whose time is up; their end is told as any other.
    pub(super) fn expire_passing(&mut self, uid: &str, now: Instant) {
        let late = |passing: &&mut Passing| passing.uid == uid && passing.expires <= now && !passing.expired;
        let mut keys = Vec::new();
        for (key, passing) in &mut self.passing {
            if late(&passing) {
                passing.expired = true;
                passing.expires = now + HOOK_TIMEOUT;
                keys.push(key.clone());
            }
        }
        for key in keys {
            self.send(&Request::Signal {
                key,
                signal: Signal::KILL.as_raw(),
                all: true,
            });
        }
    }
}

/// Rule: k8s.io/cri-client, `ExecSync`.
fn late(exec: &ExecAction, timeout: Duration) -> String {
    let command = exec.command.clone().unwrap_or_default().join(" ");
    let timeout = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
    format!(
        "command timed out: {command:?} timed out after {}",
        text::seconds(timeout)
    )
}

fn handler(lifecycle: &Lifecycle, hook: Hook) -> Option<&LifecycleHandler> {
    match hook {
        Hook::PostStart => lifecycle.post_start.as_ref(),
        Hook::PreStop => lifecycle.pre_stop.as_ref(),
    }
}

fn probe(container: &Container, kind: ProbeKind) -> Option<&Probe> {
    match kind {
        ProbeKind::Startup => container.startup_probe.as_ref(),
        ProbeKind::Liveness => container.liveness_probe.as_ref(),
        ProbeKind::Readiness => container.readiness_probe.as_ref(),
    }
}
