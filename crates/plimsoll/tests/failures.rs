//! What goes wrong at run time, each with its documented exit code, an `error:` and a `hint:`.

#![expect(clippy::print_stderr, reason = "says what is skipped")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use support::{User, repository, text};

/// A workflow of one step.
fn workflow(container: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {{generateName: one-}}\nspec:\n  entrypoint: main\n  \
         templates:\n    - name: main\n      container: {container}\n"
    )
}

/// A user with a workflow that succeeds at once.
fn user() -> User {
    let user = User::new();
    user.file("quick.yaml", &workflow("{image: alpine, command: [\"true\"]}"));
    user
}

/// Expects the exit code, and every fragment on stderr.
#[track_caller]
fn check(output: &Output, code: i32, fragments: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for fragment in fragments {
        assert!(said.contains(fragment), "{fragment:?} is not said:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn digits() -> String {
    repository()
        .join("examples/digits/pipeline.yaml")
        .display()
        .to_string()
}

#[test]
fn a_taken_port() {
    let user = user();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it has one");
    let port = address.port().to_string();
    for detach in [&[][..], &["--detach"]] {
        let output = user.run(&[&["up", "--port", &port], detach].concat());
        let problem = format!("error: the address {address} is already taken");
        check(&output, 3, &[&problem, "hint:"]);
    }
}

#[test]
fn a_data_directory_in_use() {
    let user = user();
    let up = user.up(&[], &[]);
    let problem = format!("is in use by process {}", up.child.id());
    for command in [&["run", "quick.yaml"][..], &["up"], &["up", "--detach"]] {
        check(
            &user.run(command),
            3,
            &["error:", &problem, "hint:", "--data-dir"],
        );
    }
    drop(up);
    check(&user.run(&["run", "quick.yaml"]), 0, &[]);
}

#[test]
fn a_data_directory_that_cannot_be_written() {
    let user = user();
    for directory in ["quick.yaml", "quick.yaml/below", "/proc/plimsoll"] {
        let output = user.run(&["run", "quick.yaml", "--data-dir", directory]);
        check(
            &output,
            4,
            &["error: cannot write", directory, "hint:", "--data-dir"],
        );
    }
}

#[test]
fn no_home() {
    let user = user();
    let homeless = |args: &[&str]| {
        let mut command = user.command(args);
        command.env_remove("HOME").output().expect("the binary starts")
    };
    check(
        &homeless(&["run", "quick.yaml"]),
        2,
        &["error:", "HOME", "hint:", "--data-dir"],
    );
    check(&homeless(&["run", "quick.yaml", "--data-dir", "d"]), 0, &[]);
}

#[test]
fn no_python() {
    let user = user();
    let programs = user.home().join("bin");
    std::fs::create_dir(&programs).expect("a new folder");
    std::os::unix::fs::symlink("/bin/sh", programs.join("sh")).expect("a new link");
    let mut command = user.command(&["run", &digits()]);
    let output = command
        .env("PATH", &programs)
        .output()
        .expect("the binary starts");
    check(
        &output,
        1,
        &["etl", "\"python3\": executable file not found in $PATH"],
    );
    assert!(!text(&output.stderr).contains("Traceback"));
}

#[test]
fn runs_on_two_directories_go_side_by_side() {
    let user = user();
    let start = |directory: &str| {
        let mut command = user.command(&["run", "quick.yaml", "--data-dir", directory]);
        command.stderr(Stdio::piped()).spawn().expect("the binary starts")
    };
    let both = [start("one"), start("two")];
    for child in both {
        check(&child.wait_with_output().expect("it ends"), 0, &["Succeeded"]);
    }
}

/// Deep, and with a blank: a socket's path may have 107 bytes only.
#[test]
fn a_long_path() {
    let user = user();
    let directory = format!("{}/a b", "x".repeat(120));
    let args = ["-p", "epochs=1", "--data-dir", &directory];
    check(&user.run(&[&["run", &digits()], &args[..]].concat()), 0, &[]);
    check(&user.run(&["up", "--detach", "--data-dir", &directory]), 0, &[]);
    check(&user.run(&["list", "--data-dir", &directory]), 0, &[]);
    check(&user.run(&["down", "--data-dir", &directory]), 0, &[]);
}

#[test]
fn in_the_background() {
    let user = user();
    let up = user.run(&["up", "--detach"]);
    check(&up, 0, &["`plimsoll down`"]);
    assert!(text(&up.stdout).starts_with("export KUBECONFIG="));
    check(&user.run(&["list"]), 0, &[]);
    check(&user.run(&["down"]), 0, &["has ended"]);
    check(&user.run(&["down"]), 0, &["No platform is up"]);
    check(&user.run(&["list"]), 3, &["error:", "hint:", "plimsoll up"]);
}

/// A step that says that it runs, and ends when told: by a pipe in a folder that it shares with the test.
struct Gate {
    user: User,
}

impl Gate {
    fn new() -> Self {
        let user = User::new();
        let folder = user.home().join("shared");
        std::fs::create_dir(&folder).expect("a new folder");
        for pipe in ["running", "end"] {
            let made = Command::new("mkfifo").arg(folder.join(pipe)).status();
            assert!(made.is_ok_and(|status| status.success()), "no pipe");
        }
        let container = "{image: alpine, command: [sh, -c, 'echo x >> /s/ledger; echo > /s/running; cat /s/end'], \
                         volumeMounts: [{name: s, mountPath: /s}]}";
        let volume = format!(
            "  volumes: [{{name: s, hostPath: {{path: {}}}}}]\n",
            folder.display()
        );
        user.file("gate.yaml", &format!("{}{volume}", workflow(container)));
        Self { user }
    }

    /// Runs the workflow until its step says that it runs.
    fn run(&self) -> Child {
        let mut command = self.user.command(&["run", "gate.yaml"]);
        let child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        std::fs::read(self.user.home().join("shared/running")).expect("the step runs");
        child
    }

    fn end(&self) {
        std::fs::write(self.user.home().join("shared/end"), "").expect("the step waits for it");
    }

    fn starts(&self) -> usize {
        let ledger = std::fs::read_to_string(self.user.home().join("shared/ledger"));
        ledger.expect("the step ran").lines().count()
    }

    /// Takes the platform up again, lets the step end, and expects that it ran once.
    fn go_on(&self) {
        let _up = self.user.up(&[], &[]);
        self.end();
        check(&self.user.run(&["wait", &self.name()]), 0, &[]);
        assert_eq!(self.starts(), 1);
    }

    fn name(&self) -> String {
        let listed = support::json(&self.user.run(&["list", "-o", "json"]));
        let name = listed["items"][0]["metadata"]["name"].as_str();
        name.expect("the workflow is there").to_owned()
    }
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
}

#[test]
fn interrupted() {
    let gate = Gate::new();
    let run = gate.run();
    interrupt(&run);
    let output = run.wait_with_output().expect("it ends");
    check(&output, 130, &["Interrupted", "hint: `plimsoll up`"]);
    gate.go_on();
}

#[test]
fn interrupted_twice() {
    let gate = Gate::new();
    let mut run = gate.run();
    interrupt(&run);
    let mut said = BufReader::new(run.stderr.take().expect("it is piped")).lines();
    assert!(said.any(|line| line.is_ok_and(|line| line.contains("Interrupted"))));
    // It may have ended by now, all the better.
    let pid = rustix::process::Pid::from_child(&run);
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
    assert_eq!(run.wait().expect("it ends").code(), Some(130));
    gate.go_on();
}

#[test]
fn an_outcome_that_a_killed_spawner_took_with_it_is_an_error() {
    let gate = Gate::new();
    let run = gate.run();
    gate.user.kill_spawner();
    let output = run.wait_with_output().expect("it ends");
    check(&output, 1, &["Error", "137"]);
    assert_eq!(gate.starts(), 1);
}

#[test]
fn so_it_is_when_the_control_plane_died_too() {
    let gate = Gate::new();
    let mut run = gate.run();
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    gate.user.kill_spawner();
    let _up = gate.user.up(&[], &[]);
    check(&gate.user.run(&["wait", &gate.name()]), 1, &[]);
    let workflow = support::json(&gate.user.run(&["get", &gate.name(), "-o", "json"]));
    assert_eq!(workflow["status"]["phase"], "Error");
    assert_eq!(gate.starts(), 1);
}

#[test]
fn a_killed_executor_fails_its_step() {
    for point in artifacts::exec::CRASH_POINTS {
        let user = User::new();
        let container = format!(
            "{{image: alpine, command: [sh, -c, 'echo x >> /s/ledger; echo 1 > /tmp/x'], \
             volumeMounts: [{{name: s, mountPath: /s}}], env: [{{name: PLIMSOLL_CRASH_POINT, value: {point}}}]}}\n      \
             outputs: {{parameters: [{{name: x, valueFrom: {{path: /tmp/x}}}}]}}"
        );
        let volume = format!(
            "  volumes: [{{name: s, hostPath: {{path: {}}}}}]\n",
            user.home().display()
        );
        user.file("exec.yaml", &format!("{}{volume}", workflow(&container)));
        check(&user.run(&["run", "exec.yaml"]), 1, &["137"]);
        let ledger = std::fs::read_to_string(user.home().join("ledger")).unwrap_or_default();
        assert_eq!(
            ledger.lines().count(),
            usize::from(point != "exec.staged"),
            "{point}"
        );
    }
}

/// A disk of its own, for those who may mount one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(path: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(path).expect("a new folder");
        let options = format!("size={size},mode=700");
        let mut command = Command::new("mount");
        let mounted = command
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        eprintln!("SKIPPED: a full disk is tested only where this user may mount one");
        None
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_disk_without_room_for_a_store() {
    let user = user();
    let directory = user.home().join("small");
    let Some(_disk) = SmallDisk::mount(&directory, "8k") else {
        return;
    };
    let output = user.run(&["run", "quick.yaml", "--data-dir", "small"]);
    check(&output, 4, &["error: the disk that holds", "is full", "hint:"]);
}

#[test]
fn a_disk_that_becomes_full() {
    let user = user();
    let directory = user.home().join("small");
    let Some(_disk) = SmallDisk::mount(&directory, "64m") else {
        return;
    };
    let _up = user.up(&["--data-dir", "small"], &[]);
    let filler = directory.join("filler");
    let mut file = std::fs::File::create(&filler).expect("there is room");
    while file.write_all(&[1; 4096]).is_ok() {}
    drop(file);
    // The log has room that it took beforehand.
    let note = format!(
        "generateName: one-, annotations: {{note: {}}}",
        "x".repeat(200_000)
    );
    let quick = workflow("{image: alpine, command: [\"true\"]}");
    user.file("long.yaml", &quick.replace("generateName: one-", &note));
    let mut submissions = (0..500).map(|_| user.run(&["submit", "long.yaml", "--data-dir", "small"]));
    let refused = submissions.find(|output| !output.status.success());
    let refused = refused.expect("the disk is full");
    check(
        &refused,
        4,
        &["error:", "No space left on device", "hint: free some space"],
    );
    // The store looks for room again when it has refused once more, and goes on.
    std::fs::remove_file(&filler).expect("it can be removed");
    let mut submissions =
        (0..500).map(|_| user.run(&["submit", "quick.yaml", "--wait", "--data-dir", "small"]));
    assert!(
        submissions.any(|output| output.status.success()),
        "there is room again"
    );
}

#[test]
fn artifacts_without_room() {
    let user = user();
    let artifacts = user.data_dir().join("artifacts");
    let Some(_disk) = SmallDisk::mount(&artifacts, "16k") else {
        return;
    };
    let output = user.run(&["run", &digits(), "-p", "epochs=1"]);
    check(&output, 1, &["etl", "No space left on device"]);
}

#[test]
fn what_is_kept_is_for_its_owner_only() {
    let user = user();
    let _up = user.up(&[], &[]);
    check(&user.run(&["submit", "--wait", "quick.yaml"]), 0, &[]);
    let mode = |path: &Path| {
        std::fs::symlink_metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
    };
    let directory = user.data_dir();
    assert_eq!(mode(&directory) & 0o077, 0);
    for entry in std::fs::read_dir(&directory).expect("readable").flatten() {
        let mode = mode(&entry.path());
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
    assert_eq!(mode(&directory.join("run/api.sock")) & 0o077, 0);
}

#[test]
fn a_secret_is_told_to_nobody_but_the_step() {
    const SECRET: &str = "open-sesame-4711";
    let user = User::new();
    let container = "{image: alpine, command: [sh, -c, 'test \"$WORD\" = open-sesame-4711'], \
                     env: [{name: WORD, valueFrom: {secretKeyRef: {name: magic, key: word}}}]}"
        .replace(SECRET, "open-\"sesame\"-4711");
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: magic}}\nstringData: {{word: {SECRET}}}\n---\n"
    );
    user.file("secret.yaml", &format!("{secret}{}", workflow(&container)));
    let output = user.run(&["run", "secret.yaml", "-o", "json"]);
    check(&output, 0, &[]);
    assert!(!text(&output.stdout).contains(SECRET) && !text(&output.stderr).contains(SECRET));
    let found = Command::new("grep")
        .args(["-rl", SECRET])
        .arg(user.data_dir())
        .output();
    let found = text(&found.expect("grep is there").stdout);
    assert_eq!(found, "", "the secret lies in the clear");
}

#[test]
fn well_known_images_run_without_a_command() {
    let user = User::new();
    for (container, code, fragment) in [
        ("{image: \"alpine:3.20\", args: [\"true\"]}", 0, "Succeeded"),
        ("{image: docker.io/library/busybox}", 0, "Succeeded"),
        ("{image: bash, args: [sh, -c, \"exit 3\"]}", 1, "exit code 3"),
        (
            "{image: someone/thing, args: [\"true\"]}",
            1,
            "no command specified",
        ),
    ] {
        user.file("image.yaml", &workflow(container));
        check(&user.run(&["run", "image.yaml"]), code, &[fragment]);
    }
}
