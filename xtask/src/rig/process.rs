//! Processes that outlive the command that starts them, and are ended only if they still are the ones started.
//!
//! A process id may be given to another process; with its start time it names one process for as long as the
//! machine is up.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::folder::Folder;

/// How long a process may take to end in good order.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How often a process that should be ready, or gone, is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Lines of a log that are shown when its process fails.
const TAIL_LINES: usize = 12;

/// A process as the rig remembers it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its process id.
    pub(crate) pid: i32,
    /// When it started, in clock ticks since boot.
    started: u64,
}

impl Record {
    fn of(pid: i32) -> Option<Self> {
        let started = start_time(pid)?;
        Some(Self { pid, started })
    }

    fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }
}

/// The start time of a process that runs; a dead one that nobody has waited for does not.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; after it come the state and 18 numbers before the start.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let runs = !matches!(fields.next()?, "Z" | "X");
    let started = fields.nth(18)?.parse().ok()?;
    runs.then_some(started)
}

/// The process of this name, if it runs.
pub(crate) fn running(folder: &Folder, name: &str) -> Option<Record> {
    let text = fs::read_to_string(folder.path().join(file(name))).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    record.is_alive().then_some(record)
}

fn file(name: &str) -> String {
    format!("run/{name}.json")
}

/// Starts a program, unless it runs.
pub(crate) fn start(folder: &Folder, name: &str, command: &mut Command) -> Result<()> {
    if running(folder, name).is_some() {
        return Ok(());
    }
    let log = File::create(folder.log(name)?)?;
    // A group of its own: Ctrl-C in this terminal does not reach it.
    let child = command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let pid = i32::try_from(child.id()).context("a process id")?;
    let Some(record) = Record::of(pid) else {
        bail!("{name} ended at once{}", tail(folder, name));
    };
    folder.write(&file(name), &serde_json::to_string(&record)?)?;
    Ok(())
}

/// Ends the process of this name, and waits until it is gone.
pub(crate) fn stop(folder: &Folder, name: &str) -> Result<()> {
    if let Some(record) = running(folder, name) {
        let signal = |signal| Pid::from_raw(record.pid).map(|pid| kill_process(pid, signal));
        signal(Signal::TERM);
        if !gone_within(&record, END_WITHIN) {
            signal(Signal::KILL);
            if !gone_within(&record, END_WITHIN) {
                bail!("{name} (process {}) does not end", record.pid);
            }
        }
    }
    remove_if_there(&folder.path().join(file(name)))
}

fn gone_within(record: &Record, limit: Duration) -> bool {
    let since = Instant::now();
    while record.is_alive() {
        if since.elapsed() > limit {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Waits until `ready`; fails at once if the process of this name ends.
pub(crate) fn wait_until(
    folder: &Folder,
    name: &str,
    limit: Duration,
    ready: impl Fn() -> bool,
) -> Result<()> {
    let since = Instant::now();
    while !ready() {
        if running(folder, name).is_none() {
            bail!("{name} ended{}", tail(folder, name));
        }
        if since.elapsed() > limit {
            bail!("{name} is not ready after {limit:?}{}", tail(folder, name));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// What a program said last, to be put after an error.
pub(crate) fn tail(folder: &Folder, name: &str) -> String {
    let Ok(log) = folder.log(name) else {
        return String::new();
    };
    let text = fs::read(&log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    format!("; the end of {}:\n{}", log.display(), last.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let folder = Folder::new(Some(dir.path().join("rig"))).expect("a folder");
        (dir, folder)
    }

    #[test]
    fn a_process_is_started_once_and_ended() {
        let (_dir, folder) = folder();
        let sleep = || {
            let mut command = Command::new("sleep");
            command.arg("1000");
            command
        };
        start(&folder, "sleep", &mut sleep()).expect("it starts");
        let first = running(&folder, "sleep").expect("it runs");
        start(&folder, "sleep", &mut sleep()).expect("it runs already");
        assert_eq!(running(&folder, "sleep"), Some(first));
        stop(&folder, "sleep").expect("it ends");
        assert_eq!(running(&folder, "sleep"), None);
        stop(&folder, "sleep").expect("it is gone already");
    }

    #[test]
    fn another_process_of_the_same_id_is_left_alone() {
        let (_dir, folder) = folder();
        let own = Record::of(i32::try_from(std::process::id()).expect("an id")).expect("we run");
        let other = Record {
            started: own.started + 1,
            ..own
        };
        let text = serde_json::to_string(&other).expect("JSON");
        folder.write(&file("other"), &text).expect("written");
        assert_eq!(running(&folder, "other"), None);
        stop(&folder, "other").expect("nothing to end: this test goes on");
    }

    #[test]
    fn the_end_of_a_log_is_shown() {
        let (_dir, folder) = folder();
        let text: String = (0..20).map(|line| format!("line {line}\n")).collect();
        folder.write("log/program.log", &text).expect("written");
        let shown = tail(&folder, "program");
        assert!(
            shown.ends_with("line 18\nline 19") && !shown.contains("line 7\n"),
            "{shown}"
        );
    }
}
