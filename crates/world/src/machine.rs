//! A virtual machine: runs the pods bound to it as processes that only take virtual time.
//!
//! It keeps the embedded node's promises, and nothing more: it sees only pods that are on the disk, a process
//! is started at most once per pod, the intent is written down before the start, processes survive the control
//! plane, an outcome is reported until the API has it, and what is lost with the machine is reported as
//! unknown (137).

mod process;
mod report;
mod task;

use std::sync::Arc;
use std::time::Duration;

use controller::informer::Change;
use controller::{Context, Kind, Metadata, Projection, projection};
use meta::seeded::Seeded;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

pub(crate) use self::process::{LOCKS, Processes};
use self::process::{Process, Stage};
use crate::broken::Broken;
use crate::clock::millis;
use crate::ledger::{End, Ledger};
use crate::log::Log;
use crate::program;
use crate::script;

/// A pod as a machine reads it: all of it.
#[derive(Clone, Debug)]
pub(crate) struct WholePod {
    metadata: Metadata,
    value: Value,
}

projection!(WholePod, Kind::namespaced("", "v1", "Pod", "pods"));

impl<'de> Deserialize<'de> for WholePod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let metadata = serde_json::from_value(value["metadata"].clone()).map_err(serde::de::Error::custom)?;
        Ok(Self { metadata, value })
    }
}

impl WholePod {
    fn is_over(&self) -> bool {
        let phase = self.value["status"]["phase"].as_str();
        matches!(phase, Some("Succeeded" | "Failed"))
    }

    fn is_going(&self) -> bool {
        self.metadata.deleting
    }
}

/// A machine in one life of the control plane.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) spec: script::Machine,
    pub(crate) processes: Processes,
    pub(crate) context: Context,
    pub(crate) seed: Seeded,
    pub(crate) ledger: Ledger,
    pub(crate) log: Log,
    pub(crate) broken: Broken,
    /// Told when a process may have ended before its time, or the machine is back.
    pub(crate) news: Arc<Notify>,
}

impl Machine {
    /// Serves pods until dropped.
    pub(crate) async fn serve(self) {
        self.register().await;
        let pods = self.context.informers.get::<WholePod>();
        pods.synced().await;
        if self.processes.has_rebooted() {
            self.give_up_on(pods.list());
        }
        let mut tasks = JoinSet::new();
        for uid in self.processes.unreported() {
            tasks.spawn(self.clone().accompany(uid));
        }
        let mut told = self.listen();
        while let Some(pod) = told.recv().await {
            self.until_back().await;
            self.look_at(&pod, &mut tasks);
        }
    }

    fn listen(&self) -> mpsc::UnboundedReceiver<Arc<WholePod>> {
        let (tell, told) = mpsc::unbounded_channel();
        let name = self.spec.name.clone();
        self.context.informers.get::<WholePod>().subscribe(move |change| {
            if let Change::Applied(pod) = change
                && pod.value["spec"]["nodeName"] == name.as_str()
            {
                // Nobody listens only once the machine is dropped.
                let _ = tell.send(Arc::clone(pod));
            }
        });
        told
    }

    /// The machine fails: what runs is lost, and nobody knows how it ended. It is back after a while.
    pub(crate) fn fail(&self, away: Duration) {
        let now = self.context.host.now();
        for (uid, process) in self.processes.lose(now, now + away) {
            self.ledger.ended(&uid, End::Lost);
            self.ledger.touch(&process.workflow());
        }
        self.log(&format!("{} fails", self.spec.name));
        self.news.notify_waiters();
    }

    /// Waits until the machine is back.
    async fn until_back(&self) {
        while let Some(until) = self.processes.away_until(self.context.host.now()) {
            self.sleep_until(until).await;
        }
    }

    /// Pods that were bound before the power failed: whether they ran nobody knows.
    fn give_up_on(&self, pods: Vec<Arc<WholePod>>) {
        let mine = pods
            .into_iter()
            .filter(|pod| pod.value["spec"]["nodeName"] == self.spec.name.as_str());
        for pod in mine.filter(|pod| !pod.is_over() && self.processes.get(pod.uid()).is_none()) {
            let now = self.context.host.now();
            let process = Process::lost(&pod, now);
            self.ledger.touch(&process.workflow());
            self.processes.insert(pod.uid(), process);
        }
    }

    fn look_at(&self, pod: &WholePod, tasks: &mut JoinSet<()>) {
        let uid = pod.uid();
        match self.processes.get(uid) {
            None if !pod.is_going() && !pod.is_over() => {
                self.accept(pod);
                tasks.spawn(self.clone().accompany(uid.to_owned()));
            }
            Some(process) if pod.is_going() && !process.reported => {
                self.ledger.asked(uid);
                self.processes.ask(uid, self.context.host.now());
                self.news.notify_waiters();
            }
            _ if pod.is_going() => {
                tasks.spawn(self.clone().remove(pod.key(), uid.to_owned()));
            }
            _ => {}
        }
    }

    /// Writes down the intent to run a pod.
    fn accept(&self, pod: &WholePod) {
        let now = self.context.host.now();
        let orders = process::orders(&pod.value);
        let node_name = process::annotation(&pod.value, workflow::contract::ANNOTATION_NODE_NAME);
        let mut course = program::course(&self.seed, node_name, &pod.value, orders.as_ref());
        if self.broken == Broken::ChangesItsMind {
            course.result = format!("{} at {}", course.result, millis(now));
        }
        let process = Process {
            key: pod.key(),
            pod: pod.value.clone(),
            orders,
            stage: Stage::Accepted,
            accepted: now,
            course,
            reported: false,
        };
        self.processes.insert(pod.uid(), process);
    }

    fn log(&self, text: &str) {
        self.log.line(millis(self.context.host.now()), text);
    }
}
