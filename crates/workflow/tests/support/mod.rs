//! A world for one workflow: an object store of one Workflow, and pods whose outcomes a script decides.
//!
//! After every batch of effects a second machine is rebuilt from what is stored and compared with the one
//! that saw the events: they must be in the same state.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a part of several tests, each of which uses some of it"
)]

mod locks;
pub mod normal;

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::Timestamp;
use meta::time::{SignedDuration, seconds};
use serde_json::{Value, json};
use workflow::Machine;
use workflow::contract::{Config, Effect, Event, Inputs, Library, PodView, TaskResult};
use workflow::locks::Desk;

/// How a pod ends.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Exit code of the main container.
    pub exit_code: i32,
    /// Reason of its termination.
    pub reason: String,
    /// Its termination message.
    pub message: String,
    /// The pod's own message: it failed as a pod.
    pub pod_message: String,
    /// What the executor reports.
    pub outputs: Option<Value>,
    /// What the executor says of itself.
    pub error: String,
    /// It runs until it is deleted.
    pub forever: bool,
    /// It never starts to run.
    pub pending: bool,
}

/// Decides how the pod of a node ends.
pub type Script = Box<dyn Fn(&str) -> Outcome>;

pub struct World {
    pub workflow: Value,
    pub chunks: BTreeMap<String, Value>,
    pub pods: BTreeMap<String, Value>,
    pub results: BTreeMap<String, Value>,
    pub library: Arc<Library>,
    pub config: Arc<Config>,
    pub now: Timestamp,
    pub script: Script,
    pub machine: Machine,
    pub wake: Option<Timestamp>,
    /// Events that are under way.
    pub queue: Vec<Event>,
    /// Pods created, in order, by node.
    pub created: Vec<String>,
    pub check_rebuild: bool,
    /// The locks of all workflows, of which there is one.
    pub desk: Desk,
    version: u64,
}

pub fn start_time() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

impl World {
    pub fn new(mut workflow: Value, library: Library, config: Config, script: Script) -> Self {
        workflow["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        workflow["metadata"]["uid"] = "UID".into();
        let (library, config) = (Arc::new(library), Arc::new(config));
        let now = start_time();
        let inputs = Inputs {
            workflow: serde_json::from_value(workflow.clone()).expect("a workflow"),
            chunks: vec![],
            pods: vec![],
            results: vec![],
            library: library.clone(),
            config: config.clone(),
        };
        let machine = Machine::rebuild(inputs, now);
        let mut world = Self {
            workflow,
            chunks: BTreeMap::new(),
            pods: BTreeMap::new(),
            results: BTreeMap::new(),
            library,
            config,
            now,
            script,
            machine,
            wake: None,
            queue: vec![],
            created: vec![],
            check_rebuild: true,
            desk: Desk::default(),
            version: 1,
        };
        world.carry_out();
        world
    }

    pub fn inputs(&self) -> Inputs {
        let pod = |p: &Value| serde_json::from_value(p.clone()).expect("a pod");
        let result = |r: &Value| serde_json::from_value(r.clone()).expect("a task result");
        let chunk = |c: &Value| serde_json::from_value(c.clone()).expect("a chunk");
        Inputs {
            workflow: serde_json::from_value(self.workflow.clone()).expect("a workflow"),
            chunks: self.chunks.values().map(chunk).collect(),
            pods: self.pods.values().map(pod).collect(),
            results: self.results.values().map(result).collect(),
            library: self.library.clone(),
            config: self.config.clone(),
        }
    }

    /// Does what the machine wants done.
    pub fn carry_out(&mut self) {
        for effect in self.machine.effects(self.now) {
            self.perform(effect);
        }
        if self.check_rebuild {
            self.compare();
        }
    }

    /// The machine that saw the events must be what one made from the stored objects would be.
    pub fn compare(&self) {
        if !self.queue.is_empty() {
            return; // stored objects are ahead of what the machine has seen
        }
        let rebuilt = Machine::rebuild(self.inputs(), self.now);
        if rebuilt.fingerprint() != self.machine.fingerprint() {
            let show = |m: &Machine| {
                let nodes: BTreeMap<_, _> = m
                    .nodes()
                    .map(|n| (n.name.clone(), serde_json::to_value(n).unwrap()))
                    .collect();
                json!({"status": m.status(), "nodes": nodes})
            };
            let (a, b) = (show(&self.machine), show(&rebuilt));
            let lines: Vec<String> = normal::value_differences("", &a, &b);
            panic!("incremental and rebuilt state differ:\n{}", lines.join("\n"));
        }
    }

    pub fn perform(&mut self, effect: Effect) {
        self.version += 1;
        match effect {
            Effect::CreatePod { name, manifest, .. } => self.create_pod(&name, *manifest),
            Effect::CreateChunk(chunk) => {
                let body: Value = serde_json::from_str(&chunk.body).expect("a chunk");
                let known = self.chunks.insert(chunk.name, body.clone());
                assert!(known.is_none_or(|known| known == body), "chunks are written once");
            }
            Effect::DeleteChunk { name } => {
                self.chunks.remove(&name);
            }
            Effect::PatchWorkflow(patch) => {
                assert_eq!(patch["metadata"]["uid"], self.workflow["metadata"]["uid"]);
                merge_patch(&mut self.workflow, &patch);
            }
            Effect::ReleasePod { name, .. } => {
                if let Some(pod) = self.pods.get_mut(&name) {
                    pod["metadata"]["finalizers"] = json!([]);
                    pod["metadata"]["labels"]["workflows.argoproj.io/completed"] = "true".into();
                    if pod["metadata"].get("deletionTimestamp").is_some() {
                        self.pods.remove(&name);
                    } else {
                        self.notify_pod(&name);
                    }
                }
            }
            Effect::DeletePod { name, .. } => {
                if let Some(pod) = self.pods.get_mut(&name) {
                    pod["metadata"]["deletionTimestamp"] = seconds(self.now).into();
                    let running = pod["status"]["phase"] == "Running" || pod["status"]["phase"] == "Pending";
                    if running {
                        let killed = Outcome {
                            exit_code: 143,
                            ..Outcome::default()
                        };
                        let containers = pod["spec"]["containers"].as_array().unwrap();
                        let names = containers.iter().map(|c| c["name"].as_str().unwrap().to_owned());
                        let killed: Vec<_> = names.map(|name| (name, killed.clone())).collect();
                        pod["status"] = all_terminated(self.now, &killed);
                    }
                    self.notify_pod(&name);
                }
            }
            Effect::DeleteTaskResult { name } => {
                self.results.remove(&name);
            }
            Effect::WakeAt(at) => self.wake = Some(at),
            Effect::AskLocks(ask) => self.ask_locks(&ask),
            Effect::ReleaseLocks { holder } => self.release_locks(&holder),
            Effect::KeepEntry {
                config_map,
                key,
                entry,
            } => self.keep_entry(config_map, key, entry),
            Effect::CreateObject(_) | Effect::DeleteObject { .. } | Effect::EmitEvent { .. } => {}
            Effect::Rebuild => panic!("asked to rebuild"),
        }
    }

    fn keep_entry(&mut self, config_map: String, key: String, entry: String) {
        let library = Arc::make_mut(&mut self.library);
        let map = Arc::make_mut(library.config_maps.entry(config_map).or_default());
        (map.kind, _) = ("Cache".to_owned(), map.data.insert(key, entry));
        self.queue.push(Event::Library(self.library.clone()));
    }

    fn create_pod(&mut self, name: &str, mut pod: Value) {
        if self.pods.contains_key(name) {
            return;
        }
        pod["metadata"]["uid"] = format!("uid-{name}").into();
        pod["metadata"]["resourceVersion"] = self.version.to_string().into();
        pod["status"] = json!({"phase": "Pending"});
        let node = &pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"];
        self.created.push(node.as_str().unwrap().to_owned());
        self.pods.insert(name.to_owned(), pod);
        self.notify_pod(name);
    }

    pub fn notify_pod(&mut self, name: &str) {
        let view: PodView = serde_json::from_value(self.pods[name].clone()).expect("a pod");
        self.queue.push(Event::Pod(view.into()));
    }

    /// Hands over one event, then does what follows.
    pub fn deliver(&mut self, at: usize) {
        let event = self.queue.remove(at);
        self.machine.observe(event, self.now);
        self.carry_out();
    }

    /// Moves some pod on by one state; answers false if none can move.
    pub fn advance(&mut self, mut pick: impl FnMut(usize) -> usize) -> bool {
        let movable: Vec<String> = self
            .pods
            .keys()
            .filter(|name| self.can_move(name))
            .cloned()
            .collect();
        if movable.is_empty() {
            return false;
        }
        let name = movable[pick(movable.len())].clone();
        self.now = self.now.checked_add(SignedDuration::from_secs(1)).unwrap();
        let outcome = (self.script)(
            self.pods[&name]["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
                .as_str()
                .unwrap(),
        );
        if self.pods[&name]["status"]["phase"] == "Pending" {
            self.run_pod(&name);
        } else {
            self.end_pod(&name, &outcome);
        }
        true
    }

    fn can_move(&self, name: &str) -> bool {
        let pod = &self.pods[name];
        let outcome = (self.script)(
            pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
                .as_str()
                .unwrap(),
        );
        match pod["status"]["phase"].as_str() {
            Some("Pending") => !outcome.pending,
            Some("Running") => !outcome.forever,
            _ => false,
        }
    }

    fn run_pod(&mut self, name: &str) {
        let now = seconds(self.now);
        let pod = self.pods.get_mut(name).unwrap();
        pod["spec"]["nodeName"] = "machine".into();
        let names: Vec<String> = pod["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .collect();
        let statuses: Vec<Value> = names
            .iter()
            .map(|n| json!({"name": n, "ready": true, "restartCount": 0, "state": {"running": {"startedAt": now}}}))
            .collect();
        pod["status"] = json!({"phase": "Running", "podIP": "10.0.0.1", "containerStatuses": statuses});
        self.notify_pod(name);
    }

    fn end_pod(&mut self, name: &str, outcome: &Outcome) {
        let pod = self.pods.get_mut(name).unwrap();
        let id = pod["metadata"]["annotations"]["workflows.argoproj.io/node-id"]
            .as_str()
            .unwrap()
            .to_owned();
        let exec = pod["metadata"]["annotations"]["plimsoll.dev/exec"] == "true";
        let node = pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"]
            .as_str()
            .unwrap();
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let of = |name: &str| match name {
            "main" if containers.len() == 1 => outcome.clone(),
            name => (self.script)(&format!("{node}.{name}")),
        };
        let outcomes: Vec<(String, Outcome)> = containers
            .iter()
            .map(|c| c["name"].as_str().unwrap().to_owned())
            .map(|name| (name.clone(), of(&name)))
            .collect();
        pod["status"] = all_terminated(self.now, &outcomes);
        if !outcome.pod_message.is_empty() {
            pod["status"]["phase"] = "Failed".into();
            pod["status"]["message"] = outcome.pod_message.clone().into();
        }
        if exec {
            let result = json!({
                "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult",
                "metadata": {"name": id, "labels": {"workflows.argoproj.io/report-outputs-completed": "true"}},
                "outputs": outcome.outputs.clone().unwrap_or_else(|| json!({})),
                "phase": if outcome.error.is_empty() { "" } else { "Error" },
                "message": outcome.error,
            });
            let view: TaskResult = serde_json::from_value(result.clone()).expect("a task result");
            self.results.insert(id, result);
            self.queue.push(Event::TaskResult(view));
        }
        self.notify_pod(name);
    }

    /// Runs until nothing moves any more.
    pub fn run(&mut self) {
        for _ in 0..100_000 {
            if !self.queue.is_empty() {
                self.deliver(0);
            } else if self.advance(|_| 0) {
            } else if !self.sleep() {
                return;
            }
        }
        panic!("the workflow does not come to an end");
    }

    /// Runs to the end without keeping the stored Workflow up to date: only the machine's own cost counts.
    pub fn fast(&mut self) {
        let mut rounds = 0;
        self.queue.clear();
        let seen = std::mem::take(&mut self.pods);
        let mut pods: Vec<PodView> = seen
            .into_values()
            .map(|p| serde_json::from_value(p).unwrap())
            .collect();
        while !self.machine.is_done() {
            rounds += 1;
            assert!(rounds < 20_000, "no end: {:?}", self.machine.report());
            for effect in self.machine.effects(self.now) {
                match effect {
                    Effect::CreatePod { node, name, .. } => pods.push(PodView {
                        uid: name.clone(),
                        name,
                        node_id: node,
                        held: true,
                        ..PodView::default()
                    }),
                    Effect::PatchWorkflow(patch) if patch["status"]["phase"].is_string() => {
                        self.workflow["status"]["phase"] = patch["status"]["phase"].clone();
                    }
                    Effect::ReleasePod { name, uid } => self.queue.push(Event::PodGone { name, uid }),
                    _ => {}
                }
            }
            for pod in pods.drain(..) {
                for phase in ["Pending", "Running", "Succeeded"] {
                    let pod = PodView {
                        phase: phase.into(),
                        host: "machine".into(),
                        ..pod.clone()
                    };
                    self.machine.observe(Event::Pod(pod.into()), self.now);
                }
            }
            for event in std::mem::take(&mut self.queue) {
                self.machine.observe(event, self.now);
            }
        }
    }

    /// Goes forward to the next time that the machine waits for.
    pub fn sleep(&mut self) -> bool {
        let Some(at) = self.wake.take() else { return false };
        if workflow_over(&self.workflow) {
            return false;
        }
        self.now = self.now.max(at);
        self.machine.observe(Event::Time, self.now);
        self.carry_out();
        true
    }

    pub fn phase(&self) -> &str {
        self.workflow["status"]["phase"].as_str().unwrap_or_default()
    }
}

fn workflow_over(workflow: &Value) -> bool {
    matches!(
        workflow["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed" | "Error")
    )
}

fn terminated(now: Timestamp, name: &str, exit_code: i32, reason: &str, message: &str) -> Value {
    let reason = if reason.is_empty() {
        if exit_code == 0 { "Completed" } else { "Error" }
    } else {
        reason
    };
    json!({"name": name, "ready": false, "restartCount": 0, "state": {"terminated": {
        "exitCode": exit_code, "reason": reason, "message": message, "finishedAt": seconds(now),
    }}})
}

/// The status of a pod whose containers ended so.
fn all_terminated(now: Timestamp, outcomes: &[(String, Outcome)]) -> Value {
    let one = |(name, o): &(String, Outcome)| terminated(now, name, o.exit_code, &o.reason, &o.message);
    let well = outcomes.iter().all(|(_, o)| o.exit_code == 0);
    json!({
        "phase": if well { "Succeeded" } else { "Failed" },
        "containerStatuses": outcomes.iter().map(one).collect::<Vec<_>>(),
    })
}

pub fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in patch {
        let object = target.as_object_mut().unwrap();
        if value.is_null() {
            object.remove(field);
        } else {
            merge_patch(object.entry(field.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The documents of a YAML text, as JSON.
pub fn documents(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|error| {
        eprintln!("not read: {error}");
        Vec::new()
    });
    documents.into_iter().filter(|d| !d.is_null()).collect()
}

/// Everything among documents that workflows refer to.
pub fn library(documents: &[Value]) -> Library {
    let mut library = Library::default();
    for document in documents {
        let name = document["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let spec = || Arc::new(serde_json::from_value(document["spec"].clone()).unwrap_or_default());
        match document["kind"].as_str() {
            Some("WorkflowTemplate") => drop(library.templates.insert(name, spec())),
            Some("ClusterWorkflowTemplate") => drop(library.cluster_templates.insert(name, spec())),
            Some("ConfigMap") => {
                let kind = document["metadata"]["labels"]["workflows.argoproj.io/configmap-type"].as_str();
                let map = workflow::contract::ConfigMap {
                    kind: kind.unwrap_or_default().to_owned(),
                    default_repository: String::new(),
                    data: serde_json::from_value(document["data"].clone()).unwrap_or_default(),
                };
                library.config_maps.insert(name, Arc::new(map));
            }
            _ => {}
        }
    }
    library
}
