//! Patches that may linger: progress that nothing else waits for is written with the next decision.
//!
//! That a pod was given a machine, or that it runs, changes a Workflow's status and no more. A short step
//! would have such patches written one after the other with the one that matters; so one that only shows
//! progress lingers for a moment, and goes with the next patch or alone. It may be lost with the process:
//! it follows from the pods.

use std::time::Duration;

use ::workflow::contract::Effect;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// How long progress lingers: shorter than anyone would notice in a live view.
const LINGER: Duration = Duration::from_millis(50);

/// The patch that lingers, if one does.
#[derive(Debug, Default)]
pub(super) struct Lingering {
    patch: Option<Value>,
    due: Option<Instant>,
}

impl Lingering {
    /// When it must go.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes what lingers, to be written now.
    pub(super) fn take(&mut self) -> Option<Effect> {
        self.due = None;
        self.patch
            .take()
            .map(|patch| Effect::PatchWorkflow(Box::new(patch)))
    }

    /// Keeps a batch that only shows progress, or gives what is to be done now, in order.
    pub(super) fn pass(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        if effects.iter().all(may_linger) {
            let (patches, others) = effects
                .into_iter()
                .partition(|e| matches!(e, Effect::PatchWorkflow(_)));
            let patches: Vec<Effect> = patches;
            for patch in patches {
                self.keep(patch);
            }
            return others;
        }
        let mut all = effects.into_iter();
        match (self.patch.is_some(), all.next()) {
            (true, Some(first @ Effect::PatchWorkflow(_))) => self.together(first).chain(all).collect(),
            (_, first) => self.take().into_iter().chain(first).chain(all).collect(),
        }
    }

    fn keep(&mut self, patch: Effect) {
        let Effect::PatchWorkflow(patch) = patch else {
            return;
        };
        let patch = match self.patch.take() {
            Some(mut kept) => {
                // Progress deletes nothing, so it always goes together.
                compose(&mut kept, *patch);
                kept
            }
            None => *patch,
        };
        self.patch = Some(patch);
        self.due.get_or_insert_with(|| Instant::now() + LINGER);
    }

    /// What lingers and a patch after it, as one.
    fn together(&mut self, patch: Effect) -> impl Iterator<Item = Effect> + use<> {
        let kept = self.take();
        let both = match (kept, patch) {
            (Some(Effect::PatchWorkflow(mut kept)), Effect::PatchWorkflow(patch)) => {
                compose(&mut kept, *patch);
                [None, Some(Effect::PatchWorkflow(kept))]
            }
            (kept, patch) => [kept, Some(patch)],
        };
        both.into_iter().flatten()
    }
}

/// Whether an effect waits for nobody and nobody for it.
fn may_linger(effect: &Effect) -> bool {
    match effect {
        Effect::PatchWorkflow(patch) => is_progress(patch),
        Effect::WakeAt(_) | Effect::EmitEvent { .. } => true,
        _ => false,
    }
}

/// Whether a patch only shows progress of nodes that go on: no metadata, no phase of the Workflow, no end
/// of a node, nothing deleted.
fn is_progress(patch: &Value) -> bool {
    let only = |value: &Value, fields: &[&str]| {
        value
            .as_object()
            .is_some_and(|map| map.keys().all(|key| fields.contains(&key.as_str())))
    };
    let goes_on = |node: &Value| {
        let phase = node.get("phase");
        node.is_object()
            && !has_null(node)
            && phase.is_none_or(|phase| phase == "Pending" || phase == "Running")
            && node.get("id").is_none()
    };
    let status = &patch["status"];
    only(patch, &["metadata", "status"])
        && only(&patch["metadata"], &["uid"])
        && only(status, &["nodes", "progress"])
        && status["nodes"]
            .as_object()
            .is_none_or(|nodes| nodes.values().all(goes_on))
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

/// Makes `first` the merge patch (RFC 7386) that does as `first` and then `second`. Exact where `first`
/// deletes nothing that `second` then makes as an object.
fn compose(first: &mut Value, second: Value) {
    match (first, second) {
        (Value::Object(first), Value::Object(second)) => {
            for (key, value) in second {
                compose(entry(first, key), value);
            }
        }
        (first, second) => *first = second,
    }
}

fn entry(map: &mut Map<String, Value>, key: String) -> &mut Value {
    // A fresh entry must not look like a deletion that `compose` would merge into.
    map.entry(key).or_insert(Value::Bool(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patch(status: &Value) -> Effect {
        Effect::PatchWorkflow(Box::new(json!({"metadata": {"uid": "u"}, "status": status})))
    }

    fn release() -> Effect {
        Effect::ReleasePod {
            name: "p".into(),
            uid: "u".into(),
        }
    }

    fn placed() -> Effect {
        patch(&json!({"nodes": {"a": {"hostNodeName": "m"}}}))
    }

    #[tokio::test(start_paused = true)]
    async fn progress_lingers_and_goes_with_the_next_decision() {
        let mut lingering = Lingering::default();
        assert_eq!(lingering.pass(vec![placed()]), []);
        assert_eq!(
            lingering.pass(vec![patch(&json!({"nodes": {"a": {"phase": "Running"}}}))]),
            []
        );
        assert!(lingering.due().is_some());
        let end = patch(&json!({"nodes": {"a": {"phase": "Succeeded"}}}));
        let both = patch(&json!({"nodes": {"a": {"hostNodeName": "m", "phase": "Succeeded"}}}));
        assert_eq!(lingering.pass(vec![end, release()]), [both, release()]);
        assert!(lingering.due().is_none() && lingering.take().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_begin_with_a_patch_comes_after_what_lingers() {
        let mut lingering = Lingering::default();
        assert_eq!(lingering.pass(vec![placed()]), []);
        assert_eq!(lingering.pass(vec![release()]), [placed(), release()]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_people_or_pods_wait_for_does_not_linger() {
        for status in [
            json!({"phase": "Running"}),
            json!({"nodes": {"a": {"phase": "Failed"}}}),
            json!({"nodes": {"a": {"id": "a", "phase": "Pending"}}}),
            json!({"nodes": {"a": {"message": null}}}),
        ] {
            let effects = vec![patch(&status)];
            assert_eq!(Lingering::default().pass(effects.clone()), effects, "{status}");
        }
    }
}
