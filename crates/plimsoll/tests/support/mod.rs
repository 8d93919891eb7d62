//! What the tests of the whole binary share: to run it as a user would, on a data directory of their own.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod points;
pub(crate) mod scene;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A user with an empty home directory.
pub(crate) struct User {
    home: tempfile::TempDir,
}

impl User {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// Where their files lie.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The data directory that their platform takes by default.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home().join(".local/share/plimsoll")
    }

    /// Writes a file of theirs and says where.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        std::fs::write(&path, text).expect("the home directory can be written");
        path
    }

    /// `plimsoll ARGS` in their home directory.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command.args(args).current_dir(self.home()).env_clear();
        command
            .env("HOME", self.home())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command
    }

    /// Runs `plimsoll ARGS` to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the binary starts")
    }

    /// Starts `plimsoll up ARGS` and returns once it is ready.
    pub(crate) fn up(&self, args: &[&str], env: &[(&str, &str)]) -> Up {
        let mut command = self.command(&[&["up"], args].concat());
        command
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("readable");
        assert!(
            line.starts_with("export KUBECONFIG="),
            "not ready: {line:?} {}",
            said(&mut child)
        );
        Up { child }
    }

    /// Ends the spawner of their platform, if one runs, and all processes with it, as by `kill -9`.
    pub(crate) fn kill_spawner(&self) {
        let wanted = format!("plimsoll-spawner\0{}\0", self.data_dir().join("node").display());
        let processes = std::fs::read_dir("/proc").expect("it is there").flatten();
        let spawners = processes.filter_map(|process| {
            let line = std::fs::read(process.path().join("cmdline")).ok()?;
            let pid = process.file_name().to_str()?.parse().ok()?;
            (line == wanted.as_bytes()).then_some(rustix::process::Pid::from_raw(pid)?)
        });
        for pid in spawners {
            // One that is just ending is as good as killed.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for User {
    /// Nothing that a test started outlives it: the spawner ends by itself once told.
    fn drop(&mut self) {
        let _ = self.run(&["down"]);
    }
}

fn said(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = child.stderr.as_mut() {
        let _ = std::io::Read::read_to_string(stderr, &mut text);
    }
    text
}

/// A platform in the foreground; ended when dropped.
pub(crate) struct Up {
    pub(crate) child: Child,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The object that a command printed.
pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "{error} in stdout {:?}; stderr: {}",
            text(&output.stdout),
            text(&output.stderr)
        )
    })
}

/// Bytes as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository is there")
}
