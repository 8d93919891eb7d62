//! The processes of a machine: what it wrote down of each, which survives the control plane.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use argo::exec::Orders;
use controller::Projection;
use meta::{ObjectKey, Timestamp};
use serde_json::Value;

use super::WholePod;
use crate::ledger::{End, Start};
use crate::program::{Course, Ending};

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is to be started.
    Accepted,
    /// It runs, until this time if it is known.
    Running {
        since: Timestamp,
        until: Option<Timestamp>,
        asked: bool,
    },
    /// It has ended, or never ran.
    Ended {
        since: Timestamp,
        at: Timestamp,
        how: End,
    },
}

/// A process, from the intent to start it on.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) key: ObjectKey,
    pub(crate) pod: Value,
    pub(crate) orders: Option<Orders>,
    pub(crate) stage: Stage,
    pub(crate) accepted: Timestamp,
    pub(crate) course: Course,
    pub(crate) reported: bool,
}

impl Process {
    /// A process of which nothing is known but its pod.
    pub(super) fn lost(pod: &WholePod, now: Timestamp) -> Self {
        Self {
            key: pod.key(),
            pod: pod.value.clone(),
            orders: None,
            stage: Stage::Ended {
                since: now,
                at: now,
                how: End::Lost,
            },
            accepted: now,
            course: Course {
                pulls: None,
                runs: None,
                ending: Ending::Exit(0),
                dies_in: 0,
                dies_with: 0,
                result: String::new(),
                parameters: BTreeMap::new(),
            },
            reported: false,
        }
    }

    /// The workflow's name.
    pub(crate) fn workflow(&self) -> String {
        let labels = &self.pod["metadata"]["labels"];
        let name = labels[workflow::contract::LABEL_WORKFLOW].as_str();
        name.unwrap_or_default().to_owned()
    }

    pub(super) fn node_name(&self) -> &str {
        annotation(&self.pod, workflow::contract::ANNOTATION_NODE_NAME)
    }

    /// When its image is there; none for never.
    pub(super) fn pulled_at(&self) -> Option<Timestamp> {
        let pulls = self.course.pulls?;
        Some(self.accepted + Duration::from_millis(pulls))
    }

    /// How it ended, if it did.
    pub(super) fn end(&self) -> Option<End> {
        match self.stage {
            Stage::Ended { how, .. } => Some(how),
            _ => None,
        }
    }

    /// The exit code that its container shows.
    pub(super) fn code(&self) -> i32 {
        match self.end() {
            Some(End::Natural(code)) => code,
            Some(End::Asked) if self.course.dies_in < GRACE_MS => self.course.dies_with,
            _ => 137,
        }
    }

    /// Its line in the ledger.
    pub(super) fn start(&self, machine: &str) -> Start {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &self.pod["metadata"];
        let spec: scheduler::PodSpec = serde_json::from_value(self.pod["spec"].clone()).unwrap_or_default();
        let locks = text(&metadata["annotations"][LOCKS]);
        Start {
            pod: text(&metadata["uid"]),
            node_id: annotation(&self.pod, workflow::contract::ANNOTATION_NODE_ID).to_owned(),
            node_name: self.node_name().to_owned(),
            workflow: self.workflow(),
            owner: text(&metadata["ownerReferences"][0]["uid"]),
            requests: scheduler::Requirements::new(&spec).requests,
            locks: locks.split_whitespace().map(str::to_owned).collect(),
            machine: machine.to_owned(),
            asked: false,
            end: None,
            result: self.course.result.clone(),
            parameters: self.course.parameters.clone(),
        }
    }
}

/// The annotation of generated templates that names the locks their pods hold.
pub(crate) const LOCKS: &str = "plimsoll.dev/locks";
/// Milliseconds between the signal to end and the kill.
pub(super) const GRACE_MS: u64 = 30_000;

struct Inner {
    all: BTreeMap<String, Process>,
    away_until: Timestamp,
    rebooted: bool,
}

/// All processes of a machine, by their pods' uids.
#[derive(Clone)]
pub(crate) struct Processes(Arc<Mutex<Inner>>);

impl Default for Processes {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            all: BTreeMap::new(),
            away_until: Timestamp::MIN,
            rebooted: false,
        })))
    }
}

impl Processes {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, uid: &str) -> Option<Process> {
        self.lock().all.get(uid).cloned()
    }

    pub(super) fn insert(&self, uid: &str, process: Process) {
        self.lock().all.insert(uid.to_owned(), process);
    }

    pub(super) fn change(&self, uid: &str, change: impl FnOnce(&mut Process)) {
        if let Some(process) = self.lock().all.get_mut(uid) {
            change(process);
        }
    }

    pub(super) fn unreported(&self) -> Vec<String> {
        let inner = self.lock();
        let open = inner.all.iter().filter(|(_, process)| !process.reported);
        open.map(|(uid, _)| uid.clone()).collect()
    }

    /// Until when the machine is away, if it is.
    pub(super) fn away_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.lock().away_until).filter(|until| *until > now)
    }

    /// Whether the power failed since the machine last served.
    pub(super) fn has_rebooted(&self) -> bool {
        std::mem::take(&mut self.lock().rebooted)
    }

    /// A pod was asked to go: its process ends in a while, or is never started.
    pub(super) fn ask(&self, uid: &str, now: Timestamp) {
        self.change(uid, |process| {
            let dies_in = Duration::from_millis(process.course.dies_in.min(GRACE_MS));
            process.stage = match process.stage {
                // What was never run is told as kubelet does: as a container that cannot be found.
                Stage::Accepted => Stage::Ended {
                    since: now,
                    at: now,
                    how: End::Lost,
                },
                Stage::Running {
                    since,
                    until,
                    asked: false,
                } if until.is_none_or(|until| until > now) => Stage::Running {
                    since,
                    until: Some(until.map_or(now + dies_in, |until| until.min(now + dies_in))),
                    asked: until.is_none_or(|until| until > now + dies_in),
                },
                other => other,
            };
        });
    }

    /// Loses what has not ended, and is away for a while. What was lost, by uid.
    pub(super) fn lose(&self, now: Timestamp, away_until: Timestamp) -> Vec<(String, Process)> {
        let inner = &mut *self.lock();
        inner.away_until = inner.away_until.max(away_until);
        let mut lost = Vec::new();
        for (uid, process) in &mut inner.all {
            let since = match process.stage {
                Stage::Ended { .. } => continue,
                Stage::Accepted => now,
                Stage::Running { since, .. } => since,
            };
            process.stage = Stage::Ended {
                since,
                at: now,
                how: End::Lost,
            };
            lost.push((uid.clone(), process.clone()));
        }
        lost
    }

    /// The power failed: everything is lost, and so is what was known of it. What the API was not told the
    /// end of, by uid.
    pub(crate) fn power_off(&self) -> Vec<(String, Process)> {
        let inner = &mut *self.lock();
        inner.away_until = Timestamp::MIN;
        inner.rebooted = true;
        let all = std::mem::take(&mut inner.all).into_iter();
        all.filter(|(_, process)| !process.reported).collect()
    }

    /// Forgets everything, as no machine may.
    pub(crate) fn forget(&self) {
        self.lock().all.retain(|_, process| process.reported);
    }
}

pub(super) fn annotation<'a>(pod: &'a Value, name: &str) -> &'a str {
    pod["metadata"]["annotations"][name].as_str().unwrap_or_default()
}

/// What the pod's executor was told, if it has one.
pub(super) fn orders(pod: &Value) -> Option<Orders> {
    let containers = pod["spec"]["containers"].as_array()?;
    let variable = |name: &str| {
        let env = containers
            .iter()
            .flat_map(|c| c["env"].as_array().into_iter().flatten());
        let mut named = env.filter(|variable| variable["name"] == name);
        let value = named.next().and_then(|variable| variable["value"].as_str());
        value.map(str::to_owned)
    };
    Orders::from_env(variable)?.ok()
}
