//! How each effect of a machine is written to the API.
//!
//! Effects come in an order of which every prefix is safe. What records a decision, the patch of the
//! Workflow, waits for all before it and is waited for by all after it; the others between two patches
//! do not depend on each other and go together.

use std::sync::Arc;

use ::workflow::contract::{
    ANNOTATION_NODE_NAME, CONFIG_MAP_OF_ENTRIES, ChunkObject, Effect, Event, LABEL_COMPLETED,
    LABEL_CONFIG_MAP_TYPE, POD_FINALIZER, WorkflowView,
};
use futures::StreamExt;
use meta::ObjectKey;
use serde_json::{Value, json};

use crate::context::Context;
use crate::events::{About, Recorder, Saying};
use crate::executor::{Failure, Version};
use crate::informer::Informer;
use crate::kind::Kind;
use crate::projections::{
    CLAIMS, CONFIG_MAPS, PODS, Pod, STATUS_CHUNKS, TASK_RESULTS, TaskResult, WORKFLOWS, Workflow,
};
use crate::workflow::BUDGETS;
use crate::workflow::registry::Registry;
use crate::write::{Verb, Write};

/// Writes of one workflow under way at the same time.
const AT_ONCE: usize = 64;

/// Why a batch was not done to its end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The machine asked to be rebuilt, or the Workflow is not what it was.
    Rebuild,
    /// A write did not work.
    Failed(Failure),
    /// The writes of a batch were told, not done: what follows depends on what others do.
    Told,
}

pub(super) struct Performer {
    context: Context,
    registry: Arc<Registry>,
    recorder: Recorder,
    pods: Informer<Pod>,
    results: Informer<TaskResult>,
    workflows: Informer<Workflow>,
    key: ObjectKey,
    uid: String,
    /// The version of the Workflow that the machine knows. A patch applies to it alone: what another replica, or
    /// somebody else, wrote since is never written over unseen.
    version: Version,
}

impl Performer {
    pub(super) fn new(
        context: &Context,
        registry: &Arc<Registry>,
        recorder: &Recorder,
        key: &ObjectKey,
        uid: &str,
        version: &str,
    ) -> Self {
        Self {
            context: context.clone(),
            registry: Arc::clone(registry),
            recorder: recorder.clone(),
            pods: context.informers.get(),
            results: context.informers.get(),
            workflows: context.informers.get(),
            key: key.clone(),
            uid: uid.to_owned(),
            version: version.to_owned(),
        }
    }

    /// Does a batch; gives the events that tell the machine of refusals.
    pub(super) async fn perform(&mut self, effects: Vec<Effect>) -> Result<Vec<Event>, Trouble> {
        if self.context.executor.is_shadow() {
            return self.tell(effects).await;
        }
        let (mut together, mut refused) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::PatchWorkflow(patch) => {
                    refused.extend(self.go_together(std::mem::take(&mut together)).await?);
                    self.patch_workflow(*patch).await?;
                }
                Effect::Rebuild => {
                    self.go_together(together).await?;
                    return Err(Trouble::Rebuild);
                }
                other => together.push(other),
            }
        }
        refused.extend(self.go_together(together).await?);
        Ok(refused)
    }

    /// A shadow's batch: every write of it fails and is told, so that none keeps the others from being told.
    async fn tell(&mut self, effects: Vec<Effect>) -> Result<Vec<Event>, Trouble> {
        let (mut events, mut writes) = (Vec::new(), false);
        for effect in effects {
            match effect {
                Effect::AskLocks(_) | Effect::ReleaseLocks { .. } | Effect::WakeAt(_) => {
                    events.extend(self.one(effect).await.ok().flatten());
                    continue;
                }
                Effect::EmitEvent { .. } => continue,
                Effect::PatchWorkflow(patch) => drop(self.patch_workflow(*patch).await),
                other => drop(self.one(other).await),
            }
            writes = true;
        }
        if writes { Err(Trouble::Told) } else { Ok(events) }
    }

    async fn go_together(&self, effects: Vec<Effect>) -> Result<Vec<Event>, Trouble> {
        let done: Vec<Result<Option<Event>, Failure>> = futures::stream::iter(effects)
            .map(|effect| self.one(effect))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut refused = Vec::new();
        for result in done {
            refused.extend(result.map_err(Trouble::Failed)?);
        }
        Ok(refused)
    }

    async fn one(&self, effect: Effect) -> Result<Option<Event>, Failure> {
        match effect {
            Effect::CreatePod { node, name, manifest } => self.create_pod(node, &name, *manifest).await,
            Effect::DeletePod { name, uid, grace } => {
                self.gone(&self.delete_pod(&name, uid.as_deref(), grace)).await
            }
            Effect::ReleasePod { name, uid } => self.release_pod(&name, &uid).await,
            Effect::CreateChunk(chunk) => self.create_chunk(*chunk).await,
            Effect::DeleteChunk { name } => self.delete_chunk(&name).await,
            Effect::DeleteTaskResult { name } => self.delete_result(&name).await,
            Effect::CreateObject(manifest) => self.create_object(*manifest).await,
            Effect::KeepEntry {
                config_map,
                key,
                entry,
            } => self.keep_entry(&config_map, &key, &entry).await,
            Effect::DeleteObject { kind, name, .. } => self.delete_object(&kind, &name).await,
            Effect::EmitEvent {
                warning,
                reason,
                message,
            } => {
                self.say(warning, &reason, &message);
                Ok(None)
            }
            Effect::AskLocks(ask) => Ok(Some(self.registry.ask_locks(*ask))),
            Effect::ReleaseLocks { holder } => {
                self.registry.release_locks(&holder);
                Ok(None)
            }
            // The driver keeps the time; the others do not come here.
            Effect::WakeAt(_) | Effect::PatchWorkflow(_) | Effect::Rebuild => Ok(None),
        }
    }

    async fn patch_workflow(&mut self, patch: Value) -> Result<(), Trouble> {
        self.context.metrics().status_patches.add(1);
        let known = self.workflows.get(&self.key);
        let shows = known.is_none_or(|known| shows_in_view(&patch, &known.view));
        let write = Write::merge(WORKFLOWS, self.key.clone(), patch)
            .only(&self.uid, Some(&self.version))
            .at("workflow.patched");
        match self.context.executor.write_briefly(&write).await {
            Ok(version) => {
                if !shows {
                    self.workflows
                        .advance(&self.key, &self.uid, &self.version, |workflow| {
                            workflow.metadata.resource_version = version.as_str().into();
                            workflow.view.resource_version.clone_from(&version);
                        });
                }
                self.version = version;
                Ok(())
            }
            // Gone, another one of the same name, or changed by others: a fresh look tells.
            Err(Failure::NotFound(_) | Failure::Conflict(_)) => Err(Trouble::Rebuild),
            Err(failure) => Err(Trouble::Failed(failure)),
        }
    }

    async fn create_pod(&self, node: String, name: &str, manifest: Value) -> Result<Option<Event>, Failure> {
        let node_name = manifest
            .pointer("/metadata/annotations")
            .and_then(|a| a.get(ANNOTATION_NODE_NAME));
        let node_name = node_name.and_then(Value::as_str).unwrap_or_default().to_owned();
        let write = Write::create(PODS, self.of(name), manifest).at("workflow.pod-created");
        let ours = |pod: &Pod| pod.view.node_name == node_name && self.owns(pod);
        match self.context.executor.ensure(&write, ours).await {
            Ok(pod) => {
                self.context.metrics().pods_created.add(1);
                self.pods.merge(pod);
                Ok(None)
            }
            Err(failure) if is_final(&failure) => Ok(Some(Event::PodRefused {
                node,
                message: failure.message().to_owned(),
            })),
            Err(failure) => Err(failure),
        }
    }

    fn owns(&self, pod: &Pod) -> bool {
        let mut owners = pod.metadata.owners.iter();
        owners.any(|owner| owner.uid == self.uid)
    }

    fn delete_pod(&self, name: &str, uid: Option<&str>, grace: Option<i64>) -> Write {
        let mut write =
            Write::delete(PODS, self.of(name), uid.unwrap_or_default()).at("workflow.pod-deleted");
        if let Verb::Delete(options) = &mut write.verb {
            if uid.is_none() {
                options["preconditions"] = Value::Null;
            }
            if let Some(grace) = grace {
                options["gracePeriodSeconds"] = grace.into();
            }
        }
        write
    }

    /// Removes our finalizer, and only it: other finalizers of the pod are other people's.
    async fn release_pod(&self, name: &str, uid: &str) -> Result<Option<Event>, Failure> {
        let patch = json!({"metadata": {
            "$deleteFromPrimitiveList/finalizers": [POD_FINALIZER],
            "labels": {LABEL_COMPLETED: "true"},
        }});
        let write = Write::strategic(PODS, self.of(name), patch)
            .only(uid, None)
            .at("workflow.pod-released");
        match self.context.executor.write_as::<Pod>(&write).await {
            Ok(pod) => {
                self.pods.merge(pod);
                Ok(None)
            }
            Err(failure) => passed(failure),
        }
    }

    async fn delete_result(&self, name: &str) -> Result<Option<Event>, Failure> {
        let Some(uid) = self.registry.result_uid(&self.key, name) else {
            return Ok(None);
        };
        let key = self.of(name);
        let write = Write::delete(TASK_RESULTS, key.clone(), &uid).at("workflow.result-deleted");
        let gone = self.gone(&write).await?;
        // Nothing holds a task result, so it is gone now, whatever the watch has seen.
        self.results.merge_deleted(&key, &uid);
        Ok(gone)
    }

    /// Creates a chunk, or finds that it was created before: chunks are written once, so it holds the same.
    async fn create_chunk(&self, chunk: ChunkObject) -> Result<Option<Event>, Failure> {
        let ChunkObject { name, body, .. } = chunk;
        let write = Write::create_json(STATUS_CHUNKS, self.of(&name), body).at("workflow.chunk-created");
        match self.context.executor.write_briefly(&write).await {
            Err(Failure::AlreadyExists(message)) => {
                let there: Value = self.context.executor.read(STATUS_CHUNKS, &write.key).await?;
                let meant: Value = match &write.verb {
                    Verb::CreateJson(body) => serde_json::from_str(body).unwrap_or_default(),
                    _ => Value::Null,
                };
                if there["nodes"] == meant["nodes"] {
                    Ok(None)
                } else {
                    Err(Failure::AlreadyExists(message))
                }
            }
            answer => answer.map(|_| None),
        }
    }

    async fn delete_chunk(&self, name: &str) -> Result<Option<Event>, Failure> {
        let write = without_uid(Write::delete(STATUS_CHUNKS, self.of(name), "")).at("workflow.chunk-deleted");
        self.gone(&write).await
    }

    async fn create_object(&self, manifest: Value) -> Result<Option<Event>, Failure> {
        let text = |pointer: &str| {
            manifest
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (kind, name) = (kind_of(text("/kind"))?, text("/metadata/name").to_owned());
        let write = Write::create(kind, self.of(&name), manifest).at("workflow.object-written");
        match self.context.executor.write(&write).await {
            Ok(_) | Err(Failure::AlreadyExists(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn delete_object(&self, kind: &str, name: &str) -> Result<Option<Event>, Failure> {
        let write =
            without_uid(Write::delete(kind_of(kind)?, self.of(name), "")).at("workflow.object-written");
        self.gone(&write).await
    }

    /// Writes one key: entries of others in the same ConfigMap stay.
    async fn keep_entry(&self, config_map: &str, key: &str, entry: &str) -> Result<Option<Event>, Failure> {
        let patch = json!({ "data": { key: entry } });
        let write = Write::merge(CONFIG_MAPS, self.of(config_map), patch).at("workflow.object-written");
        let kept = match self.context.executor.write(&write).await {
            Err(Failure::NotFound(_)) => {
                let manifest = json!({
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": { "name": config_map, "labels": { LABEL_CONFIG_MAP_TYPE: CONFIG_MAP_OF_ENTRIES } },
                    "data": { key: entry },
                });
                let create =
                    Write::create(CONFIG_MAPS, self.of(config_map), manifest).at("workflow.object-written");
                match self.context.executor.write(&create).await {
                    // Somebody else made it meanwhile.
                    Err(Failure::AlreadyExists(_)) => self.context.executor.write(&write).await,
                    made => made,
                }
            }
            kept => kept,
        };
        match kept {
            Ok(_) => Ok(None),
            Err(Failure::Refused(_, why) | Failure::Forbidden(why) | Failure::NotFound(why)) => {
                let message = format!(
                    "error creating cache entry: {why}. Please check out this page for help: \
                     https://argo-workflows.readthedocs.io/en/latest/memoization/#faqs"
                );
                self.say(true, "WorkflowCacheEntryNotKept", &message);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn gone(&self, write: &Write) -> Result<Option<Event>, Failure> {
        match self.context.executor.write(write).await {
            Ok(_) => Ok(None),
            Err(failure) => passed(failure),
        }
    }

    fn say(&self, warning: bool, reason: &str, message: &str) {
        let said = Saying {
            warning,
            reason,
            message,
            component: "workflow-controller",
        };
        self.recorder
            .say(&About::new(WORKFLOWS, self.key.clone(), &self.uid), said);
    }

    fn of(&self, name: &str) -> ObjectKey {
        ObjectKey::new(&self.key.namespace, name)
    }
}

/// Whether a patch of ours changes what is read of a Workflow for others' changes to it, of which `known` is what was
/// read: nearly all of them add to its nodes only, and a large Workflow takes longer to read than anything else in a
/// step.
fn shows_in_view(patch: &Value, known: &WorkflowView) -> bool {
    let other = |part: &str, allowed: &[&str]| {
        let mut fields = patch[part].as_object().into_iter().flatten();
        fields.any(|(name, _)| !allowed.contains(&name.as_str()))
    };
    let status = ["nodes", "offloadNodeStatusVersion", "progress", "conditions"];
    other("metadata", &["uid"])
        || other("status", &status)
        || !patch["spec"].is_null()
        || shows_in_suspend_nodes(&patch["status"], known)
}

/// Whether a patch of a status has to do with a suspend node.
fn shows_in_suspend_nodes(status: &Value, known: &WorkflowView) -> bool {
    match status.get("nodes") {
        None => false,
        Some(Value::Object(nodes)) => nodes
            .iter()
            .any(|(id, node)| node["type"] == "Suspend" || known.suspend_nodes.contains_key(id)),
        Some(_) => !known.suspend_nodes.is_empty(),
    }
}

/// A deletion of whatever bears the name.
fn without_uid(mut deletion: Write) -> Write {
    if let Verb::Delete(options) = &mut deletion.verb {
        options["preconditions"] = Value::Null;
    }
    deletion
}

/// An object that is gone, or is another by now, is what was wanted; a conflict on a patch without a
/// version is that of another uid.
fn passed(failure: Failure) -> Result<Option<Event>, Failure> {
    match failure {
        Failure::NotFound(_) => Ok(None),
        failure => Err(failure),
    }
}

/// Whether a pod was refused for what it is. A quota may have room later.
fn is_final(failure: &Failure) -> bool {
    match failure {
        Failure::Forbidden(message) => !message.contains("exceeded quota"),
        Failure::AlreadyExists(_) | Failure::Refused(..) => true,
        _ => false,
    }
}

/// The kinds that a machine may create beside pods.
fn kind_of(name: &str) -> Result<Kind, Failure> {
    [CLAIMS, BUDGETS]
        .into_iter()
        .find(|kind| kind.kind == name)
        .ok_or_else(|| Failure::Refused(400, format!("workflows make no {name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The Workflow that is patched.
    fn workflow() -> Value {
        json!({
            "metadata": {"uid": "u"},
            "spec": {},
            "status": {"phase": "Running", "nodes": {"wait": {"type": "Suspend", "phase": "Running"}}},
        })
    }

    fn view(workflow: &Value) -> WorkflowView {
        serde_json::from_value(workflow.clone()).unwrap()
    }

    #[test]
    fn most_patches_of_ours_show_nothing_new() {
        let check = |patch: Value, shows| {
            let (before, mut after) = (workflow(), workflow());
            schema::patch::merge(&mut after, &patch);
            assert_eq!(view(&before) != view(&after), shows, "the view, by {patch}");
            assert_eq!(shows_in_view(&patch, &view(&before)), shows, "{patch}");
        };
        let of_nodes = |nodes: Value| json!({"metadata": {"uid": "u"}, "status": {"nodes": nodes}});
        check(
            json!({"metadata": {"uid": "u"}, "status": {"nodes": {"n": {}}, "progress": "1/2"}}),
            false,
        );
        check(of_nodes(json!({"n": {"type": "Pod", "phase": "Pending"}})), false);
        check(
            of_nodes(json!({"n": {"type": "Suspend", "phase": "Running"}})),
            true,
        );
        check(of_nodes(json!({"wait": {"phase": "Succeeded"}})), true);
        check(of_nodes(json!({"wait": null})), true);
        check(of_nodes(Value::Null), true);
        check(json!({"status": {"phase": "Failed"}}), true);
        check(json!({"spec": {"suspend": true}}), true);
    }
}
