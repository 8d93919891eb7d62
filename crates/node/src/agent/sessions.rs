//! The agent's part in sessions: it knows which attempts run, and talks to the spawner.

use std::sync::Arc;
use std::time::Duration;

use kinds::k8s::api::core::v1::Pod;
use rustix::process::Signal;
use spawner::protocol::{Key, Request, Start};
use tokio::time::Instant;

use super::Agent;
use super::passing::{Passing, What};
use crate::session::{Ask, Order};

/// Longer than anyone keeps a session.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl Agent {
    pub(super) fn on_session(&mut self, ask: Ask) {
        match ask {
            Ask::Find {
                uid,
                container,
                answer,
            } => drop(answer.send(self.running(&uid, &container))),
            Ask::Run(order) => self.run_order(*order),
            Ask::End(key) => self.end_session(key),
        }
    }

    /// The pod and the attempt of a container that runs.
    fn running(&self, uid: &str, container: &str) -> Option<(Arc<Pod>, u32)> {
        let entry = self.pods.get(uid)?;
        let mut units = entry.machine.units().iter();
        let unit = units.find(|unit| unit.view.name == container && unit.is_running())?;
        Some((Arc::clone(&entry.pod), unit.attempt))
    }

    fn run_order(&mut self, order: Order) {
        let (uid, container) = (order.start.key.pod.clone(), order.start.key.container.clone());
        let key = self.passing_key(&uid, &container);
        if order.key.send(key.clone()).is_err() {
            return;
        }
        let what = What::Session {
            ended: order.ended,
            ends: order.ends,
        };
        let passing = Passing::new(uid, container, what, Instant::now() + FOR_EVER, String::new());
        self.passing.insert(key.clone(), passing);
        self.send(&Request::Start(Box::new(Start { key, ..order.start })));
    }

    fn end_session(&mut self, key: Key) {
        if self.passing.contains_key(&key) {
            self.send(&Request::Signal {
                key,
                signal: Signal::KILL.as_raw(),
                all: true,
            });
        }
    }
}
