//! A small workflow with a bit of everything, and the ledger that its steps write.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{User, json, text};

/// Values handed on, a fan, a retry that succeeds, an exit handler. `LEDGER` stands for the file.
const MANIFEST: &str = r#"
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {name: scene}
spec:
  entrypoint: main
  onExit: last
  podGC: {strategy: OnPodCompletion}
  templates:
    - name: main
      steps:
        - - {name: first, template: first}
        - - {name: fan, template: work, withItems: [1, 2, 3], arguments: {parameters: [{name: v, value: "{{steps.first.outputs.parameters.v}}"}]}}
        - - {name: flaky, template: flaky}
    - name: first
      container:
        image: alpine
        command: [sh, -c, 'echo "start $HOSTNAME" >> LEDGER; printf 7 > /tmp/v; echo "end $HOSTNAME" >> LEDGER']
      outputs: {parameters: [{name: v, valueFrom: {path: /tmp/v}}]}
    - name: work
      inputs: {parameters: [{name: v}]}
      container:
        image: alpine
        command: [sh, -c, 'echo "start $HOSTNAME" >> LEDGER; test {{inputs.parameters.v}} = 7 && echo "end $HOSTNAME" >> LEDGER']
    - name: flaky
      retryStrategy: {limit: 2}
      container:
        image: alpine
        command: [sh, -c, 'echo "start $HOSTNAME" >> LEDGER; test {{retries}} -ge 1 && echo "end $HOSTNAME" >> LEDGER']
    - name: last
      container:
        image: alpine
        command: [sh, -c, 'echo "start $HOSTNAME" >> LEDGER; echo "end $HOSTNAME" >> LEDGER']
"#;

/// How often pods wrote each word.
type Words = BTreeMap<String, usize>;

/// A user with the workflow.
pub(crate) struct Scene {
    pub(crate) user: User,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let user = User::new();
        // Beside every private `/tmp`, if the home directory is not in one.
        let ledger = user.file("ledger", "");
        let folder = user.home().display().to_string();
        let mounted = MANIFEST
            .replace(
                "image: alpine\n",
                "image: alpine\n        volumeMounts: [{name: home, mountPath: /ledger}]\n",
            )
            .replace("LEDGER", "/ledger/ledger")
            .replace(
                "  templates:\n",
                &format!("  volumes: [{{name: home, hostPath: {{path: {folder}}}}}]\n  templates:\n"),
            );
        assert!(ledger.is_file());
        user.file("scene.yaml", &mounted);
        Self { user }
    }

    /// `plimsoll ARGS` with a place at which it is to die. Whether it died there.
    pub(crate) fn dies(&self, args: &[&str], crash: &str) -> bool {
        let mut command = self.user.command(args);
        let output = command.env("PLIMSOLL_CRASH_POINT", crash).output();
        output.expect("the binary starts").status.code().is_none()
    }

    /// `plimsoll up` with a place at which it is to die, until it does or until the workflow is over.
    pub(crate) fn up_until_it_dies(&self, crash: &str) -> bool {
        let mut command = self.user.command(&["up"]);
        command
            .env("PLIMSOLL_CRASH_POINT", crash)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut up = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = up.stdout.take().expect("it is piped");
        let read = std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line);
        assert!(read.is_ok());
        if line.is_empty() {
            let _ = up.wait();
            return true;
        }
        self.ended_by_itself(&mut up)
    }

    /// Whether a platform ends before the workflow does; else it is ended then.
    fn ended_by_itself(&self, up: &mut Child) -> bool {
        let mut waiting = self.user.command(&["wait", "scene"]);
        waiting.stdout(Stdio::null()).stderr(Stdio::null());
        let mut waiting = waiting.spawn().expect("the binary starts");
        let (up_pid, waiting_pid) = (Pid::from_child(up), Pid::from_child(&waiting));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = waiting.wait();
                over.store(true, Ordering::SeqCst);
                // It may be gone already.
                let _ = kill_process(up_pid, Signal::KILL);
            });
            let _ = up.wait();
            let died = !over.load(Ordering::SeqCst);
            // One that waits for a platform to come back waits for ever.
            let _ = kill_process(waiting_pid, Signal::KILL);
            died
        })
    }

    /// Takes the platform up, submits the workflow if it is not there, waits for its end.
    pub(crate) fn finish(&self, crash: &str) -> Value {
        let _up = self.user.up(&[], &[]);
        let submitted = self.user.run(&["submit", "scene.yaml"]);
        let there = text(&submitted.stderr).contains("already exists");
        assert!(
            submitted.status.success() || there,
            "{crash}: {}",
            text(&submitted.stderr)
        );
        let waited = self.user.run(&["wait", "scene"]);
        assert!(waited.status.code().is_some_and(|code| code < 2), "{crash}");
        json(&self.user.run(&["get", "scene", "-o", "json"]))
    }

    /// Starts the spawner of the user's platform, which is to die at a place of its own.
    pub(crate) fn spawner_that_dies(&self, point: &str, visit: u32) {
        let node = self.user.data_dir().join("node");
        std::fs::create_dir_all(&node).expect("a new folder");
        let started = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .arg0(spawner::ARGV0)
            .arg(&node)
            .args(["--crash", point, &visit.to_string()])
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(started.is_ok_and(|status| status.success()), "no spawner");
    }

    fn words(&self, word: &str) -> Words {
        let ledger = std::fs::read_to_string(self.user.home().join("ledger")).expect("readable");
        let mut counts = Words::new();
        for pod in ledger.lines().filter_map(|line| line.strip_prefix(word)) {
            *counts.entry(pod.trim().to_owned()).or_default() += 1;
        }
        counts
    }

    /// The promise: no attempt started twice, and what succeeded by the status did its work by the ledger.
    pub(crate) fn check_promise(&self, workflow: &Value, crash: &str) {
        let (starts, ends) = (self.words("start"), self.words("end"));
        for (pod, count) in &starts {
            assert_eq!(*count, 1, "{crash}: {pod} started {count} times");
        }
        let phase = workflow["status"]["phase"].as_str().unwrap_or_default();
        assert!(
            ["Succeeded", "Failed", "Error"].contains(&phase),
            "{crash}: {phase}"
        );
        for node in pods(workflow).filter(|node| node["phase"] == "Succeeded") {
            let name = pod_name(node);
            assert_eq!(ends.get(&name), Some(&1), "{crash}: {name}");
        }
    }

    /// More than the promise, where only the control plane died: everything went as if nothing had been.
    pub(crate) fn check_whole(&self, workflow: &Value, crash: &str) {
        self.check_promise(workflow, crash);
        assert_eq!(
            workflow["status"]["phase"], "Succeeded",
            "{crash}: {}",
            workflow["status"]
        );
        let starts: Vec<String> = self.words("start").into_keys().collect();
        let mut names: Vec<String> = pods(workflow).map(pod_name).collect();
        names.sort();
        assert_eq!(starts, names, "{crash}");
        // One, three, two attempts, and the exit handler.
        assert_eq!(starts.len(), 7, "{crash}");
    }
}

fn pods(workflow: &Value) -> impl Iterator<Item = &Value> {
    let nodes = workflow["status"]["nodes"].as_object().expect("nodes");
    nodes.values().filter(|node| node["type"] == "Pod")
}

fn pod_name(node: &Value) -> String {
    let id = node["id"].as_str().expect("an id");
    let (workflow, hash) = id.rsplit_once('-').expect("a name and a hash");
    let template = node["templateName"].as_str().expect("a template");
    format!("{workflow}-{template}-{hash}")
}
