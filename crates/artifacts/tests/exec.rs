//! `plimsoll exec` as a process of its own, against an API server that answers as each test says.
//!
//! The test binary starts itself again as the executor: what `main` does with its environment, its streams
//! and signals can be seen from outside only.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use argo::exec::{DIRECTORY_PLUGIN, Directory, Orders, SOCKET_ENV, TOKEN_ENV};
use serde_json::{Value, json};

#[path = "exec/own_work.rs"]
mod own_work;

/// The environment variable that holds the command, as a JSON list, in the process that is the executor.
const COMMAND: &str = "TEST_COMMAND";

/// Not a test of its own: the executor's side.
#[test]
fn executor() {
    if let Ok(command) = std::env::var(COMMAND) {
        let command: Vec<String> = serde_json::from_str(&command).unwrap();
        let command = std::iter::once("--".to_owned()).chain(command).map(Into::into);
        std::process::exit(artifacts::exec::main(command));
    }
}

/// A request as the server saw it.
#[derive(Debug)]
struct Seen {
    line: String,
    token: String,
    body: Value,
}

/// A folder for one step, and a server that gives the answers in turn; an empty one hangs up.
struct Bench {
    folder: tempfile::TempDir,
    seen: mpsc::Receiver<Seen>,
}

impl Bench {
    fn new(answers: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(folder.path().join("api.sock")).unwrap();
        let (tell, seen) = mpsc::channel();
        thread::spawn(move || {
            for answer in answers {
                // Told before it is answered: whoever has the answer can count on it.
                let (seen, mut stream) = receive(listener.accept().unwrap().0);
                let _ = tell.send(seen);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { folder, seen }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Orders with paths under this folder: `DIR` in `orders` stands for it.
    fn orders(&self, orders: &Value) -> Orders {
        let text = orders
            .to_string()
            .replace("DIR", &self.folder.path().to_string_lossy());
        let mut orders: Orders = serde_json::from_str(&text).unwrap();
        orders.workflow = "wf".into();
        orders.namespace = "ns".into();
        orders.node_id = "wf-1".into();
        let location = json!({ "plugin": {
            "name": DIRECTORY_PLUGIN, "configuration": self.at("store"), "key": "wf/pod" } });
        orders.archive_location = serde_json::from_value(location).unwrap();
        orders
    }

    fn start(&self, orders: &Value, command: &[&str]) -> Child {
        let command: Vec<String> = command
            .iter()
            .map(|part| part.replace("DIR", &self.folder.path().to_string_lossy()))
            .collect();
        Command::new(std::env::current_exe().unwrap())
            .args(["executor", "--exact", "--nocapture", "--quiet"])
            .envs(self.orders(orders).to_env().unwrap())
            .env(COMMAND, serde_json::to_string(&command).unwrap())
            .env(SOCKET_ENV, self.at("api.sock"))
            .env(TOKEN_ENV, "secret")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs to the end: exit code, log, and the last request.
    fn run(&self, orders: &Value, command: &[&str]) -> (i32, String, Seen) {
        let output = self.start(orders, command).wait_with_output().unwrap();
        let log = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
        (
            output.status.code().unwrap(),
            log,
            self.seen.try_iter().last().unwrap(),
        )
    }
}

/// Reads a request; what answers it is left.
fn receive(stream: UnixStream) -> (Seen, UnixStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut token, mut length) = (String::new(), String::new(), 0);
    reader.read_line(&mut line).unwrap();
    for header in reader
        .by_ref()
        .lines()
        .map(Result::unwrap)
        .take_while(|header| !header.is_empty())
    {
        match header.split_once(": ").unwrap() {
            ("content-length", value) => length = value.parse().unwrap(),
            ("authorization", value) => value.clone_into(&mut token),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let seen = Seen {
        line: line.trim_end().to_owned(),
        token,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    (seen, reader.into_inner())
}

const CREATED: &str = "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const EXISTS: &str = "HTTP/1.1 409 Conflict\r\ncontent-length: 2\r\n\r\n{}";
const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\n{}";
const FORBIDDEN: &str = "HTTP/1.1 403 No\r\ncontent-length: 20\r\n\r\n{\"message\":\"no way\"}";

#[test]
fn a_step_gets_its_inputs_and_gives_its_outputs() {
    let bench = Bench::new(&[CREATED]);
    let orders = json!({
        "inputs": [{"name": "in", "path": "DIR/in.txt", "raw": {"data": "given"}}],
        "script": {"path": "DIR/script", "source": "cat DIR/in.txt; echo; echo $$ >DIR/p; mkdir DIR/out; echo x >DIR/out/f"},
        "outputParameters": [
            {"name": "p", "valueFrom": {"path": "DIR/p"}, "globalName": "g"},
            {"name": "d", "valueFrom": {"path": "DIR/none", "default": "fallback"}},
            {"name": "e", "valueFrom": {"expression": "1"}},
        ],
        "outputArtifacts": [
            {"name": "a", "path": "DIR/out"},
            {"name": "maybe", "path": "DIR/none", "optional": true},
        ],
        "includeResult": true,
    });
    let (code, log, seen) = bench.run(&orders, &["sh", "DIR/script"]);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("given\n"), "the log passes through: {log}");
    assert_eq!(
        seen.line,
        "POST /apis/argoproj.io/v1alpha1/namespaces/ns/workflowtaskresults HTTP/1.1"
    );
    assert_eq!(seen.token, "Bearer secret");
    let outputs = &seen.body["outputs"];
    assert_eq!(outputs["result"], "given");
    assert_eq!(outputs["parameters"][0]["globalName"], "g");
    assert!(
        outputs["parameters"][0]["value"]
            .as_str()
            .unwrap()
            .parse::<u32>()
            .is_ok()
    );
    assert_eq!(outputs["parameters"][1]["value"], "fallback");
    assert_eq!(outputs["parameters"][2]["value"], Value::Null);
    assert_eq!(outputs["artifacts"].as_array().unwrap().len(), 1);
    let plugin = &outputs["artifacts"][0]["plugin"];
    assert_eq!(plugin["key"], "wf/pod/a.tgz");
    let kept = Directory::parse(plugin["configuration"].as_str().unwrap());
    let size = fs::metadata(Path::new(&kept.directory).join("wf/pod/a.tgz"))
        .unwrap()
        .len();
    assert_eq!(kept.size, Some(size));
}

#[test]
fn the_end_of_the_command_decides_and_what_is_missing_is_named() {
    let missing = json!({"outputParameters": [{"name": "p", "valueFrom": {"path": "DIR/none"}}]});
    let check = |orders: &Value, command: &[&str], code: i32, phase: Value, message: &str| {
        let bench = Bench::new(&[CREATED]);
        let (actual, log, seen) = bench.run(orders, command);
        assert_eq!(
            (actual, &seen.body["phase"]),
            (code, &phase),
            "{command:?}: {log}"
        );
        let told = seen.body["message"].as_str().unwrap_or_default();
        assert!(told.contains(message), "{command:?}: {told}");
    };
    check(&json!({}), &["sh", "-c", "exit 3"], 3, Value::Null, "");
    check(&json!({}), &["sh", "-c", "kill -9 $$"], 137, Value::Null, "");
    check(&missing, &["sh", "-c", "exit 3"], 3, Value::Null, "");
    check(
        &missing,
        &["true"],
        64,
        "Error".into(),
        "failed to read output parameter 'p'",
    );
    check(
        &missing,
        &["true"],
        64,
        "Error".into(),
        "/none: no such file or directory",
    );
    check(
        &json!({}),
        &["no-such-program"],
        64,
        "Error".into(),
        r#"exec: "no-such-program": executable file not"#,
    );
    check(
        &json!({}),
        &["/no/such"],
        64,
        "Error".into(),
        "failed to start /no/such: no such file",
    );
    check(&json!({}), &[], 64, "Error".into(), "no command");
    let unreachable = json!({"inputs": [{"name": "i", "path": "DIR/i", "git": {"repo": "x"}}]});
    check(
        &unreachable,
        &["true"],
        64,
        "Error".into(),
        "failed to load artifact 'i': the artifact \"i\" in a place of kind git",
    );
}

#[test]
fn the_report_is_made_until_the_server_has_it() {
    let check = |answers: &'static [&'static str], code: i32, lines: &[&str]| {
        let bench = Bench::new(answers);
        let output = bench.start(&json!({}), &["true"]).wait_with_output().unwrap();
        let seen: Vec<String> = bench.seen.try_iter().map(|seen| seen.line).collect();
        let methods: Vec<&str> = seen.iter().map(|line| line.split(' ').next().unwrap()).collect();
        assert_eq!(
            (output.status.code(), methods.as_slice()),
            (Some(code), lines),
            "{output:?}"
        );
    };
    check(&[CREATED], 0, &["POST"]);
    check(&[BUSY, "", CREATED], 0, &["POST", "POST", "POST"]);
    check(&["", EXISTS, OK], 0, &["POST", "POST", "PATCH"]);
    check(&[FORBIDDEN], 64, &["POST"]);
}

#[test]
fn a_platform_that_is_gone_is_not_waited_for() {
    let bench = Bench::new(&[]);
    let lost = bench.at("lost");
    fs::create_dir(&lost).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["executor", "--exact", "--nocapture", "--quiet"])
        .envs(bench.orders(&json!({})).to_env().unwrap())
        .env(COMMAND, format!("[\"rmdir\", {lost:?}]"))
        .env(SOCKET_ENV, lost.join("api.sock"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(64));
}

#[test]
fn signals_reach_the_command() {
    let bench = Bench::new(&[CREATED]);
    let script = "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = bench.start(&json!({"includeResult": true}), &["sh", "-c", script]);
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(log.by_ref().any(|line| line.unwrap().contains("ready")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(log.any(|line| line.unwrap().contains("caught")));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    assert!(
        bench.seen.recv().unwrap().body["outputs"]["result"]
            .as_str()
            .unwrap()
            .contains("caught")
    );
}

#[test]
fn what_a_left_behind_process_says_is_not_waited_for() {
    let bench = Bench::new(&[CREATED]);
    let (code, _, seen) = bench.run(
        &json!({"includeResult": true}),
        &["sh", "-c", "sleep 1000 2>/dev/null & echo $! >DIR/pid; echo done"],
    );
    assert_eq!((code, &seen.body["outputs"]["result"]), (0, &json!("done")));
    let pid = fs::read_to_string(bench.at("pid")).unwrap();
    assert!(Command::new("kill").arg(pid.trim()).status().unwrap().success());
}

#[test]
fn the_whole_log_is_kept_where_asked() {
    let bench = Bench::new(&[CREATED]);
    let (code, log, seen) = bench.run(
        &json!({"archiveLogs": true}),
        &[
            "sh",
            "-c",
            "echo one; echo two >&2; echo $PLIMSOLL_API_TOKEN three",
        ],
    );
    assert_eq!(code, 0);
    assert!(log.contains("one") && log.contains("two"));
    assert_eq!(seen.body["outputs"]["artifacts"][0]["name"], "main-logs");
    let kept = fs::read_to_string(bench.at("store/wf/pod/main.log")).unwrap();
    let mut lines: Vec<&str> = kept.lines().map(str::trim).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["one", "three", "two"],
        "and the token is not the command's to see"
    );
}

/// Orders of a container called `name` among others of its pod.
fn among_peers(name: &str, more: &Value) -> Value {
    let mut peers = json!({"folder": "DIR/ctr", "name": name});
    peers
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({"silent": true, "peers": peers})
}

/// Runs a container that reports nothing: exit code and log.
fn run_silent(bench: &Bench, orders: &Value, command: &[&str]) -> (i32, String) {
    let output = bench.start(orders, command).wait_with_output().unwrap();
    let log = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), log)
}

fn told(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.at("ctr").join(name).join("exitcode")).unwrap()
}

#[test]
fn a_container_waits_for_those_it_depends_on() {
    let bench = Bench::new(&[]);
    let second = bench.start(
        &among_peers("b", &json!({"after": ["a"]})),
        &["sh", "-c", "cat DIR/mark"],
    );
    let first = among_peers("a", &json!({}));
    assert_eq!(
        run_silent(&bench, &first, &["sh", "-c", "echo done > DIR/mark"]).0,
        0
    );
    let output = second.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("done"));
    assert_eq!(
        (told(&bench, "a"), told(&bench, "b")),
        ("0".to_owned(), "0".to_owned())
    );
}

#[test]
fn a_container_does_not_start_after_a_failure() {
    let bench = Bench::new(&[]);
    assert_eq!(
        run_silent(&bench, &among_peers("a", &json!({})), &["sh", "-c", "exit 3"]).0,
        3
    );
    let (code, log) = run_silent(
        &bench,
        &among_peers("b", &json!({"after": ["a"]})),
        &["echo", "started"],
    );
    assert_eq!((code, told(&bench, "b").as_str()), (64, "64"));
    assert!(
        log.contains("dependency \"a\" exited with non-zero code: 3"),
        "{log}"
    );
    assert!(!log.contains("started"), "{log}");
}

/// Orders of a main container that collects the file `DIR/out`, to which the container `b` writes too.
fn gathering() -> Value {
    json!({
        "peers": {"folder": "DIR/ctr", "name": "main", "gather": ["b"]},
        "outputParameters": [{"name": "p", "valueFrom": {"path": "DIR/out"}}],
    })
}

#[test]
fn outputs_are_collected_once_all_that_write_them_have_ended() {
    let bench = Bench::new(&[CREATED]);
    let main = bench.start(&gathering(), &["sh", "-c", "echo early > DIR/out"]);
    // It depends on the main one, which tells of its command's end before it waits.
    let after = among_peers("b", &json!({"after": ["main"]}));
    assert_eq!(
        run_silent(&bench, &after, &["sh", "-c", "echo late > DIR/out"]).0,
        0
    );
    assert!(main.wait_with_output().unwrap().status.success());
    let seen = bench.seen.try_iter().last().unwrap();
    assert_eq!(seen.body["outputs"]["parameters"][0]["value"], "late");
}

#[test]
fn a_container_that_is_killed_with_its_executor_is_not_waited_for() {
    let bench = Bench::new(&[CREATED]);
    let mut other = bench.start(
        &among_peers("b", &json!({})),
        &["sh", "-c", "touch DIR/up; sleep 100"],
    );
    let main = bench.start(&gathering(), &["sh", "-c", "echo x > DIR/out"]);
    while !bench.at("up").exists() {
        thread::yield_now();
    }
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(main.wait_with_output().unwrap().status.success());
}

#[test]
fn a_container_that_waits_can_be_ended() {
    let bench = Bench::new(&[]);
    let mut waiting = bench.start(&among_peers("b", &json!({"after": ["never"]})), &["true"]);
    let pid = rustix::process::Pid::from_raw(i32::try_from(waiting.id()).unwrap()).unwrap();
    // Before it listens it ends by the signal itself, which is as good.
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = waiting.wait().unwrap();
    assert!(!status.success(), "{status}");
}

#[test]
fn a_sidecar_ends_with_the_containers_that_it_serves() {
    let bench = Bench::new(&[]);
    let sidecar = bench.start(
        &among_peers("side", &json!({"until": ["main"]})),
        &[
            "sh",
            "-c",
            "trap 'exit 7' TERM; touch DIR/up; while :; do sleep 0.01; done",
        ],
    );
    let main = ["sh", "-c", "until [ -e DIR/up ]; do sleep 0.01; done"];
    assert_eq!(run_silent(&bench, &among_peers("main", &json!({})), &main).0, 0);
    assert_eq!(sidecar.wait_with_output().unwrap().status.code(), Some(7));
}

#[test]
fn a_command_is_tried_as_often_as_told() {
    let bench = Bench::new(&[]);
    let count = "echo x >> DIR/tries; test $(wc -l < DIR/tries) -ge 3";
    let three = among_peers("a", &json!({"attempts": 3, "pause": 1}));
    assert_eq!(run_silent(&bench, &three, &["sh", "-c", count]).0, 0);
    fs::remove_file(bench.at("tries")).unwrap();
    let two = among_peers("a", &json!({"attempts": 2}));
    assert_eq!(run_silent(&bench, &two, &["sh", "-c", count]).0, 1);
}
