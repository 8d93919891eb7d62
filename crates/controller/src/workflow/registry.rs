//! Who hears what: the objects of each workflow, and the mailbox of its driver.
//!
//! A workflow has a driver while there is something to do for it: it is not over, or a pod of it is still
//! held by our finalizer. Must not know what any of it means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::workflow::contract::{
    Config as MachineConfig, Event, LABEL_COMPLETED, LABEL_INSTANCE, LABEL_WORKFLOW, Library, PodView,
};
use ::workflow::locks::{Ask, Desk};
use meta::ObjectKey;
use tokio::sync::mpsc;

use crate::informer::Change;
use crate::kind::Projection;
use crate::metadata::Metadata;
use crate::projections::{ClusterWorkflowTemplate, ConfigMap, Pod, TaskResult, Workflow, WorkflowTemplate};
use crate::workflow::library::Shelves;
use crate::workflow::mailbox::{Letter, Mailbox};

/// The pods and task results that carry a workflow's label.
#[derive(Clone, Default)]
struct Members {
    pods: BTreeMap<String, Arc<Pod>>,
    results: BTreeMap<String, Arc<TaskResult>>,
}

#[derive(Default)]
struct Inner {
    drivers: BTreeMap<ObjectKey, Arc<Mailbox>>,
    members: BTreeMap<ObjectKey, Members>,
    shelves: Shelves,
    desk: Desk,
}

/// A driver to start.
pub(super) struct Assignment {
    pub(super) key: ObjectKey,
    pub(super) mailbox: Arc<Mailbox>,
}

/// Routes changes to drivers and asks for drivers where there is work.
pub(super) struct Registry {
    instance_id: Option<String>,
    inner: Mutex<Inner>,
    to_drive: mpsc::UnboundedSender<Assignment>,
}

/// A pod that is held by our finalizer.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) name: String,
    pub(super) uid: String,
}

impl Registry {
    /// A registry, and where it asks for drivers.
    pub(super) fn new(config: &MachineConfig) -> (Self, mpsc::UnboundedReceiver<Assignment>) {
        // One message per driver; there are never more drivers than workflows.
        let (to_drive, assignments) = mpsc::unbounded_channel();
        let registry = Self {
            instance_id: config.instance_id.clone(),
            inner: Mutex::new(Inner {
                shelves: Shelves::of_home(config.home.clone()),
                ..Inner::default()
            }),
            to_drive,
        };
        (registry, assignments)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn workflow_changed(&self, change: &Change<Workflow>) {
        let workflow = change.object();
        if !self.is_ours(&workflow.metadata) {
            return;
        }
        let key = workflow.key();
        let mut inner = self.inner();
        match change {
            Change::Applied(_) => {
                if !inner.drivers.contains_key(&key) {
                    // Nobody takes locks for it now: what is stored is what is held.
                    let held = if is_over(workflow) {
                        &[][..]
                    } else {
                        &workflow.view.held
                    };
                    reset_locks(&mut inner, &key, held);
                }
                let letter = Letter::Event {
                    workflow: workflow.uid().to_owned(),
                    event: Box::new(Event::Workflow(workflow.view.clone())),
                };
                self.post(&mut inner, &key, !is_over(workflow), letter);
            }
            Change::Deleted(_) => {
                reset_locks(&mut inner, &key, &[]);
                let holds = inner
                    .members
                    .get(&key)
                    .is_some_and(|m| m.pods.values().any(|p| p.view.held));
                self.post(&mut inner, &key, holds, Letter::Gone(workflow.uid().to_owned()));
            }
        }
    }

    pub(super) fn pod_changed(&self, change: &Change<Pod>) {
        let pod = change.object();
        // Pods of another controller's workflows carry the same labels and the same finalizer.
        let Some(key) = workflow_of(&pod.metadata).filter(|_| self.is_ours(&pod.metadata)) else {
            return;
        };
        let mut inner = self.inner();
        let members = inner.members.entry(key.clone()).or_default();
        let (event, holds) = match change {
            Change::Applied(_) => {
                members.pods.insert(pod.view.name.clone(), Arc::clone(pod));
                (Event::Pod(Arc::clone(&pod.view)), pod.view.held)
            }
            Change::Deleted(_) => {
                members.pods.remove(&pod.view.name);
                let PodView { name, uid, .. } = &*pod.view;
                let (name, uid) = (name.clone(), uid.clone());
                (Event::PodGone { name, uid }, false)
            }
        };
        let (workflow, event) = (owner(&pod.metadata).to_owned(), Box::new(event));
        self.post(&mut inner, &key, holds, Letter::Event { workflow, event });
        forget_if_empty(&mut inner, &key);
    }

    pub(super) fn result_changed(&self, change: &Change<TaskResult>) {
        let result = change.object();
        // Task results carry no instance id; that they have a workflow of ours is enough.
        let Some(key) = workflow_of(&result.metadata) else {
            return;
        };
        let mut inner = self.inner();
        let members = inner.members.entry(key.clone()).or_default();
        match change {
            Change::Applied(_) => {
                members.results.insert(result.key().name, Arc::clone(result));
                let letter = Letter::Event {
                    workflow: owner(&result.metadata).to_owned(),
                    event: Box::new(Event::TaskResult(result.view.clone())),
                };
                self.post(&mut inner, &key, false, letter);
            }
            Change::Deleted(_) => {
                members.results.remove(&result.key().name);
            }
        }
        forget_if_empty(&mut inner, &key);
    }

    pub(super) fn template_changed(&self, change: &Change<WorkflowTemplate>) {
        let key = change.object().key();
        let spec = applied(change).map(|template| Arc::clone(&template.spec));
        let mut inner = self.inner();
        inner.shelves.set_template(&key.namespace, &key.name, spec);
        tell_of_library(&inner, Some(&key.namespace));
    }

    pub(super) fn cluster_template_changed(&self, change: &Change<ClusterWorkflowTemplate>) {
        let spec = applied(change).map(|template| &template.spec);
        let mut inner = self.inner();
        inner
            .shelves
            .set_cluster_template(&change.object().key().name, spec);
        tell_of_library(&inner, None);
    }

    pub(super) fn config_map_changed(&self, change: &Change<ConfigMap>) {
        let key = change.object().key();
        let map = applied(change).map(|map| Arc::clone(&map.view));
        let mut inner = self.inner();
        if inner.shelves.set_config_map(&key.namespace, &key.name, map) {
            let all = inner.shelves.is_home(&key.namespace);
            tell_of_library(&inner, Some(key.namespace.as_str()).filter(|_| !all));
        }
    }

    /// The pods of the workflow of this name and uid.
    pub(super) fn pods(&self, key: &ObjectKey, uid: &str) -> Vec<Arc<PodView>> {
        let inner = self.inner();
        let pods = inner.members.get(key).into_iter().flat_map(|m| m.pods.values());
        pods.filter(|pod| owner(&pod.metadata) == uid)
            .map(|pod| Arc::clone(&pod.view))
            .collect()
    }

    /// The task results of the workflow of this name and uid.
    pub(super) fn results(&self, key: &ObjectKey, uid: &str) -> Vec<::workflow::contract::TaskResult> {
        let inner = self.inner();
        let results = inner
            .members
            .get(key)
            .into_iter()
            .flat_map(|m| m.results.values());
        // Executors need not name an owner; the label they must set.
        let of_it = results.filter(|result| [uid, ""].contains(&owner(&result.metadata)));
        of_it.map(|result| result.view.clone()).collect()
    }

    /// The uid of a task result.
    pub(super) fn result_uid(&self, key: &ObjectKey, name: &str) -> Option<String> {
        let inner = self.inner();
        Some(inner.members.get(key)?.results.get(name)?.uid().to_owned())
    }

    /// The pods under this workflow's name that our finalizer still holds, but for those of `except`.
    pub(super) fn held(&self, key: &ObjectKey, except: Option<&str>) -> Vec<Held> {
        let inner = self.inner();
        let pods = inner.members.get(key).into_iter().flat_map(|m| m.pods.values());
        let held = pods.filter(|pod| pod.view.held && Some(owner(&pod.metadata)) != except);
        held.map(|pod| Held {
            name: pod.view.name.clone(),
            uid: pod.view.uid.clone(),
        })
        .collect()
    }

    /// Asks the desk for locks; the answer is for the one who asks, others are told to ask again.
    pub(super) fn ask_locks(&self, ask: Ask) -> Event {
        let mut inner = self.inner();
        let Inner { desk, shelves, .. } = &mut *inner;
        let (answer, wake) = desk.ask(&ask, &|name| shelves.size(name));
        tell_of_locks(&inner, &wake);
        let holder = ask.holder;
        Event::Lock { holder, answer }
    }

    /// Gives back what a holder has.
    pub(super) fn release_locks(&self, holder: &str) {
        let mut inner = self.inner();
        let wake = inner.desk.release(holder);
        tell_of_locks(&inner, &wake);
    }

    /// A new machine begins with what is stored: so does what the desk knows of its workflow.
    pub(super) fn reset_locks(&self, key: &ObjectKey, held: &[(String, String)]) {
        reset_locks(&mut self.inner(), key, held);
    }

    /// What workflows of a namespace may refer to.
    pub(super) fn library(&self, namespace: &str) -> Arc<Library> {
        self.inner().shelves.library(namespace)
    }

    /// Ends a driver's employment, unless letters came meanwhile.
    pub(super) fn retire(&self, key: &ObjectKey, mailbox: &Mailbox) -> bool {
        let mut inner = self.inner();
        let retires = mailbox.is_empty();
        if retires {
            inner.drivers.remove(key);
        }
        retires
    }

    /// Posts a letter; if there is no driver, asks for one if there is work.
    fn post(&self, inner: &mut Inner, key: &ObjectKey, work: bool, letter: Letter) {
        if let Some(mailbox) = inner.drivers.get(key) {
            mailbox.put(letter);
        } else if work {
            let mailbox = Arc::new(Mailbox::default());
            inner.drivers.insert(key.clone(), Arc::clone(&mailbox));
            let assignment = Assignment {
                key: key.clone(),
                mailbox,
            };
            // Nobody listens only while the controller is ending.
            let _ = self.to_drive.send(assignment);
        }
    }

    fn is_ours(&self, metadata: &Metadata) -> bool {
        metadata.label(LABEL_INSTANCE) == self.instance_id.as_deref()
    }
}

fn workflow_of(metadata: &Metadata) -> Option<ObjectKey> {
    Some(ObjectKey::new(
        &metadata.namespace,
        metadata.label(LABEL_WORKFLOW)?,
    ))
}

fn applied<P>(change: &Change<P>) -> Option<&Arc<P>> {
    match change {
        Change::Applied(object) => Some(object),
        Change::Deleted(_) => None,
    }
}

/// The uid of the Workflow that owns an object, empty if none does.
fn owner(metadata: &Metadata) -> &str {
    let mut owners = metadata.owners.iter();
    owners
        .find(|o| o.kind == "Workflow")
        .map_or("", |o| o.uid.as_str())
}

fn is_over(workflow: &Workflow) -> bool {
    let completed = workflow.metadata.label(LABEL_COMPLETED) == Some("true");
    completed && matches!(workflow.view.phase.as_str(), "Succeeded" | "Failed" | "Error")
}

fn reset_locks(inner: &mut Inner, key: &ObjectKey, held: &[(String, String)]) {
    let wake = inner.desk.reset(&lock_key(key), held);
    tell_of_locks(inner, &wake);
}

/// A workflow as the desk names it.
fn lock_key(key: &ObjectKey) -> String {
    format!("{}/{}", key.namespace, key.name)
}

fn tell_of_locks(inner: &Inner, wake: &BTreeSet<String>) {
    let waiting = inner
        .drivers
        .iter()
        .filter(|(key, _)| wake.contains(&lock_key(key)));
    for (_, mailbox) in waiting {
        mailbox.put(Letter::Event {
            workflow: String::new(),
            event: Box::new(Event::LocksFree),
        });
    }
}

fn tell_of_library(inner: &Inner, namespace: Option<&str>) {
    for (key, mailbox) in &inner.drivers {
        if namespace.is_none_or(|namespace| key.namespace == namespace) {
            mailbox.put(Letter::Event {
                workflow: String::new(),
                event: Box::new(Event::Library(inner.shelves.library(&key.namespace))),
            });
        }
    }
}

fn forget_if_empty(inner: &mut Inner, key: &ObjectKey) {
    let empty = |m: &Members| m.pods.is_empty() && m.results.is_empty();
    if inner.members.get(key).is_some_and(empty) {
        inner.members.remove(key);
    }
}
