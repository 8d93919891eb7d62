//! A virtual machine: runs the pods bound to it as processes that only take virtual time.
//!
//! It keeps the embedded node's promises, and nothing more: a process is started at most once per pod, the
//! intent is written down before the start, processes survive the control plane, an outcome is reported
//! until the API has it, and what is lost with the machine is reported as unknown (137).

mod report;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use controller::informer::Change;
use controller::{Context, Kind, Metadata, Projection, projection};
use meta::seeded::Seeded;
use meta::{ObjectKey, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::clock::millis;
use crate::ledger::{Ledger, Start};
use crate::log::Log;
use crate::scenario::{Outcome, Scenario, Step};

/// The exit code of a process that was lost with its machine: its outcome is unknown.
const UNKNOWN: i32 = 137;
/// The exit code of a process that was asked to end.
const TERMINATED: i32 = 143;

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

/// A process, from the intent to start it on.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    key: ObjectKey,
    pod: Value,
    orders: Option<argo::exec::Orders>,
    started: Timestamp,
    ends: Timestamp,
    outcome: Outcome,
    /// Whether its outcome is all its own, so that the executor reported.
    natural: bool,
    reported: bool,
}

/// All processes of a machine, by their pods' uids. This is what survives the control plane.
#[derive(Clone, Default)]
pub(crate) struct Processes(Arc<Mutex<BTreeMap<String, Process>>>);

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Process>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, uid: &str) -> Option<Process> {
        self.lock().get(uid).cloned()
    }

    fn unreported(&self) -> Vec<String> {
        let all = self.lock();
        all.iter()
            .filter(|(_, p)| !p.reported)
            .map(|(uid, _)| uid.clone())
            .collect()
    }

    fn end(&self, uid: &str, now: Timestamp, exit: i32) {
        if let Some(process) = self.lock().get_mut(uid)
            && process.ends > now
        {
            process.ends = now;
            process.outcome.exit = exit;
            process.natural = false;
        }
    }
}

/// A machine in one life of the control plane.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) cpus: u32,
    pub(crate) processes: Processes,
    pub(crate) context: Context,
    pub(crate) scenario: Scenario,
    pub(crate) seed: Seeded,
    pub(crate) ledger: Ledger,
    pub(crate) log: Log,
    /// Told when a process ended before its time.
    pub(crate) interrupted: Arc<Notify>,
}

impl Machine {
    /// Serves pods until dropped.
    pub(crate) async fn serve(self) {
        self.register().await;
        let (tell, mut told) = mpsc::unbounded_channel();
        let name = self.name.clone();
        self.context.informers.get::<WholePod>().subscribe(move |change| {
            if let Change::Applied(pod) = change
                && pod.value["spec"]["nodeName"] == name.as_str()
            {
                // Nobody listens only once the machine is dropped.
                let _ = tell.send(Arc::clone(pod));
            }
        });
        let mut tasks = JoinSet::new();
        for uid in self.processes.unreported() {
            tasks.spawn(self.clone().accompany(uid));
        }
        while let Some(pod) = told.recv().await {
            self.look_at(&pod, &mut tasks);
        }
    }

    /// The machine fails: what runs is lost, and nobody knows how it ended.
    pub(crate) fn lose_everything(&self) {
        let now = self.context.host.now();
        for uid in self.processes.unreported() {
            self.processes.end(&uid, now, UNKNOWN);
        }
        self.log.line(millis(now), &format!("{} fails", self.name));
        self.interrupted.notify_waiters();
    }

    fn look_at(&self, pod: &WholePod, tasks: &mut JoinSet<()>) {
        let uid = pod.uid();
        let deleting = pod.metadata.deleting;
        let over = matches!(
            pod.value["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        );
        match self.processes.get(uid) {
            None if !deleting && !over => {
                self.start(pod);
                tasks.spawn(self.clone().accompany(uid.to_owned()));
            }
            Some(process) if deleting && !process.reported => {
                self.processes.end(uid, self.context.host.now(), TERMINATED);
                self.interrupted.notify_waiters();
            }
            _ if deleting => {
                tasks.spawn(self.clone().remove(pod.key(), uid.to_owned()));
            }
            _ => {}
        }
    }

    fn start(&self, pod: &WholePod) {
        let now = self.context.host.now();
        let annotation = |name: &str| {
            pod.value["metadata"]["annotations"][name]
                .as_str()
                .unwrap_or_default()
        };
        let step = Step {
            node_name: annotation(workflow::contract::ANNOTATION_NODE_NAME).to_owned(),
            pod: pod.value.clone(),
            orders: orders(&pod.value),
        };
        let outcome = (self.scenario.script)(&step, &mut self.seed.split(&step.node_name));
        let process = Process {
            key: pod.key(),
            pod: pod.value.clone(),
            orders: step.orders,
            started: now,
            ends: now + std::time::Duration::from_millis(outcome.millis),
            outcome,
            natural: true,
            reported: false,
        };
        self.processes.lock().insert(pod.uid().to_owned(), process);
        self.log
            .line(millis(now), &format!("{} starts {}", self.name, step.node_name));
        self.ledger.started(Start {
            pod: pod.uid().to_owned(),
            node_id: annotation(workflow::contract::ANNOTATION_NODE_ID).to_owned(),
            node_name: step.node_name,
            workflow: label(&pod.value, workflow::contract::LABEL_WORKFLOW),
            cpu: cpu(&pod.value),
            machine: self.name.clone(),
            exit: None,
        });
    }
}

fn label(pod: &Value, name: &str) -> String {
    pod["metadata"]["labels"][name]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Thousandths of a CPU that the pod asks for.
fn cpu(pod: &Value) -> i64 {
    let spec: scheduler::PodSpec = serde_json::from_value(pod["spec"].clone()).unwrap_or_default();
    scheduler::Requirements::new(&spec)
        .requests
        .get("cpu")
        .as_millis()
}

/// What the pod's executor was told, if it has one.
fn orders(pod: &Value) -> Option<argo::exec::Orders> {
    let containers = pod["spec"]["containers"].as_array()?;
    let variable = |name: &str| {
        let env = containers
            .iter()
            .flat_map(|c| c["env"].as_array().into_iter().flatten());
        let mut named = env.filter(|variable| variable["name"] == name);
        named
            .next()
            .and_then(|variable| variable["value"].as_str())
            .map(str::to_owned)
    };
    argo::exec::Orders::from_env(variable)?.ok()
}
