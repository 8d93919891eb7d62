//! Reporting: status patches, acknowledgements, deletion, clean-up.
//!
//! ```text
//!     machine changes --> in a hurry? --> patch (one at a time a pod) --> durable
//!                           no: soon         |                             |
//!                                            +--> acknowledge outcomes <---+
//!                                            +--> finished: volumes go; being deleted: the object goes
//! ```
//!
//! A status that only says that something runs waits a moment, so that a short process costs one patch, not two: a patch
//! costs more than the process itself.

use std::time::Duration;

use kinds::k8s::api::core::v1::Pod;
use kinds::kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kinds::kube::core::{Request, Status};
use kinds::kube::{Api, Client, Error, Resource};
use serde_json::{Value, json};
use spawner::protocol::{self, Key};
use tokio::time::Instant;

use super::{Agent, Message};
use crate::directory::PodDirectory;
use crate::limits;
use crate::pod::view::PodView;

/// How long a status that is in no hurry may wait for a better one.
const SOON: Duration = Duration::from_millis(50);
/// How long it may be put off while the node is busy telling of ends.
const AT_LAST: Duration = Duration::from_secs(1);
/// So many patches under way make a node busy.
const BUSY: usize = 8;
/// How long after a failure writing is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// What became of a patch.
pub(crate) enum Written {
    /// It is durable, and with it these outcomes.
    Done {
        status: Value,
        outcomes: Vec<Key>,
        is_final: bool,
    },
    /// The pod is not there any more.
    Gone,
    /// To be tried again.
    Failed,
}

impl Agent {
    /// Sees to it that the pod's status gets written, now or soon.
    pub(super) fn report(&mut self, uid: &str) {
        let Some(entry) = self.pods.get_mut(uid) else {
            return;
        };
        let over = entry.machine.is_over();
        if entry.gone {
            if over {
                self.forget(uid);
            }
            return;
        }
        // A restart is no short process: it is told as it comes.
        let restarted = entry
            .machine
            .units()
            .iter()
            .any(|unit| unit.attempt > 0 && unit.is_running());
        let now = Instant::now();
        let waits_since = *entry.waits_since.get_or_insert(now);
        let is_due = entry.write_at.is_some_and(|at| at <= now);
        let is_put_off = self.writes >= BUSY && now < waits_since + AT_LAST;
        if over || restarted || is_due && !is_put_off {
            self.write(uid);
        } else if is_due || entry.write_at.is_none() {
            entry.write_at = Some(now + SOON);
        }
    }

    fn write(&mut self, uid: &str) {
        let (now, address) = (self.now(), self.starter.config.address.clone());
        let Some(entry) = self.pods.get_mut(uid) else {
            return;
        };
        if entry.writing {
            entry.write_at = None;
            return;
        }
        (entry.write_at, entry.waits_since) = (None, None);
        let mut status = entry.machine.status(&address, now);
        limits::say(&mut status, &entry.pod, &self.starter.abilities);
        if entry.written.as_ref() == Some(&status) {
            self.on_reported(uid);
            return;
        }
        entry.writing = true;
        self.writes += 1;
        let outcomes = entry.ended.iter().cloned().collect();
        let is_final = entry.machine.phase().is_final();
        self.patch(uid, status, outcomes, is_final);
    }

    fn patch(&self, uid: &str, status: Value, outcomes: Vec<Key>, is_final: bool) {
        let Some(entry) = self.pods.get(uid) else { return };
        let (client, view, sender) = (
            self.client.clone(),
            entry.machine.view().clone(),
            self.sender.clone(),
        );
        tokio::spawn(async move {
            let result = write_status(&client, &view, &status).await;
            meta::crash::point("node.status-written");
            let result = match result {
                Ok(()) => Written::Done {
                    status,
                    outcomes,
                    is_final,
                },
                Err(Error::Api(answer)) if answer.code == 404 || is_other(&answer) => Written::Gone,
                Err(error) => {
                    tracing::warn!(%error, pod = view.name, "a pod's status was not written");
                    Written::Failed
                }
            };
            let _ = sender.send(Message::Written {
                uid: view.uid,
                result,
            });
        });
    }

    pub(super) fn on_written(&mut self, uid: &str, result: Written) {
        self.writes = self.writes.saturating_sub(1);
        let Some(entry) = self.pods.get_mut(uid) else {
            return;
        };
        entry.writing = false;
        match result {
            Written::Done {
                status,
                outcomes,
                is_final,
            } => {
                entry.written = Some(status);
                entry.ended.retain(|key| !outcomes.contains(key));
                let last = is_final && entry.machine.is_over() && entry.ended.is_empty();
                self.acknowledge(outcomes);
                self.boot.settle(uid);
                if last {
                    self.on_reported(uid);
                } else {
                    self.report(uid);
                }
            }
            Written::Gone => self.on_gone(uid),
            Written::Failed => entry.write_at = Some(Instant::now() + AGAIN),
        }
        self.set_timer(uid);
    }

    /// The final status is durable: the pod is finished.
    fn on_reported(&mut self, uid: &str) {
        let Some(entry) = self.pods.get_mut(uid).filter(|entry| entry.machine.is_over()) else {
            return;
        };
        let view = entry.machine.view();
        let deleted = view.deleted.then(|| (view.namespace.clone(), view.name.clone()));
        let has_volumes = entry.has_volumes();
        self.pods
            .remove(uid)
            .and_then(|entry| entry.timer)
            .into_iter()
            .for_each(|at| {
                self.timers.remove(&(at, uid.to_owned()));
            });
        self.finished.insert(uid.to_owned());
        if has_volumes {
            let directory = PodDirectory::new(&self.starter.config.directory, uid);
            remove_apart(vec![directory.volumes()]);
        }
        if let Some((namespace, name)) = deleted {
            self.delete(uid, &namespace, name);
        }
    }

    /// Asks for the deletion of a finished pod's object, until it is done or another pod's.
    pub(super) fn delete(&self, uid: &str, namespace: &str, name: String) {
        let pods = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let preconditions = Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        };
        let params = DeleteParams {
            preconditions: Some(preconditions),
            ..DeleteParams::default()
        };
        let params = params.grace_period(0);
        meta::crash::point("node.delete");
        tokio::spawn(async move {
            while let Err(error) = pods.delete(&name, &params).await {
                if matches!(&error, Error::Api(answer) if matches!(answer.code, 404 | 409)) {
                    return;
                }
                tracing::warn!(%error, pod = name, "a finished pod could not be deleted");
                tokio::time::sleep(AGAIN).await;
            }
        });
    }

    /// A pod whose object is gone and of which nothing runs.
    fn forget(&mut self, uid: &str) {
        let Some(entry) = self.pods.remove(uid) else {
            return;
        };
        if let Some(at) = entry.timer {
            self.timers.remove(&(at, uid.to_owned()));
        }
        self.acknowledge(entry.ended.into_iter().collect());
        self.remove_directory(uid);
    }

    pub(super) fn acknowledge(&mut self, keys: Vec<Key>) {
        if !keys.is_empty() {
            self.send(&protocol::Request::Acknowledge { keys });
        }
    }

    pub(super) fn remove_directory(&self, uid: &str) {
        let directory = PodDirectory::new(&self.starter.config.directory, uid);
        remove_apart(vec![directory.path().to_owned()]);
    }
}

/// The uid in the patch makes sure that a later pod of the same name is not meant. The answer, the whole pod, is not read.
async fn write_status(client: &Client, pod: &PodView, status: &Value) -> Result<(), Error> {
    let body = json!({"metadata": {"uid": pod.uid}, "status": status});
    let pods = Request::new(Pod::url_path(&(), Some(&pod.namespace)));
    let patch = Patch::Strategic(&body);
    let request = pods.patch_subresource("status", &pod.name, &PatchParams::default(), &patch);
    client
        .request_text(request.map_err(Error::BuildRequest)?)
        .await
        .map(drop)
}

/// Whether a pod of the same name but another uid was met.
fn is_other(answer: &Status) -> bool {
    let causes = answer.details.iter().flat_map(|details| &details.causes);
    answer.code == 422 && causes.into_iter().any(|cause| cause.field == "metadata.uid")
}

#[test]
fn another_pod_is_told_by_its_uid() {
    let refused = |field: &str| -> Status {
        let details = json!({"causes": [{"reason": "FieldValueInvalid", "field": field}]});
        serde_json::from_value(json!({"code": 422, "details": details})).unwrap()
    };
    assert!(is_other(&refused("metadata.uid")));
    assert!(!is_other(&refused("status.phase")));
}

/// Removes directories where nobody waits for it.
pub(super) fn remove_apart(paths: Vec<std::path::PathBuf>) {
    tokio::task::spawn_blocking(move || {
        for path in paths {
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(%error, path = %path.display(), "a directory was not removed");
                }
                _ => {}
            }
        }
    });
}
