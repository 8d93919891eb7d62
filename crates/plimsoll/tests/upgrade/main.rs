//! What earlier versions have stored is gone on with: their data directories, with workflows under way, are kept here
//! from each release, as the control plane and the spawner left them when both were killed.
//!
//! At a release its own is added to those: `PLIMSOLL_RECORD=1 cargo test --package plimsoll --test upgrade`. What the
//! controller leaves on a cluster is beside it, and gone on with by the rig's tests.

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use support::{User, json, text};

/// Workflows in all the states that a store may hold them in.
const MANIFESTS: &str = include_str!("workflows.yaml");
/// Skipped steps of the workflow that is held: more nodes than one object takes while it goes on.
const BRANCHES: usize = 400;

/// The versions whose state is kept.
fn versions() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade");
    let entries = fs::read_dir(here).expect("this folder").flatten();
    let mut versions: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|p| p.is_dir()).collect();
    versions.sort();
    versions
}

/// The nodes of a workflow with this display name.
fn named<'a>(workflow: &'a Value, name: &str) -> Vec<&'a Value> {
    let nodes = workflow["status"]["nodes"].as_object().expect("it has nodes");
    nodes
        .values()
        .filter(|node| node["displayName"] == name)
        .collect()
}

fn get(user: &User, name: &str) -> Value {
    json(&user.run(&["get", name, "-o", "json"]))
}

/// Succeeds, or says why not.
#[track_caller]
fn run(user: &User, arguments: &[&str]) {
    let done = user.run(arguments);
    assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
}

/// The workflow once it is over.
fn ended(user: &User, name: &str) -> Value {
    let _ = user.run(&["wait", name]);
    let workflow = get(user, name);
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{name}: {:#}",
        workflow["status"]["message"]
    );
    workflow
}

#[test]
fn workflows_in_flight_go_on() {
    for version in versions() {
        let user = User::new();
        let packed = File::open(version.join("platform.tgz")).expect("a data directory");
        tar::Archive::new(GzDecoder::new(packed))
            .unpack(user.data_dir())
            .expect("unpacked");
        let _up = user.up(&[], &[]);
        assert_eq!(ended(&user, "over")["status"]["progress"], "1/1");
        chunks_and_outputs_are_known(&user);
        what_ran_is_an_error_and_is_tried_again(&user);
    }
}

/// A workflow that is suspended after steps with outputs and nodes enough for chunks.
fn chunks_and_outputs_are_known(user: &User) {
    let before = get(user, "held");
    assert_eq!(skipped(&before), BRANCHES, "what is in chunks is read");
    run(user, &["resume", "held"]);
    let after = ended(user, "held");
    assert_eq!(
        named(&before, "first"),
        named(&after, "first"),
        "what was over stays as it was"
    );
    assert_eq!(named(&after, "uses")[0]["phase"], "Succeeded");
    assert_eq!(skipped(&after), BRANCHES);
}

fn skipped(workflow: &Value) -> usize {
    let nodes = workflow["status"]["nodes"].as_object().expect("it has nodes");
    nodes.values().filter(|node| node["phase"] == "Skipped").count()
}

/// What became of a step that was running is not known: only its retryStrategy runs it again.
fn what_ran_is_an_error_and_is_tried_again(user: &User) {
    let ran = ended(user, "ran");
    let phase = |name: &str| {
        named(&ran, name)[0]["phase"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        (phase("ran(0)").as_str(), phase("ran(1)").as_str()),
        ("Error", "Succeeded")
    );
}

/// Writes the state of this version beside those of earlier ones.
#[test]
fn this_version_leaves_its_state() {
    if std::env::var_os("PLIMSOLL_RECORD").is_none() {
        return;
    }
    let user = User::new();
    user.file("workflows.yaml", MANIFESTS);
    let up = user.up(&[], &[]);
    run(&user, &["submit", "workflows.yaml"]);
    run(&user, &["wait", "over"]);
    until(&user, "held", |workflow| !named(workflow, "hold").is_empty());
    until(&user, "ran", |workflow| {
        named(workflow, "ran(0)")
            .iter()
            .any(|node| node["phase"] == "Running")
    });
    drop(up);
    user.kill_spawner();
    // Nobody listens at it any more.
    fs::remove_file(user.data_dir().join("node/spawner.sock")).expect("it was there");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/upgrade")
        .join(env!("CARGO_PKG_VERSION"));
    fs::create_dir_all(&folder).expect("made");
    let packed = File::create(folder.join("platform.tgz")).expect("made");
    let mut archive = tar::Builder::new(GzEncoder::new(packed, Compression::best()));
    for part in ["format", "store", "node"] {
        let path = user.data_dir().join(part);
        let added = if path.is_dir() {
            archive.append_dir_all(part, path)
        } else {
            archive.append_path_with_name(path, part)
        };
        added.expect("added");
    }
    archive.into_inner().and_then(GzEncoder::finish).expect("written");
}

/// Waits until a workflow is as told.
fn until(user: &User, name: &str, told: impl Fn(&Value) -> bool) {
    while !told(&get(user, name)) {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}
