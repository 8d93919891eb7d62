//! The garbage collector's adaptor: deletes what workflows made, once its owners are gone: pods, task results,
//! status chunks and claims.
//!
//! Every object with owners is known here by its owners' uids. When an owner's deletion is seen, or an
//! object appears whose owner is not in sight, the object is looked at: its owners are asked for at the
//! API itself, since a view that lags must not cost anybody's objects; then [`workloads::collection`]
//! decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use meta::ObjectKey;
use serde::Deserialize;
use serde_json::{Value, json};
use workloads::collection::{Owner, Presence, Verdict, verdict};

use crate::context::Context;
use crate::executor::Failure;
use crate::informer::{Change, Informer};
use crate::kind::{Kind, Projection};
use crate::metadata::Metadata;
use crate::projections::{
    CLAIMS, CONFIG_MAPS, Claim, PODS, Pod, STATUS_CHUNKS, StatusChunk, TASK_RESULTS, TEMPLATES, TaskResult,
    WORKFLOWS, Workflow,
};
use crate::queue::{Next, Queue};
use crate::rules::{PolicyRule, WATCH, rule};
use crate::write::Write;

/// The places where a test may kill the process.
pub const CRASH_POINTS: [&str; 1] = ["collect.deleted"];

/// Objects looked at at the same time.
const AT_ONCE: usize = 16;

/// Kinds that may own what we collect. An owner of another kind is taken to be there.
const OWNERS: [Kind; 4] = [WORKFLOWS, PODS, CONFIG_MAPS, TEMPLATES];

/// The rights it needs.
pub fn rules() -> Vec<PolicyRule> {
    let dependents = [PODS, TASK_RESULTS, STATUS_CHUNKS, CLAIMS]
        .map(|kind| rule(kind, &["get", "list", "watch", "patch", "delete"]));
    let owners = [WORKFLOWS, CONFIG_MAPS, TEMPLATES].map(|kind| rule(kind, &WATCH));
    dependents.into_iter().chain(owners).collect()
}

/// An object that has owners.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dependent {
    kind: Kind,
    key: ObjectKey,
}

/// Who depends on whom, by the owner's uid.
#[derive(Default)]
struct Graph {
    dependents: Mutex<BTreeMap<String, BTreeSet<Dependent>>>,
}

impl Graph {
    fn with<T>(&self, use_it: impl FnOnce(&mut BTreeMap<String, BTreeSet<Dependent>>) -> T) -> T {
        use_it(&mut self.dependents.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, owner: &str, dependent: Dependent) {
        self.with(|all| all.entry(owner.to_owned()).or_default().insert(dependent));
    }

    fn remove(&self, owner: &str, dependent: &Dependent) {
        self.with(|all| {
            let Some(of_owner) = all.get_mut(owner) else {
                return;
            };
            of_owner.remove(dependent);
            if of_owner.is_empty() {
                all.remove(owner);
            }
        });
    }

    fn of(&self, owner: &str) -> Vec<Dependent> {
        self.with(|all| all.get(owner).into_iter().flatten().cloned().collect())
    }
}

/// Collects until shutdown.
pub async fn run(context: Context) {
    let collector = Arc::new(Collector {
        pods: context.informers.get(),
        results: context.informers.get(),
        chunks: context.informers.get(),
        claims: context.informers.get(),
        workflows: context.informers.get(),
        graph: Graph::default(),
        queue: Queue::default(),
        context: context.clone(),
    });
    let shutdown = context.shutdown.clone();
    let synced = async {
        collector.workflows.synced().await;
        collector.pods.synced().await;
        collector.results.synced().await;
        collector.chunks.synced().await;
        collector.claims.synced().await;
    };
    if shutdown.run_until_cancelled(synced).await.is_none() {
        return;
    }
    listen(&collector);
    let (queue, metrics) = (collector.queue.clone(), Arc::clone(context.metrics()));
    let work = move |dependent| Arc::clone(&collector).look_at(dependent).boxed();
    queue.run(AT_ONCE, shutdown, metrics, work).await;
}

fn listen(collector: &Arc<Collector>) {
    let at = Arc::clone(collector);
    collector.pods.subscribe(move |change| {
        at.dependent_changed(change);
        at.owner_changed(change);
    });
    collect_from(&collector.results, collector);
    collect_from(&collector.chunks, collector);
    collect_from(&collector.claims, collector);
    let at = Arc::clone(collector);
    collector
        .workflows
        .subscribe(move |change| at.owner_changed(change));
}

fn collect_from<P: Projection>(dependents: &Informer<P>, collector: &Arc<Collector>) {
    let at = Arc::clone(collector);
    dependents.subscribe(move |change| at.dependent_changed(change));
}

struct Collector {
    context: Context,
    workflows: Informer<Workflow>,
    pods: Informer<Pod>,
    results: Informer<TaskResult>,
    chunks: Informer<StatusChunk>,
    claims: Informer<Claim>,
    graph: Graph,
    queue: Queue<Dependent>,
}

impl Collector {
    fn dependent_changed<P: Projection>(&self, change: &Change<P>) {
        let object = change.object();
        let dependent = Dependent {
            kind: P::KIND,
            key: object.key(),
        };
        for owner in object.meta().owners.iter() {
            match change {
                Change::Deleted(_) => self.graph.remove(&owner.uid, &dependent),
                Change::Applied(_) => {
                    self.graph.add(&owner.uid, dependent.clone());
                    if !self.in_sight(&dependent, owner) {
                        self.queue.add(dependent.clone());
                    }
                }
            }
        }
    }

    fn owner_changed<P: Projection>(&self, change: &Change<P>) {
        if let Change::Deleted(owner) = change {
            for dependent in self.graph.of(owner.uid()) {
                self.queue.add(dependent);
            }
        }
    }

    /// Whether the owner is in our view, which is the usual case and costs nothing.
    fn in_sight(&self, dependent: &Dependent, owner: &Owner) -> bool {
        let key = ObjectKey::new(&dependent.key.namespace, &owner.name);
        owner.kind == WORKFLOWS.kind && self.workflows.get(&key).is_some_and(|w| w.uid() == owner.uid)
    }

    /// A dependent as last seen.
    fn metadata(&self, dependent: &Dependent) -> Option<Metadata> {
        let key = &dependent.key;
        match dependent.kind {
            PODS => self.pods.get(key).map(|pod| pod.metadata.clone()),
            STATUS_CHUNKS => self.chunks.get(key).map(|chunk| chunk.metadata.clone()),
            CLAIMS => self.claims.get(key).map(|claim| claim.metadata.clone()),
            _ => self.results.get(key).map(|result| result.metadata.clone()),
        }
    }

    async fn look_at(self: Arc<Self>, dependent: Dependent) -> Next {
        let Some(metadata) = self.metadata(&dependent) else {
            return Next::Done;
        };
        if metadata.deleting {
            return Next::Done;
        }
        let owners = &metadata.owners;
        let mut found = Vec::new();
        for owner in owners.iter() {
            match self.presence(&dependent.key.namespace, owner).await {
                Ok(presence) => found.push((owner, presence)),
                Err(_) => return Next::Failed,
            }
        }
        let uid = &metadata.uid;
        let write = match verdict(found) {
            Verdict::Keep => return Next::Done,
            Verdict::Collect => Write::delete(dependent.kind, dependent.key, uid).at("collect.deleted"),
            Verdict::Disown(gone) => {
                let version = Some(&*metadata.resource_version);
                Write::merge(dependent.kind, dependent.key, without(owners, &gone)).only(uid, version)
            }
        };
        self.act(&write).await
    }

    async fn act(&self, write: &Write) -> Next {
        match self.context.executor.write(write).await {
            Ok(_) => {
                self.context.metrics().collected.add(1);
                Next::Done
            }
            Err(Failure::NotFound(_)) => Next::Done,
            Err(failure) => {
                tracing::debug!(object = %write.key, %failure, "not collected yet");
                Next::Failed
            }
        }
    }

    /// Whether the owner is there, by the API's own word.
    async fn presence(&self, namespace: &str, owner: &Owner) -> Result<Presence, Failure> {
        #[derive(Deserialize)]
        struct Found {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            #[serde(default)]
            uid: String,
        }
        let same = |kind: &&Kind| kind.kind == owner.kind && kind.api_version() == owner.api_version;
        let Some(kind) = OWNERS.iter().find(same) else {
            return Ok(Presence::Present);
        };
        let key = ObjectKey::new(namespace, &owner.name);
        match self.context.executor.read::<Found>(*kind, &key).await {
            Ok(found) if found.metadata.uid == owner.uid => Ok(Presence::Present),
            Ok(_) | Err(Failure::NotFound(_)) => Ok(Presence::Absent),
            Err(failure) => Err(failure),
        }
    }
}

/// A patch that leaves the owners that are there. References carry only what identifies an owner and what
/// the API needs beside it.
fn without(owners: &[Owner], gone: &[String]) -> Value {
    let left: Vec<Value> = owners
        .iter()
        .filter(|owner| !gone.contains(&owner.uid))
        .map(|o| json!({"apiVersion": o.api_version, "kind": o.kind, "name": o.name, "uid": o.uid}))
        .collect();
    json!({"metadata": {"ownerReferences": left}})
}
