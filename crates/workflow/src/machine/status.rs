//! The patch of the Workflow: what changed in its nodes, in the rest of its status and in its metadata since the
//! last one.
//!
//! What is compared is small: nodes are noted as they change, and templates that were stored stay as they are.

use std::collections::BTreeMap;

use argo::{ObjectMeta, WorkflowSpec, WorkflowStatus};
use serde_json::{Map, Value, json};

use super::Machine;
use super::diff::diff;
use crate::layout::{ChunkObject, OBJECT_MAX};

/// The status as last written: without nodes, and without what is written once.
#[derive(Debug)]
pub(super) struct Record {
    status: WorkflowStatus,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    /// Whether `storedWorkflowTemplateSpec` is written.
    has_spec: bool,
    /// Bytes of the object beside its status.
    bytes: usize,
}

/// What is to be written.
#[derive(Debug)]
pub(super) struct Written {
    /// Chunks to create before the patch.
    pub(super) chunks: Vec<ChunkObject>,
    /// The merge patch of the Workflow.
    pub(super) patch: Option<Value>,
    /// Numbers of chunks to delete after the patch.
    pub(super) dropped: Vec<u32>,
}

impl Record {
    /// What is stored. The status has no nodes any more.
    pub(super) fn of(metadata: &ObjectMeta, spec: &WorkflowSpec, status: &WorkflowStatus) -> Self {
        let bytes = |value: Result<String, serde_json::Error>| value.map_or(0, |text| text.len());
        Self {
            labels: metadata.labels.clone(),
            annotations: metadata.annotations.clone(),
            has_spec: status.stored_workflow_template_spec.is_some(),
            bytes: bytes(serde_json::to_string(metadata)) + bytes(serde_json::to_string(spec)),
            status: WorkflowStatus {
                stored_templates: BTreeMap::new(),
                stored_workflow_template_spec: None,
                ..status.clone()
            },
        }
    }
}

impl Machine {
    /// Everything that changed since the last call, to be written.
    pub(super) fn write(&mut self) -> Written {
        let mut status = self.status_changes();
        let room = self.over().then(|| self.room_for_nodes());
        let nodes = self.ledger.write(&mut self.nodes, &self.meta, room);
        status.extend(nodes.status);
        let mut metadata = self.metadata_changes();
        let nothing = status.is_empty() && metadata.is_empty();
        metadata.insert("uid".to_owned(), self.meta.uid.clone().into());
        Written {
            chunks: nodes.chunks,
            patch: (!nothing).then(|| json!({ "metadata": metadata, "status": status })),
            dropped: nodes.dropped,
        }
    }

    /// The bytes that nodes may take where Argo looks for them.
    fn room_for_nodes(&self) -> usize {
        let status = serde_json::to_string(&self.status).map_or(0, |text| text.len());
        OBJECT_MAX.saturating_sub(self.record.bytes + status)
    }

    /// The changes of the status, but for its nodes.
    fn status_changes(&mut self) -> Map<String, Value> {
        // What is written once is not compared.
        let templates = std::mem::take(&mut self.status.stored_templates);
        let spec = self.status.stored_workflow_template_spec.take();
        let mut changes = Map::new();
        if self.status != self.record.status {
            let json = |status: &WorkflowStatus| serde_json::to_value(status).unwrap_or_default();
            if let Some(Value::Object(changed)) = diff(&json(&self.record.status), &json(&self.status)) {
                changes = changed;
            }
            self.record.status.clone_from(&self.status);
        }
        self.status.stored_templates = templates;
        self.status.stored_workflow_template_spec = spec;
        self.once(&mut changes);
        changes
    }

    /// What is written once: templates of others, as they were found.
    fn once(&mut self, changes: &mut Map<String, Value>) {
        let mut stored = Map::new();
        for (key, template) in std::mem::take(&mut self.templates.newly_stored) {
            stored.insert(key.clone(), json!(*template));
            self.status.stored_templates.insert(key, (*template).clone());
        }
        if !stored.is_empty() {
            changes.insert("storedTemplates".to_owned(), stored.into());
        }
        if let Some(spec) = self
            .status
            .stored_workflow_template_spec
            .as_ref()
            .filter(|_| !self.record.has_spec)
        {
            changes.insert("storedWorkflowTemplateSpec".to_owned(), json!(spec));
            self.record.has_spec = true;
        }
    }

    fn metadata_changes(&mut self) -> Map<String, Value> {
        let mut changes = Map::new();
        let mut of = |field: &str, old: &mut BTreeMap<String, String>, new: &BTreeMap<String, String>| {
            if old != new {
                changes.extend(diff(&json!(old), &json!(new)).map(|changed| (field.to_owned(), changed)));
                old.clone_from(new);
            }
        };
        of("labels", &mut self.record.labels, &self.meta.labels);
        of(
            "annotations",
            &mut self.record.annotations,
            &self.meta.annotations,
        );
        changes
    }

    /// Whether something of the status or metadata changed that others wait for or that does not follow from
    /// pods.
    pub(super) fn has_decided(&self) -> bool {
        let (now, before) = (&self.status, &self.record.status);
        !self.templates.newly_stored.is_empty()
            || now.stored_workflow_template_spec.is_some() != self.record.has_spec
            || now.phase != before.phase
            || now.message != before.message
            || now.started_at != before.started_at
            || now.finished_at != before.finished_at
            || now.outputs != before.outputs
            || now.synchronization != before.synchronization
            || now.persistent_volume_claims != before.persistent_volume_claims
            || now.artifact_repository_ref != before.artifact_repository_ref
            || self.meta.labels != self.record.labels
            || self.meta.annotations != self.record.annotations
    }

    /// Whether the status shows another progress.
    pub(super) fn has_progressed(&self) -> bool {
        let (now, before) = (&self.status, &self.record.status);
        now.progress != before.progress || now.conditions != before.conditions
    }
}
