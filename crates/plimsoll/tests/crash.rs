//! `kill -9` of the whole control plane at every named crash point while the digits pipeline runs: the next
//! `plimsoll up` finishes it, and no attempt ran twice.
//!
//! The witness is a ledger outside the platform: `python3` of the pipeline's image is a script that appends the pod's name to
//! the ledger and syncs it before it becomes Python.

#![expect(clippy::print_stderr, reason = "says which points were reached")]

mod support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use support::{User, json, repository, text};

/// Every place of the control plane at which it may be killed.
fn crash_points() -> Vec<&'static str> {
    let rooms: [&[&str]; 5] = [
        &controller::workflow::CRASH_POINTS,
        &controller::scheduler::CRASH_POINTS,
        &store::CRASH_POINTS,
        &apiserver::CRASH_POINTS,
        &node::CRASH_POINTS,
    ];
    rooms.concat()
}

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
            "images:\n  - image: \"python*\"\n    programs: programs\n",
        );
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

fn pipeline() -> String {
    repository()
        .join("examples/digits/pipeline.yaml")
        .display()
        .to_string()
}

/// Kills at the `nth` visit of `point`, starts again, and expects the promise to hold.
fn check(point: &str, nth: u32) {
    let witness = Witness::new();
    let user = &witness.user;
    let config = user.home().join("config.yaml").display().to_string();
    let crash = format!("{point}:{nth}");
    let mut first = user.command(&["run", &pipeline(), "--config", &config, "-o", "json"]);
    let first = first
        .env("PLIMSOLL_CRASH_POINT", &crash)
        .output()
        .expect("the binary starts");
    let killed = first.status.code().is_none();
    assert!(
        killed || first.status.success(),
        "{crash}: {}",
        text(&first.stderr)
    );
    eprintln!("{crash}: {}", if killed { "killed" } else { "not reached" });
    if killed {
        finish(user, &config, &crash);
    }
    let twice: Vec<_> = witness
        .starts()
        .into_iter()
        .filter(|(_, starts)| *starts > 1)
        .collect();
    assert_eq!(twice, [], "{crash}: attempts that started twice");
}

/// Takes the platform up again and waits for the workflow, submitting it if the crash came before that was acknowledged.
fn finish(user: &User, config: &str, crash: &str) {
    let up = user.up(&["--config", config], &[]);
    let listed = json(&user.run(&["list", "-o", "json"]));
    let names = |list: &serde_json::Value| -> Vec<String> {
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item["metadata"]["name"].as_str().map(str::to_owned))
            .collect()
    };
    let mut workflows = names(&listed);
    if workflows.is_empty() {
        let submitted = user.run(&["submit", &pipeline(), "-o", "json"]);
        assert!(submitted.status.success(), "{crash}: {}", text(&submitted.stderr));
        workflows = names(&json(&user.run(&["list", "-o", "json"])));
    }
    let [name] = workflows.as_slice() else {
        panic!("{crash}: {workflows:?}")
    };
    let waited = user.run(&["wait", name]);
    assert_eq!(waited.status.code(), Some(0), "{crash}: {}", text(&waited.stderr));
    let workflow = json(&user.run(&["get", name, "-o", "json"]));
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{crash}: {}",
        workflow["status"]["message"]
    );
    drop(up);
}

#[test]
fn every_crash_point_is_survived() {
    for point in crash_points() {
        for nth in [1, 7] {
            check(point, nth);
        }
    }
}

#[test]
fn a_missing_witness_would_be_noticed() {
    let witness = Witness::new();
    assert!(Path::new(&witness.ledger).exists());
    std::fs::write(&witness.ledger, "a\nb\na\n").expect("writable");
    assert_eq!(witness.starts()["a"], 2);
}
