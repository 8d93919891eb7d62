//! Manifests as people write them: read, validated, and run for a while if they are workflows.

use std::sync::Arc;

use meta::Timestamp;
use serde_json::{Value, json};
use workflow::Machine;
use workflow::contract::{Config, Effect, Event, Inputs, Library, PodView};
use workflow::validate::{Rules, validate};

/// How many pods are seen before it is enough.
const PODS: usize = 64;

/// YAML or JSON.
pub(crate) fn manifests(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(mut object) = serde_saphyr::from_str::<Value>(text) else {
        return;
    };
    let library = Library::default();
    for (whole, submit) in [(false, false), (true, true)] {
        let _ = validate(&object, &library, Rules { whole, submit });
    }
    if object["kind"] != "Workflow" || !object["metadata"].is_object() {
        return;
    }
    object["metadata"]["name"] = json!("wf");
    object["metadata"]["namespace"] = json!("default");
    object["metadata"]["uid"] = json!("uid");
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let Ok(workflow) = serde_json::from_value(object) else {
        return;
    };
    run(workflow);
}

/// Every pod that is wanted succeeds at once.
fn run(workflow: argo::Workflow) {
    let now = Timestamp::UNIX_EPOCH;
    let inputs = Inputs {
        workflow,
        chunks: Vec::new(),
        pods: Vec::new(),
        results: Vec::new(),
        library: Arc::new(Library::default()),
        config: Arc::new(Config::default()),
    };
    let mut machine = Machine::rebuild(inputs, now);
    let mut effects = machine.effects(now);
    for _ in 0..PODS {
        let created = effects.iter().find_map(|effect| match effect {
            Effect::CreatePod { manifest, .. } => succeeded(manifest),
            _ => None,
        });
        let Some(pod) = created else { break };
        effects.extend(machine.step(Event::Pod(Arc::new(pod)), now));
        effects.retain(|effect| matches!(effect, Effect::CreatePod { .. }));
        effects.remove(0);
    }
    let _ = (machine.report(), machine.fingerprint());
}

fn succeeded(manifest: &Value) -> Option<PodView> {
    let mut pod = manifest.clone();
    pod["metadata"]["uid"] = json!("pod");
    pod["metadata"]["resourceVersion"] = json!("1");
    pod["status"] = json!({"phase": "Succeeded"});
    serde_json::from_value(pod).ok()
}
