//! Carrying out what a pod's machine decides.

use std::io;
use std::sync::Arc;

use futures::FutureExt;
use kinds::k8s::api::core::v1::Pod;
use rustix::process::Signal;
use spawner::protocol::{Key, Request, Start};

use super::{Agent, Message};
use crate::directory::PodDirectory;
use crate::environment::find;
use crate::outcome;
use crate::pod::{Effect, Event};
use crate::start::NoStart;
use crate::volumes::VolumeError;

impl Agent {
    /// Carries out an effect; what is known at once comes back as an event.
    pub(super) fn carry_out(&mut self, uid: &str, effect: Effect) -> Option<Event> {
        match effect {
            Effect::SetUp => self.set_up(uid),
            Effect::Start { container, attempt } => self.start(uid, container, attempt),
            Effect::Signal {
                container,
                attempt,
                kill,
            } => {
                let key = Key {
                    pod: uid.to_owned(),
                    container,
                    attempt,
                };
                self.send(&self.end(uid, key, kill));
                None
            }
            Effect::RunHook { container, hook } => self.run_hook(uid, container, hook),
            Effect::RunProbe { container, kind } => self.run_probe(uid, container, kind),
            Effect::Tell {
                warning,
                reason,
                message,
            } => {
                if let Some(entry) = self.pods.get(uid) {
                    self.teller.tell(entry.machine.view(), warning, reason, &message);
                }
                None
            }
        }
    }

    /// Ends a container, or asks it to. In a pod whose containers share their processes none is the first of its
    /// namespace.
    fn end(&self, uid: &str, key: Key, kill: bool) -> Request {
        let spec = self.pods.get(uid).and_then(|entry| entry.pod.spec.as_ref());
        if !kill && spec.is_some_and(|spec| spec.share_process_namespace == Some(true)) {
            return Request::Terminate { key };
        }
        let signal = if kill { Signal::KILL } else { Signal::TERM };
        Request::Signal {
            key,
            signal: signal.as_raw(),
            all: kill,
        }
    }

    /// A pod without volumes needs its directory only, and no task.
    fn set_up(&mut self, uid: &str) -> Option<Event> {
        let entry = self.pods.get(uid)?;
        let directory = PodDirectory::new(&self.starter.config.directory, uid);
        if let Err(error) = std::fs::create_dir_all(directory.path()) {
            return Some(set_up(Err(error.into())));
        }
        meta::crash::point("node.pod-directory");
        if !entry.has_volumes() {
            return Some(Event::SetUp);
        }
        let (pod, uid) = (entry.pod.clone(), uid.to_owned());
        let (maker, sender) = (self.starter.volumes(), self.sender.clone());
        tokio::spawn(async move {
            let result = maker.make(&pod, &directory).await;
            let _ = sender.send(Message::SetUp { uid, result });
        });
        None
    }

    fn start(&mut self, uid: &str, container: String, attempt: u32) -> Option<Event> {
        let pod = self.pods.get(uid)?.pod.clone();
        let spec = find(&pod, &container)?;
        if !self.starter.needs_objects(&pod, spec) {
            let ready = self.starter.prepare(&pod, spec, attempt).now_or_never();
            let result = ready.map(|result| result.map(Box::new));
            return result.and_then(|result| self.prepared(uid, container, attempt, result));
        }
        self.prepare_apart(pod, uid.to_owned(), container, attempt);
        None
    }

    fn prepare_apart(&self, pod: Arc<Pod>, uid: String, container: String, attempt: u32) {
        let (starter, sender) = (self.starter.clone(), self.sender.clone());
        tokio::spawn(async move {
            let result = match find(&pod, &container) {
                Some(spec) => starter.prepare(&pod, spec, attempt).await,
                None => return,
            };
            let result = result.map(Box::new);
            let _ = sender.send(Message::Prepared {
                uid,
                container,
                attempt,
                result,
            });
        });
    }

    /// Sends a prepared start off, unless its pod has gone on meanwhile.
    pub(super) fn prepared(
        &mut self,
        uid: &str,
        container: String,
        attempt: u32,
        result: Result<Box<Start>, NoStart>,
    ) -> Option<Event> {
        let entry = self.pods.get(uid)?;
        if entry.gone {
            let terminated = outcome::impossible("the pod is gone".to_owned(), self.now());
            return Some(Event::Ended {
                container,
                attempt,
                terminated,
            });
        }
        match result {
            Ok(start) => {
                self.active.insert(start.key.clone());
                meta::crash::point("node.start");
                self.send(&Request::Start(start));
                meta::crash::point("node.start-sent");
                None
            }
            Err(NoStart::Refused(reason, message)) => Some(Event::Refused {
                container,
                reason: reason.to_owned(),
                message,
            }),
            Err(NoStart::Impossible(sentence)) => {
                let terminated = outcome::impossible(sentence, self.now());
                Some(Event::Ended {
                    container,
                    attempt,
                    terminated,
                })
            }
        }
    }
}

/// What setting up came to. A full disk fails the pod: waiting would hold what could free it.
pub(super) fn set_up(result: Result<(), VolumeError>) -> Event {
    let failed = |reason: &str, message, fatal| Event::SetUpFailed {
        reason: reason.to_owned(),
        message,
        fatal,
    };
    match result {
        Ok(()) => Event::SetUp,
        Err(VolumeError::Unavailable(why)) => failed("FailedMount", why, false),
        Err(VolumeError::Io(error)) if is_full(&error) => failed(
            "OutOfDisk",
            format!("The pod's directory could not be set up: {error}"),
            true,
        ),
        Err(VolumeError::Io(error)) => failed(
            "FailedMount",
            format!("The pod's directory could not be set up: {error}"),
            false,
        ),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
