//! After a restart: of the node, of the spawner, of the machine.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use kinds::k8s::api::core::v1::Pod;
use rustix::process::Signal;
use spawner::protocol::{Ended, Key, Message, Request, Running};

use super::{Agent, report};
use crate::directory::{self, PodDirectory};
use crate::link::Link;
use crate::outcome;
use crate::pod::unit::State;
use crate::pod::view::PodView;
use crate::pod::{Effect, Event, Left, Machine};

/// Pause between attempts to reach the spawner.
const PAUSE: Duration = Duration::from_millis(500);

impl Agent {
    /// Asks the spawner for what it knows, before anything is started.
    pub(super) async fn take_listing(&mut self) -> io::Result<()> {
        let (running, ended) = listing(&mut self.link).await?;
        for running in running {
            self.active.insert(running.key.clone());
            let at = outcome::timestamp(running.started_at);
            self.keep(running.key, Ok(at));
        }
        for ended in ended {
            let directory = PodDirectory::new(&self.starter.config.directory, &ended.key.pod);
            let terminated = outcome::terminated(&ended, &directory, None);
            self.keep(ended.key, Err(terminated));
        }
        Ok(())
    }

    pub(super) fn keep(&mut self, key: Key, state: Result<meta::Timestamp, crate::pod::unit::Terminated>) {
        let of_pod = self.left.entry(key.pod).or_default();
        of_pod.retain(|left| left.container != key.container || left.attempt != key.attempt);
        of_pod.push(Left {
            container: key.container,
            attempt: key.attempt,
            state,
        });
    }

    /// The machine of a pod of the first list.
    pub(super) fn adopt(&mut self, view: PodView, pod: &Pod, left: &[Left]) -> Machine {
        let now = self.now();
        // Without a status there is nothing that could tell whether a pod ran before the machine went down.
        let status = pod.status.clone().unwrap_or_default();
        let rebooted = self.boot.adopt(&view.uid);
        Machine::recovered(view, Some(&status), left, rebooted, now)
    }

    /// Outcomes of a pod whose final status is written need no keeping.
    pub(super) fn acknowledge_left(&mut self, uid: &str) {
        let left = self.left.remove(uid).unwrap_or_default();
        self.acknowledge(keys(uid, &left));
    }

    /// The first list is complete: what belongs to no pod is ended and removed.
    pub(super) fn forget_strangers(&mut self) {
        for (uid, left) in std::mem::take(&mut self.left) {
            for key in keys(&uid, &left) {
                self.send(&Request::Signal {
                    key,
                    signal: Signal::KILL.as_raw(),
                    all: true,
                });
            }
            self.acknowledge(keys(&uid, &left));
        }
        self.remove_strange_directories();
        self.boot.listed();
    }

    fn remove_strange_directories(&self) {
        let entries = std::fs::read_dir(directory::all(&self.starter.config.directory))
            .into_iter()
            .flatten()
            .flatten();
        let strange = entries.filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            !self.pods.contains_key(&name) && !self.finished.contains(&name)
        });
        report::remove_apart(strange.map(|entry| entry.path()).collect());
    }

    /// The spawner is gone or out of reach: a new one takes over its journal, and says what became of everything.
    pub(super) async fn reconnect(&mut self, error: &io::Error) {
        tracing::warn!(%error, "the spawner is gone; starting another");
        self.passing.clear();
        let (running, ended) = loop {
            match self.reopen().await {
                Ok(found) => break found,
                Err(error) => tracing::error!(%error, "the spawner cannot be reached"),
            }
            tokio::time::sleep(PAUSE).await;
        };
        let running: BTreeMap<_, _> = running
            .into_iter()
            .map(|running| (running.key.clone(), running))
            .collect();
        for ended in &ended {
            self.on_ended(ended);
        }
        self.compare(&running);
    }

    async fn reopen(&mut self) -> io::Result<(Vec<Running>, Vec<Ended>)> {
        let config = &self.starter.config;
        self.link = Link::open(&config.program, &config.directory).await?;
        listing(&mut self.link).await
    }

    /// Compares what we believe with what the spawner runs.
    fn compare(&mut self, running: &BTreeMap<Key, Running>) {
        for (uid, container, attempt, starting) in self.believed() {
            let key = Key {
                pod: uid.clone(),
                container: container.clone(),
                attempt,
            };
            let event = match running.get(&key) {
                Some(running) => Event::Started {
                    container,
                    attempt,
                    at: outcome::timestamp(running.started_at),
                },
                // It was never asked for, or its intent would be in the journal: asking is safe.
                None if starting => match self.carry_out(&uid, Effect::Start { container, attempt }) {
                    Some(event) => event,
                    None => continue,
                },
                None => {
                    let terminated = crate::pod::unknown(None, self.now());
                    Event::Ended {
                        container,
                        attempt,
                        terminated,
                    }
                }
            };
            self.step(&uid, event);
        }
    }

    fn believed(&self) -> Vec<(String, String, u32, bool)> {
        let units = self
            .pods
            .iter()
            .flat_map(|(uid, entry)| entry.machine.units().iter().map(move |unit| (uid, unit)));
        units
            .filter(|(_, unit)| unit.is_active())
            .map(|(uid, unit)| {
                (
                    uid.clone(),
                    unit.view.name.clone(),
                    unit.attempt,
                    unit.state == State::Starting,
                )
            })
            .collect()
    }
}

async fn listing(link: &mut Link) -> io::Result<(Vec<Running>, Vec<Ended>)> {
    link.send(&Request::List)?;
    loop {
        if let Message::Listing { running, ended } = link.next().await? {
            return Ok((running, ended));
        }
    }
}

fn keys(uid: &str, left: &[Left]) -> Vec<Key> {
    let key = |left: &Left| Key {
        pod: uid.to_owned(),
        container: left.container.clone(),
        attempt: left.attempt,
    };
    left.iter().map(key).collect()
}
