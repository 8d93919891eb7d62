//! The control plane dies at every named place, those that a short pipeline on the real platform does not come
//! to among them, and keeps every promise.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use serde_json::json;
use world::{Action, Disk, Machine, Options, Script, Timed, run};

/// Reached only by workflows whose status is large, when the store opens, before a script's actions begin, or
/// after more than a short script writes.
const NOT_REACHED: [&str; 4] = [
    "workflow.chunk-created",
    "workflow.chunk-deleted",
    "store.segment",
    "store.truncate",
];

/// A workflow with a claim, more steps than the machine has room for, outputs, and pods deleted as they end.
fn workflow(name: &str) -> serde_json::Value {
    let step = |i: u32| json!({"name": format!("s{i}"), "template": "step"});
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
    "metadata": {"namespace": "default", "name": name},
    "spec": {"entrypoint": "all", "podGC": {"strategy": "OnPodCompletion"},
        "volumeClaimTemplates": [{"metadata": {"name": "room"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}],
        "templates": [
            {"name": "all", "steps": [(0..4).map(step).collect::<Vec<_>>()]},
            {"name": "step",
             "outputs": {"parameters": [{"name": "out", "valueFrom": {"path": "/tmp/out"}}]},
             "container": {"image": "step", "command": ["act"], "args": ["takes=3000"],
                           "resources": {"requests": {"cpu": "1"}}}},
        ]}})
}

/// Two workflows, one of which is deleted while it runs, on a disk that makes many snapshots.
fn script(point: &str) -> Script {
    let timed = |at, action| Timed { at, action };
    let offers = [("cpu", "1"), ("memory", "4Gi"), ("pods", "110")];
    Script {
        seed: 5,
        profile: "crashes".to_owned(),
        machines: vec![Machine {
            name: "m".to_owned(),
            offers: offers
                .map(|(name, amount)| (name.to_owned(), amount.to_owned()))
                .into(),
        }],
        disk: Disk {
            latency_ms: 3,
            snapshot_bytes: 16 << 10,
        },
        actions: vec![
            timed(
                100,
                Action::Crash {
                    point: point.to_owned(),
                    visit: 1,
                    away_ms: 500,
                },
            ),
            timed(100, Action::Submit(workflow("one"))),
            timed(100, Action::Submit(workflow("two"))),
            timed(1500, Action::Delete("two".to_owned())),
        ],
        ..Script::default()
    }
}

#[test]
fn every_place_is_survived() {
    let mut missed = Vec::new();
    for point in world::crash_points() {
        let trace = run(&script(point), Options::default());
        assert_eq!(trace.problems, [], "{point}");
        if trace.lives == 1 {
            missed.push(point);
        }
    }
    assert_eq!(missed, NOT_REACHED, "places that the script no longer comes to");
}
