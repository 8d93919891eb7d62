//! What the kernel tells of processes: `/proc`, read.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal};

/// A process that was there when `/proc` was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) i32);

impl Process {
    /// Every process.
    pub(crate) fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Self))
            .collect()
    }

    /// Those whose environment says `name=value`.
    pub(crate) fn marked(name: &str, value: &str) -> Vec<Self> {
        let mark = format!("{name}={value}");
        let marked = |process: &Self| {
            let environment = process.read("environ");
            environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == mark.as_bytes())
        };
        Self::all().into_iter().filter(marked).collect()
    }

    /// Those whose command line begins with these words.
    pub(crate) fn called(words: &[&str]) -> Vec<Self> {
        let begins = |process: &Self| {
            let line = process.read("cmdline");
            let mut said = line.split(|byte| *byte == 0);
            words.iter().all(|word| said.next() == Some(word.as_bytes()))
        };
        Self::all().into_iter().filter(begins).collect()
    }

    /// Whether it runs under `plimsoll exec`'s own process, rather than the user's.
    pub(crate) fn is_executor(self) -> bool {
        self.read("cmdline").split(|byte| *byte == 0).nth(1) == Some(b"exec")
    }

    /// `kill -9`.
    pub(crate) fn kill(self) -> bool {
        self.signal(Signal::KILL)
    }

    /// Sends a signal; whether there was somebody.
    pub(crate) fn signal(self, signal: Signal) -> bool {
        Pid::from_raw(self.0).is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
    }

    /// Memory in use that is its own: what it has of its program's file comes and goes with the machine's cache.
    pub(crate) fn own_kib(self) -> u64 {
        let status = String::from_utf8(self.read("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or(0)
    }

    /// How many files it has open.
    pub(crate) fn open_files(self) -> u64 {
        fs::read_dir(self.path("fd")).map_or(0, |entries| entries.count() as u64)
    }

    /// How many mounts it sees below `path`.
    pub(crate) fn mounts_below(self, path: &Path) -> u64 {
        let text = String::from_utf8_lossy(&self.read("mountinfo")).into_owned();
        let below = format!(" {}", path.display());
        text.lines().filter(|line| line.contains(&below)).count() as u64
    }

    fn read(self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap_or_default()
    }

    fn path(self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.0))
    }
}
