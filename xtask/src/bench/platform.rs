//! The real binary, driven as a user would: `plimsoll run`, or `plimsoll up` and a client, in a data directory
//! of its own.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace_root;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long memory must not shrink any more to be called at rest.
const REST: Duration = Duration::from_secs(5);
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// A built `plimsoll`.
pub(crate) struct Platform {
    binary: PathBuf,
    folder: PathBuf,
    /// The number of the run, which names its folder.
    run: Cell<u32>,
}

/// What one run took.
pub(crate) struct Run {
    /// From start to end of `plimsoll run`, in milliseconds.
    pub(crate) ms: f64,
    /// Peak memory of the platform's processes, in MiB.
    pub(crate) mib: f64,
    /// If the binary says.
    pub(crate) fsyncs_per_write: Option<f64>,
}

/// What the binary says of itself, in the file that `PLIMSOLL_STATS` names.
#[derive(Deserialize)]
struct Stats {
    fsyncs: u64,
    writes: u64,
}

/// The release binary of this workspace, built if it is not as the sources are.
pub(crate) fn release() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build
        .current_dir(workspace_root())
        .args(["build", "--release", "--package", "plimsoll"]);
    ensure!(
        build.status().context("cannot run cargo")?.success(),
        "the release binary does not build"
    );
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
    Ok(target.join("release/plimsoll"))
}

impl Platform {
    /// Measures the release binary of this workspace.
    pub(crate) fn build() -> Result<Self> {
        Self::new(release()?)
    }

    /// Measures `binary`.
    pub(crate) fn new(binary: PathBuf) -> Result<Self> {
        ensure!(binary.is_file(), "{} is not there", binary.display());
        let folder = std::env::temp_dir().join(format!("plimsoll-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self {
            binary,
            folder,
            run: Cell::new(0),
        })
    }

    /// Runs a manifest to its end in a fresh data directory.
    pub(crate) fn run(&self, manifest: &str) -> Result<Run> {
        self.begin()?;
        let file = self.write(manifest)?;
        let mut command = self.command("run");
        command.arg(&file).args(["-o", "json"]);
        let began = Instant::now();
        let mut child = command.spawn().context("cannot run plimsoll")?;
        let memory = watch_memory(&mut child, &self.binary)?;
        let ms = began.elapsed().as_secs_f64() * 1000.0;
        let status = child.wait()?;
        ensure!(
            status.success(),
            "plimsoll run ended with {status}; try it: {}",
            file.display()
        );
        let stats = self.stats().filter(|stats| stats.writes > 0);
        Ok(Run {
            ms,
            mib: mib(memory),
            fsyncs_per_write: stats.map(|stats| stats.fsyncs as f64 / stats.writes as f64),
        })
    }

    /// Starts the platform in a fresh data directory and waits until it answers.
    pub(crate) fn up(&self) -> Result<Up<'_>> {
        self.begin()?;
        let child = self.command("up").spawn().context("cannot run plimsoll")?;
        let up = Up {
            platform: self,
            child,
        };
        let began = Instant::now();
        // Written once the platform is ready.
        while !self.at("data/kubeconfig").is_file() {
            ensure!(began.elapsed() < PATIENCE, "the platform does not answer");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(up)
    }

    /// A `plimsoll` command on the data directory, without a terminal.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("--data-dir")
            .arg(self.at("data"))
            .arg(name)
            .env("PLIMSOLL_STATS", self.at("stats.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Begins a run in a folder of its own. What earlier runs left stays until the end: ext4 looks at every file that
    /// was deleted in the last minute before it makes a new one, which would be measured.
    fn begin(&self) -> Result<()> {
        self.run.set(self.run.get() + 1);
        Ok(fs::create_dir(self.at(""))?)
    }

    fn write(&self, manifest: &str) -> Result<PathBuf> {
        let file = self.at("bench.yaml");
        fs::write(&file, manifest)?;
        Ok(file)
    }

    fn stats(&self) -> Option<Stats> {
        let bytes = fs::read(self.at("stats.json")).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(self.run.get().to_string()).join(name)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A platform that serves.
pub(crate) struct Up<'a> {
    platform: &'a Platform,
    child: Child,
}

impl Up<'_> {
    /// The socket that it serves this user on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.platform.at("data/run/api.sock")
    }

    /// Runs a manifest to its end.
    pub(crate) fn submit(&self, manifest: &str) -> Result<()> {
        let file = self.platform.write(manifest)?;
        let status = self
            .platform
            .command("submit")
            .arg("--wait")
            .arg(&file)
            .status()?;
        ensure!(status.success(), "plimsoll submit ended with {status}");
        Ok(())
    }

    /// Shows the workflow that was created last.
    pub(crate) fn show(&self) -> Result<()> {
        let status = self.platform.command("get").arg("@latest").status()?;
        ensure!(status.success(), "plimsoll get ended with {status}");
        Ok(())
    }

    /// The memory that its processes hold once it does not shrink any more, in MiB: the binary's own pages, and those
    /// that several processes share, count once.
    pub(crate) fn memory_at_rest(&self) -> f64 {
        let (began, mut least, mut since) = (Instant::now(), u64::MAX, Instant::now());
        while since.elapsed() < REST && began.elapsed() < PATIENCE {
            let now = kib(&self.platform.binary, "smaps_rollup", "Pss:");
            if now < least {
                (least, since) = (now, Instant::now());
            }
            thread::sleep(LOOK);
        }
        mib(least)
    }

    /// Ends it, and gives how many fsyncs and acknowledged writes there were in all.
    pub(crate) fn down(mut self) -> Result<(u64, u64)> {
        let pid = self.child.id().to_string();
        ensure!(
            Command::new("kill").args(["-TERM", &pid]).status()?.success(),
            "the platform is gone"
        );
        self.child.wait()?;
        let stats = self.platform.stats().context("the platform left no counters")?;
        Ok((stats.fsyncs, stats.writes))
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Waits for the end of `child`, and gives the most memory that it and other processes of the same binary
/// held at once, in KiB. Steps are left out: their memory is the user's.
fn watch_memory(child: &mut Child, binary: &Path) -> Result<u64> {
    let mut most = 0;
    let mut next = Instant::now();
    while child.try_wait()?.is_none() {
        if Instant::now() >= next {
            most = most.max(kib(binary, "status", "VmRSS:"));
            next = Instant::now() + LOOK;
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(most)
}

/// A field of a file in `/proc`, summed over all processes of `binary`, in KiB; those under `exec` are steps.
fn kib(binary: &Path, file: &str, field: &str) -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0;
    };
    let ours = processes
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|process| {
            fs::read_link(process.join("exe")).is_ok_and(|exe| exe == binary) && !is_step(process)
        });
    ours.filter_map(|process| field_kib(&process.join(file), field))
        .sum()
}

fn is_step(process: &Path) -> bool {
    fs::read(process.join("cmdline")).is_ok_and(|line| line.split(|byte| *byte == 0).nth(1) == Some(b"exec"))
}

fn field_kib(file: &Path, field: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
