//! The platform under soak: the real binary, started, killed and started again on one data directory.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::processes::Process;

/// `plimsoll up` on one data directory.
pub(crate) struct Platform {
    binary: PathBuf,
    data: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    /// Whether the process that runs is to kill itself somewhere.
    armed: bool,
}

/// How a platform ended that nobody here ended.
pub(crate) enum Ended {
    /// At the place where it was told to kill itself.
    AtItsPoint,
    /// By itself.
    Alone(ExitStatus),
}

impl Platform {
    /// Nothing runs yet. What it says goes into `log`.
    pub(crate) fn new(binary: PathBuf, data: PathBuf, log: PathBuf) -> Self {
        Self {
            binary,
            data,
            log,
            child: None,
            armed: false,
        }
    }

    /// Starts it; `point` is where it is to kill itself (`NAME:VISIT`). It may do so before it is ready.
    pub(crate) fn start(&mut self, point: Option<&str>) -> Result<()> {
        let log = OpenOptions::new().append(true).create(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.arg("--data-dir").arg(&self.data).arg("up");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        if let Some(point) = point {
            command.env("PLIMSOLL_CRASH_POINT", point);
        }
        let mut child = command.spawn().context("cannot run plimsoll")?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        self.armed = point.is_some();
        ensure!(
            self.armed || line.starts_with("export KUBECONFIG="),
            "the platform does not start; see {}",
            self.log.display()
        );
        self.child = Some(child);
        Ok(())
    }

    /// Whether it has ended without us.
    pub(crate) fn ended(&mut self) -> Result<Option<Ended>> {
        let Some(child) = &mut self.child else {
            return Ok(None);
        };
        let Some(status) = child.try_wait()? else {
            return Ok(None);
        };
        self.child = None;
        let at_its_point = self.armed && status.code().is_none();
        Ok(Some(if at_its_point {
            Ended::AtItsPoint
        } else {
            Ended::Alone(status)
        }))
    }

    /// `kill -9` of the control plane.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        Process(child.id().cast_signed()).signal(Signal::INT);
        let status = child.wait()?;
        ensure!(
            status.success() || self.armed,
            "the platform ended with {status}; see {}",
            self.log.display()
        );
        Ok(())
    }

    /// Whether it is there to be killed or stopped.
    pub(crate) fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// The control plane's process.
    pub(crate) fn control_plane(&self) -> Option<Process> {
        self.child.as_ref().map(|child| Process(child.id().cast_signed()))
    }

    /// The spawner's, if one runs.
    pub(crate) fn spawner(&self) -> Option<Process> {
        spawner(&self.data)
    }

    /// Lines of its log that no user should ever see.
    pub(crate) fn panics(&self) -> Result<Vec<String>> {
        let lines = BufReader::new(File::open(&self.log)?).lines();
        Ok(lines
            .map_while(Result::ok)
            .filter(|line| line.contains("panicked"))
            .collect())
    }
}

impl Drop for Platform {
    /// Nothing that the soak started outlives it.
    fn drop(&mut self) {
        self.kill();
        if let Some(spawner) = self.spawner() {
            spawner.kill();
        }
    }
}

/// The spawner of the platform on `data`, if one runs.
pub(crate) fn spawner(data: &Path) -> Option<Process> {
    let node = data.join("node").display().to_string();
    Process::called(&["plimsoll-spawner", &node]).first().copied()
}

/// The places at which a control plane may be told to kill itself, read from the sources.
pub(crate) fn crash_points(crates: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(crates)?.flatten() {
        collect(&entry.path().join("src"), &mut found)?;
    }
    // Those of other processes are not the control plane's.
    found.retain(|name| !name.starts_with("spawner.") && !name.starts_with("exec.") && name.contains('.'));
    found.sort();
    found.dedup();
    ensure!(!found.is_empty(), "no crash points in {}", crates.display());
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            for call in ["crash::point(\"", ".at(\""] {
                let names = text.split(call).skip(1);
                found.extend(names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }
    Ok(())
}
