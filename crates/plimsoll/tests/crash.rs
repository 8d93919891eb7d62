//! `kill -9` of the whole control plane at every named crash point while the digits pipeline runs: the next
//! `plimsoll up` finishes it, and every attempt started exactly once.
//!
//! The witness is a ledger outside the platform: `python3` of the pipeline's image is a script that appends the pod's name to
//! the ledger and syncs it before it becomes Python.

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;
use support::points::{at_once, crash_points};
use support::{User, json, repository, text};

/// The first visit of a point is at the platform's start or the workflow's; the others are in its middle.
const VISITS: [u32; 2] = [1, 7];
/// A later visit of the points that every write passes.
const LATER_VISIT: u32 = 60;
/// Points that are passed once or twice in all.
const RARE: [&str; 3] = ["store.segment", "workflow.object-written", "scheduler.reported"];

/// Points that only a workflow with more nodes than fit into it comes to, and once or twice.
const LARGE: [&str; 2] = ["workflow.chunk-created", "workflow.chunk-deleted"];

/// Places that a short pipeline does not come to; `crash_housekeeping` does.
const NOT_REACHED: [&str; 7] = [
    "node.claim-directory",
    "node.claim-volume",
    "node.claim-removed",
    "store.snapshot",
    "store.truncate",
    "collect.deleted",
    "node.delete",
];

/// A user whose image `python` writes the ledger.
struct Witness {
    user: User,
    ledger: PathBuf,
}

impl Witness {
    fn new() -> Self {
        let user = User::new();
        let programs = user.home().join("programs");
        std::fs::create_dir(&programs).expect("a new folder");
        let ledger = programs.join("ledger");
        std::fs::write(&ledger, "").expect("writable");
        let python = programs.join("python3");
        let script = format!(
            "#!/bin/sh\necho \"$HOSTNAME\" >> {ledger}\nsync {ledger}\nexec {python} \"$@\"\n",
            ledger = ledger.display(),
            python = real_python().display(),
        );
        std::fs::write(&python, script).expect("writable");
        std::fs::set_permissions(&python, PermissionsExt::from_mode(0o755)).expect("ours");
        user.file(
            "config.yaml",
            "images:\n  - image: \"python*\"\n    programs: programs\nnode:\n  pods: 6\n",
        );
        user.file("pipeline.yaml", &pipeline());
        user.file("large.yaml", &large());
        Self { user, ledger }
    }

    /// How often each pod's program was started.
    fn starts(&self) -> BTreeMap<String, usize> {
        let mut starts = BTreeMap::new();
        for pod in std::fs::read_to_string(&self.ledger).expect("readable").lines() {
            *starts.entry(pod.to_owned()).or_default() += 1;
        }
        starts
    }
}

fn real_python() -> PathBuf {
    let output = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output();
    PathBuf::from(text(&output.expect("Python 3 is there").stdout).trim())
}

/// The digits pipeline, with a claim and its pods deleted as they complete, so that more places are passed.
fn pipeline() -> String {
    let file = repository().join("examples/digits/pipeline.yaml");
    let manifest = std::fs::read_to_string(file).expect("the example is there");
    let collected = manifest.replacen(
        "  entrypoint: pipeline\n",
        "  entrypoint: pipeline\n  podGC: {strategy: OnPodCompletion}\n  volumeClaimTemplates:\n    \
         - {metadata: {name: room}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}\n",
        1,
    );
    assert_ne!(collected, manifest);
    collected
}

/// A fan-out whose steps have inputs so long that their nodes need chunks while it runs.
fn large() -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{generateName: large-}}\nspec:\n  \
         entrypoint: main\n  templates:\n  - name: main\n    steps:\n    - - {{name: each, template: step, withSequence: {{count: \"20\"}}, arguments: {{parameters: \
         [{{name: text, value: \"{{{{item}}}} {}\"}}]}}}}\n  - name: step\n    inputs: {{parameters: [{{name: text}}]}}\n    \
         container: {{image: python, command: [python3, -c, pass]}}\n",
        "x".repeat(8000)
    )
}

/// The manifest and what makes it a quick one.
const PIPELINE: [&str; 5] = ["pipeline.yaml", "-p", "epochs=1", "-p", "threshold=0.5"];

/// The manifest in which a point is reached, with its arguments.
fn manifest_for(point: &str) -> &'static [&'static str] {
    if LARGE.contains(&point) {
        &["large.yaml"]
    } else {
        &PIPELINE
    }
}

/// Kills at the `nth` visit of `point`, starts again, and expects the promise to hold. Whether the point was reached.
fn check(point: &str, nth: u32) -> bool {
    let manifest = manifest_for(point);
    let witness = Witness::new();
    let crash = format!("{point}:{nth}");
    let mut first = witness.user.command(&["run", "--config", "config.yaml"]);
    let first = first
        .args(manifest)
        .env("PLIMSOLL_CRASH_POINT", &crash)
        .output()
        .expect("the binary starts");
    let killed = first.status.code().is_none();
    assert!(
        killed || first.status.success(),
        "{crash}: {}",
        text(&first.stderr)
    );
    if killed {
        let workflow = finish(&witness.user, &crash, manifest);
        assert_eq!(witness.starts(), each_once(&workflow), "{crash}");
    }
    killed
}

/// The name of every pod of a workflow, which started once.
fn each_once(workflow: &Value) -> BTreeMap<String, usize> {
    let nodes = workflow["status"]["nodes"].as_object().expect("nodes");
    let pods = nodes.values().filter(|node| node["type"] == "Pod");
    let name = |node: &Value| {
        let id = node["id"].as_str().expect("an id");
        let (workflow, hash) = id.rsplit_once('-').expect("a name and a hash");
        let template = node["templateName"].as_str().expect("a template");
        (format!("{workflow}-{template}-{hash}"), 1)
    };
    pods.map(name).collect()
}

/// Takes the platform up again and waits for the workflow, submitting it if the crash came before that was acknowledged.
fn finish(user: &User, crash: &str, manifest: &[&str]) -> Value {
    let _up = user.up(&["--config", "config.yaml"], &[]);
    let mut workflows = names(user);
    if workflows.is_empty() {
        let submitted = user.run(&[&["submit"], manifest].concat());
        assert!(submitted.status.success(), "{crash}: {}", text(&submitted.stderr));
        workflows = names(user);
    }
    let [name] = workflows.as_slice() else {
        panic!("{crash}: {workflows:?}")
    };
    let waited = user.run(&["wait", name]);
    assert_eq!(waited.status.code(), Some(0), "{crash}: {}", text(&waited.stderr));
    let workflow = json(&user.run(&["get", name, "-o", "json"]));
    let status = &workflow["status"];
    assert_eq!(status["phase"], "Succeeded", "{crash}: {}", status["message"]);
    workflow
}

/// The workflows there are.
fn names(user: &User) -> Vec<String> {
    let listed = json(&user.run(&["list", "-o", "json"]));
    let items = listed["items"].as_array().cloned().unwrap_or_default();
    let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
}

/// The visits of a point at which the platform is killed.
fn visits(point: &'static str) -> impl Iterator<Item = (&'static str, u32)> {
    let often = !RARE.contains(&point) && (point.starts_with("store.") || point.starts_with("apiserver."));
    let rare = RARE.contains(&point) || LARGE.contains(&point);
    let first = VISITS.into_iter().take(if rare { 1 } else { 2 });
    first
        .chain(often.then_some(LATER_VISIT))
        .map(move |nth| (point, nth))
}

#[test]
fn every_crash_point_is_survived() {
    let points = crash_points().into_iter();
    let reached = points.filter(|point| !NOT_REACHED.contains(point));
    let visits: Vec<(&str, u32)> = reached.flat_map(visits).collect();
    let missed = Mutex::new(Vec::new());
    at_once(visits, |(point, nth)| {
        let reached = check(point, nth);
        eprintln!(
            "{point}:{nth}: {}",
            if reached { "survived" } else { "not reached" }
        );
        if !reached && nth == 1 {
            missed.lock().expect("nobody panics here").push(point);
        }
    });
    let missed = missed.into_inner().expect("nobody panicked");
    assert_eq!(missed, [""; 0], "places that the pipeline no longer comes to");
}

#[test]
fn every_place_in_the_sources_is_listed() {
    let mut listed = crash_points();
    listed.extend(spawner::CRASH_POINTS);
    listed.extend(artifacts::exec::CRASH_POINTS);
    listed.extend(cli::command::retry::CRASH_POINTS);
    listed.sort_unstable();
    let mut found = Vec::new();
    for room in std::fs::read_dir(repository().join("crates"))
        .expect("the crates are there")
        .flatten()
    {
        places(&room.path().join("src"), &mut found);
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, listed);
}

/// The names in `crash::point("...")` and `.at("...")` of the sources under `folder`.
fn places(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            places(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("sources are text");
            for call in ["crash::point(", ".at("] {
                let calls = source.split(call).skip(1);
                let named = calls.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
                found.extend(named.filter(|name| name.contains('.')).map(str::to_owned));
            }
        }
    }
}

#[test]
fn a_second_start_would_be_noticed() {
    let witness = Witness::new();
    std::fs::write(&witness.ledger, "a\nb\na\n").expect("writable");
    assert_eq!(witness.starts()["a"], 2);
}
