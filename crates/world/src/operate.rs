//! What is done to a world from outside: by people through the API, and to disk, power, network and clock.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use controller::projections::{CONFIG_MAPS, NODES, PODS, WORKFLOWS};
use controller::{Failure, Kind, Write};
use meta::ObjectKey;
use serde_json::{Map, Value, json};
use store::Faults;
use workflow::contract::LABEL_WORKFLOW;

use crate::check;
use crate::clock::millis;
use crate::life::Life;
use crate::problem::Promise;
use crate::script::{Action, name};
use crate::state::{End, Stage, World};

/// Where everything is.
const NAMESPACE: &str = "default";
/// How long people wait before they ask again what the API refused.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
const CRDS: Kind = Kind::cluster(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
);

impl World {
    /// Makes what every world starts with, unless an earlier life did.
    pub(crate) async fn install(&self, life: &Life) -> Result<(), End> {
        let crds = kinds::crds().into_iter().map(|crd| (CRDS, crd));
        let objects = self.script.objects.iter();
        let objects = objects.filter_map(|object| Some((check::kind(object)?, object.clone())));
        for (kind, object) in crds.chain(objects) {
            let namespace = if kind.namespaced { NAMESPACE } else { "" };
            let key = ObjectKey::new(namespace, name(&object));
            match life.people.write(&Write::create(kind, key, object)).await {
                Ok(_) | Err(Failure::AlreadyExists(_)) => {}
                Err(_) if self.disk.is_off() => return Err(End::PowerLoss),
                Err(failure) => {
                    let text = format!("nothing can be installed: {failure}");
                    return Err(End::Stuck(Promise::Lives.broken(text)));
                }
            }
        }
        Ok(())
    }

    /// Does an action, and goes on to the next one if that could be done.
    pub(crate) async fn perform(&mut self, action: &Action, life: &mut Life) -> Option<End> {
        match action {
            Action::Kill { away_ms } => {
                self.next += 1;
                return Some(End::Killed(Duration::from_millis(*away_ms)));
            }
            Action::Crash {
                point,
                visit,
                away_ms,
            } => self.arm(point, *visit, *away_ms, life),
            Action::LoseMachine { machine, away_ms } => {
                let lost = life.machines.iter().find(|m| m.spec.name == *machine);
                if let Some(machine) = lost {
                    machine.fail(Duration::from_millis(*away_ms));
                }
            }
            Action::JumpClock { by_ms } => {
                self.clock_set_by.fetch_add(*by_ms, Ordering::Relaxed);
            }
            Action::DropWatches => life.api.faults.drop_watches(),
            Action::Partition { user, for_ms } => partition(life, user, *for_ms),
            action if self.harm_disk(action, life) => {}
            action => {
                if let Err(failure) = self.ask(action, life).await {
                    self.log
                        .line(millis(life.host.now()), &format!("refused: {failure}"));
                    tokio::time::sleep(AGAIN_AFTER).await;
                    return None;
                }
            }
        }
        self.next += 1;
        None
    }

    /// Lets the control plane die at a visit of a crash point.
    fn arm(&self, point: &str, visit: u32, away_ms: u64, life: &mut Life) {
        life.away = Duration::from_millis(away_ms);
        let (disk, killed) = (self.disk.clone(), Arc::clone(&life.killed));
        meta::crash::arm_here(point, visit, move || {
            // What this life still does until it is dropped reaches no disk, and so no machine.
            disk.freeze();
            killed.notify_one();
        });
    }

    /// Does what concerns the disk; whether the action did.
    fn harm_disk(&self, action: &Action, life: &Life) -> bool {
        let now = self.disk.operations();
        let faults = match action {
            Action::PowerLoss { operation } => Faults {
                power_off_at: Some(now + operation.max(&1)),
                ..Faults::default()
            },
            Action::FailWrite => Faults {
                fail_write_at: Some(now + 1),
                ..Faults::default()
            },
            Action::FailSync => Faults {
                fail_sync_at: Some(now + 1),
                ..Faults::default()
            },
            Action::FillDisk { left, for_ms } => {
                let (disk, store) = (self.disk.clone(), life.store.clone());
                after(*for_ms, move || {
                    disk.set_faults(Faults::default());
                    store.commit();
                });
                Faults {
                    capacity: Some(self.disk.used() + left),
                    ..Faults::default()
                }
            }
            Action::SlowDisk { latency_ms, for_ms } => {
                let usual = self.script.disk.latency_ms;
                let latency = life.latency.clone();
                latency.send_replace(*latency_ms);
                after(*for_ms, move || {
                    latency.send_replace(usual);
                });
                return true;
            }
            _ => return false,
        };
        self.disk.set_faults(faults);
        true
    }

    /// Asks the API for what people do.
    async fn ask(&mut self, action: &Action, life: &Life) -> Result<(), Failure> {
        let patch = |workflow: &str, spec: Value| {
            let key = ObjectKey::new(NAMESPACE, workflow);
            Write::merge(WORKFLOWS, key, json!({"spec": spec}))
        };
        match action {
            Action::Submit(workflow) => self.submit(workflow, life).await,
            Action::Suspend(workflow) => {
                self.change(workflow, patch(workflow, json!({"suspend": true})), life)
                    .await
            }
            Action::Stop(workflow) => {
                self.change(workflow, patch(workflow, json!({"shutdown": "Stop"})), life)
                    .await
            }
            Action::Terminate(workflow) => {
                self.change(workflow, patch(workflow, json!({"shutdown": "Terminate"})), life)
                    .await
            }
            Action::Resume(workflow) => self.resume(workflow, life).await,
            Action::Delete(workflow) => {
                self.ledger.touch(workflow);
                self.delete(workflow, life).await
            }
            Action::DeletePod { workflow, number } => self.delete_pod(workflow, *number, life).await,
            Action::Configure { map, key, value } => {
                let data = json!({"data": {key: value}});
                let write = Write::merge(CONFIG_MAPS, ObjectKey::new(NAMESPACE, map), data);
                self.ledger
                    .set_lock(&format!("{map}/{key}"), value.parse().unwrap_or(0));
                passed(life.people.write(&write).await)
            }
            Action::Cordon { machine, on } => {
                let spec = json!({"spec": {"unschedulable": on}});
                let write = Write::merge(NODES, ObjectKey::new("", machine), spec);
                passed(life.people.write(&write).await)
            }
            _ => Ok(()),
        }
    }

    async fn submit(&mut self, workflow: &Value, life: &Life) -> Result<(), Failure> {
        let key = ObjectKey::new(NAMESPACE, name(workflow));
        let write = Write::create(WORKFLOWS, key, workflow.clone());
        let made: Value = life.people.ensure(&write, |_: &Value| true).await?;
        let uid = made["metadata"]["uid"].as_str().unwrap_or_default();
        self.acknowledged
            .insert(uid.to_owned(), name(workflow).to_owned());
        Ok(())
    }

    async fn change(&self, workflow: &str, write: Write, life: &Life) -> Result<(), Failure> {
        self.ledger.touch(workflow);
        passed(life.people.write(&write).await)
    }

    /// Lets a workflow go on, and ends the pauses in it, as `plimsoll resume` does.
    async fn resume(&self, workflow: &str, life: &Life) -> Result<(), Failure> {
        self.ledger.touch(workflow);
        let key = ObjectKey::new(NAMESPACE, workflow);
        let object: Value = match life.people.read(WORKFLOWS, &key).await {
            Err(Failure::NotFound(_)) => return Ok(()),
            read => read?,
        };
        let ended = json!({"phase": "Succeeded", "finishedAt": meta::time::seconds(life.host.now())});
        let nodes = object["status"]["nodes"].as_object().into_iter().flatten();
        let pauses = nodes.filter(|(_, node)| node["type"] == "Suspend" && node["phase"] == "Running");
        let nodes: Map<String, Value> = pauses.map(|(id, _)| (id.clone(), ended.clone())).collect();
        let mut patch = json!({"spec": {"suspend": null}});
        if !nodes.is_empty() {
            patch["status"] = json!({"nodes": nodes});
        }
        let version = object["metadata"]["resourceVersion"].as_str();
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let write = Write::merge(WORKFLOWS, key, patch).only(uid, version);
        passed(life.people.write(&write).await)
    }

    async fn delete(&mut self, workflow: &str, life: &Life) -> Result<(), Failure> {
        // From here on it may be gone.
        self.acknowledged.retain(|_, name| name != workflow);
        let mut write = Write::delete(WORKFLOWS, ObjectKey::new(NAMESPACE, workflow), "");
        if let controller::write::Verb::Delete(options) = &mut write.verb {
            options["preconditions"] = Value::Null;
        }
        passed(life.people.write(&write).await)
    }

    async fn delete_pod(&self, workflow: &str, number: u64, life: &Life) -> Result<(), Failure> {
        let prefix = format!("core/pods/{NAMESPACE}/");
        let pods = life.store.list(&prefix).0;
        let pods = pods
            .iter()
            .filter_map(|entry| serde_json::from_slice::<Value>(&entry.value).ok());
        let open: Vec<Value> = pods
            .filter(|pod| pod["metadata"]["labels"][LABEL_WORKFLOW] == workflow)
            .filter(|pod| !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")))
            .collect();
        let place = usize::try_from(number).unwrap_or(0) % open.len().max(1);
        let Some(pod) = open.get(place) else { return Ok(()) };
        self.ledger.touch(workflow);
        let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
        let key = ObjectKey::new(NAMESPACE, name(pod));
        passed(life.people.write(&Write::delete(PODS, key, uid)).await)
    }

    /// Once nothing more happens by itself: what is open must wait for others, and is ended.
    pub(crate) async fn terminate_what_waits(&mut self, life: &mut Life) -> Option<End> {
        let objects = objects(life);
        let open = self.observer.hydrated(open(&objects).cloned().collect());
        for workflow in &open {
            self.ledger.touch(name(workflow));
            if let Some(text) = check::why_stuck(workflow, &objects, &self.ledger) {
                self.problems.push(Promise::Ends.broken(text));
            }
        }
        for workflow in open.iter().map(name) {
            let patch = json!({"spec": {"suspend": null, "shutdown": "Terminate"}});
            let write = Write::merge(WORKFLOWS, ObjectKey::new(NAMESPACE, workflow), patch);
            let _ = life.people.write(&write).await;
        }
        self.go_on(Stage::Terminating, life)
    }

    /// Once everything has ended: keeps the ends, and deletes all.
    pub(crate) async fn clear(&mut self, life: &mut Life) -> Option<End> {
        let objects = objects(life);
        for workflow in open(&objects) {
            let text = format!("{} does not end, though it was terminated", name(workflow));
            self.problems.push(Promise::Ends.broken(text));
        }
        let held = self.observer.held();
        if !held.is_empty() {
            let text = format!("held although nothing more happens: {}", held.join(", "));
            self.problems.push(Promise::Leaks.broken(text));
        }
        let workflows = objects.into_iter().filter(|object| object["kind"] == "Workflow");
        self.finals = self.observer.hydrated(workflows.collect());
        self.acknowledged.clear();
        let names: Vec<String> = self.finals.iter().map(|w| name(w).to_owned()).collect();
        for workflow in names {
            let _ = self.delete(&workflow, life).await;
        }
        self.go_on(Stage::Clearing, life)
    }

    fn go_on(&mut self, stage: Stage, life: &mut Life) -> Option<End> {
        life.last_event = life.course.passed();
        self.stage = stage;
        None
    }
}

/// All objects that the store holds.
fn objects(life: &Life) -> Vec<Value> {
    let entries = life.store.list("").0;
    let read = |entry: &store::Entry| serde_json::from_slice(&entry.value).ok();
    entries.iter().filter_map(read).collect()
}

/// The Workflows that are not over.
fn open(objects: &[Value]) -> impl Iterator<Item = &Value> {
    let workflows = objects.iter().filter(|object| object["kind"] == "Workflow");
    workflows.filter(|workflow| workflow["metadata"]["labels"][workflow::contract::LABEL_COMPLETED] != "true")
}

fn partition(life: &Life, user: &str, for_ms: u64) {
    life.api.faults.cut_off(user);
    let (faults, user) = (life.api.faults.clone(), user.to_owned());
    after(for_ms, move || faults.reconnect(&user));
}

/// Does something after a while of this life.
fn after(ms: u64, then: impl FnOnce() + Send + 'static) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        then();
    });
}

/// People do not mind what is gone, or cannot be changed any more; what is unavailable they ask for again.
fn passed<T>(answer: Result<T, Failure>) -> Result<(), Failure> {
    match answer {
        Err(failure @ Failure::Unavailable(_)) => Err(failure),
        _ => Ok(()),
    }
}
