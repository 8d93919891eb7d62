//! Control groups: what holds a process and everything it starts to its share of memory and processors.
//!
//! ```text
//!     version 1    MEMORY/own/plimsoll-ID/POD.CONTAINER.ATTEMPT     one tree for each controller
//!                  CPU/own/plimsoll-ID/POD.CONTAINER.ATTEMPT
//!     version 2    UNIFIED/above/plimsoll-ID/POD.CONTAINER.ATTEMPT  one tree for all
//! ```
//!
//! What the machine gives is found by making the group `plimsoll-ID`; where it gives nothing there are no limits, and
//! whoever asks is told so. Only processes with limits have a group: entering one takes the kernel milliseconds. This
//! knows files of the kernel, and nothing of how processes start.

mod find;

use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::machine;
use crate::protocol::{Failure, Key, Share, Stage};

/// Microseconds in which a share of processors is granted, as kubelet has it.
const PERIOD: u64 = 100_000;
/// The least that the kernel grants in a period, in microseconds.
const QUOTA_MIN: u64 = 1000;

/// Where this spawner's groups are.
#[derive(Default)]
pub(crate) struct Groups {
    trees: Vec<Tree>,
    /// Groups of which something is still ending.
    left: Vec<PathBuf>,
}

/// A group in which ours are made.
struct Tree {
    at: PathBuf,
    unified: bool,
    memory: bool,
    cpu: bool,
}

/// The group of one process: a directory in each tree that holds it to something.
#[derive(Default)]
pub(crate) struct Group {
    directories: Vec<PathBuf>,
    /// The file that counts what the kernel killed for want of memory.
    kills: Option<PathBuf>,
}

impl Groups {
    /// Finds out what this machine gives; `id` tells the groups of this spawner from those of others. What an earlier
    /// spawner of the same `id` left there is ended.
    pub(crate) fn open(id: &str) -> Self {
        let trees: Vec<_> = find::hierarchies()
            .iter()
            .filter_map(|hierarchy| hierarchy.open(&format!("plimsoll-{id}")))
            .collect();
        let mut groups = Self {
            left: trees.iter().flat_map(|tree| children(&tree.at)).collect(),
            trees,
        };
        groups.sweep();
        groups
    }

    /// Whether memory can be limited.
    pub(crate) fn memory(&self) -> bool {
        self.trees.iter().any(|tree| tree.memory)
    }

    /// Whether processors can be shared out.
    pub(crate) fn cpu(&self) -> bool {
        self.trees.iter().any(|tree| tree.cpu)
    }

    /// Makes the group of a process.
    pub(crate) fn make(&mut self, key: &Key, share: &Share) -> Result<Group, Failure> {
        let name = format!("{}.{}.{}", key.pod, key.container, key.attempt);
        let mut group = Group::default();
        let mut trees = self.trees.iter().filter(|tree| tree.serves(share));
        let made = trees.try_for_each(|tree| group.extend(tree, &name, share));
        match made {
            Ok(()) => Ok(group),
            Err(failure) => {
                self.remove(Some(group));
                Err(failure)
            }
        }
    }

    /// Ends what is left in a group, and takes it away.
    pub(crate) fn remove(&mut self, group: Option<Group>) {
        self.left
            .extend(group.into_iter().flat_map(|group| group.directories));
        self.sweep();
    }

    /// Takes away the groups in which nothing is left.
    pub(crate) fn sweep(&mut self) {
        self.left.retain(|group| {
            end(group);
            fs::remove_dir(group).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
        });
    }

    /// Takes everything away: nothing runs any more.
    pub(crate) fn close(&mut self) {
        self.sweep();
        for tree in &self.trees {
            drop(fs::remove_dir(&tree.at));
        }
    }
}

impl Tree {
    fn serves(&self, share: &Share) -> bool {
        self.memory && share.memory.is_some() || self.cpu && share.cpu_millis.is_some()
    }

    fn kills(&self) -> &'static str {
        if self.unified {
            "memory.events"
        } else {
            "memory.oom_control"
        }
    }
}

impl Group {
    fn extend(&mut self, tree: &Tree, name: &str, share: &Share) -> Result<(), Failure> {
        let at = tree.at.join(name);
        make_directory(&at).map_err(|error| failure(&at, &error))?;
        self.directories.push(at.clone());
        if tree.memory {
            self.kills = Some(at.join(tree.kills()));
        }
        settings(tree, share)
            .iter()
            .try_for_each(|setting| setting.write(&at))
    }

    /// Files by which a process enters: it writes `0` to each.
    pub(crate) fn doors(&self) -> Result<Vec<OwnedFd>, Failure> {
        let open = |directory: &PathBuf| {
            let at = directory.join("cgroup.procs");
            let file = OpenOptions::new().write(true).open(&at);
            file.map(OwnedFd::from).map_err(|error| failure(&at, &error))
        };
        self.directories.iter().map(open).collect()
    }

    /// Whether the kernel killed something in it for want of memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let text = self.kills.as_ref().and_then(|file| fs::read_to_string(file).ok());
        text.is_some_and(|text| kills(&text) > 0)
    }
}

/// The count in `memory.events` or `memory.oom_control`.
fn kills(text: &str) -> u64 {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// What is written to a file of a group.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    file: &'static str,
    value: String,
    /// Not every kernel has the file.
    optional: bool,
}

impl Setting {
    fn write(&self, group: &Path) -> Result<(), Failure> {
        let at = group.join(self.file);
        match fs::write(&at, &self.value) {
            Err(error) if !self.optional => Err(failure(&at, &error)),
            _ => Ok(()),
        }
    }
}

/// The settings of a share. Memory that is swapped out counts; version 2 ends a whole container when its memory runs
/// out, as kubelet wants it there, version 1 a process.
fn settings(tree: &Tree, share: &Share) -> Vec<Setting> {
    let set = |file, value: String| Setting {
        file,
        value,
        optional: false,
    };
    let try_set = |file, value: String| Setting {
        optional: true,
        ..set(file, value)
    };
    let mut all = Vec::new();
    match share.memory.filter(|_| tree.memory) {
        Some(bytes) if tree.unified => all.extend([
            set("memory.max", bytes.to_string()),
            try_set("memory.swap.max", "0".to_owned()),
            try_set("memory.oom.group", "1".to_owned()),
        ]),
        Some(bytes) => all.extend([
            set("memory.limit_in_bytes", bytes.to_string()),
            try_set("memory.memsw.limit_in_bytes", bytes.to_string()),
        ]),
        None => {}
    }
    let quota = |millis: u64| (millis.saturating_mul(PERIOD / 1000)).max(QUOTA_MIN);
    match share.cpu_millis.filter(|_| tree.cpu) {
        Some(millis) if tree.unified => all.push(set("cpu.max", format!("{} {PERIOD}", quota(millis)))),
        Some(millis) => all.extend([
            set("cpu.cfs_period_us", PERIOD.to_string()),
            set("cpu.cfs_quota_us", quota(millis).to_string()),
        ]),
        None => {}
    }
    all
}

/// Kills everything in a group.
fn end(group: &Path) {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|pid| pid.parse().ok()) {
        machine::kill(pid, Signal::KILL, false);
    }
}

fn make_directory(at: &Path) -> io::Result<()> {
    match fs::create_dir(at) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure {
        stage: Stage::Limit,
        subject: path.display().to_string(),
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check((unified, memory, cpu): (bool, bool, bool), share: Share, expected: &[&str]) {
        let tree = Tree {
            at: PathBuf::new(),
            unified,
            memory,
            cpu,
        };
        let found: Vec<_> = settings(&tree, &share)
            .iter()
            .map(|setting| format!("{}={}", setting.file, setting.value))
            .collect();
        assert_eq!(found, expected);
        assert_eq!(tree.serves(&share), !expected.is_empty());
    }

    #[test]
    fn a_share_is_written_as_each_version_wants_it() {
        let share = |memory, cpu_millis| Share { memory, cpu_millis };
        let both = share(Some(4096), Some(1500));
        check(
            (true, true, true),
            both,
            &[
                "memory.max=4096",
                "memory.swap.max=0",
                "memory.oom.group=1",
                "cpu.max=150000 100000",
            ],
        );
        check(
            (false, true, false),
            both,
            &["memory.limit_in_bytes=4096", "memory.memsw.limit_in_bytes=4096"],
        );
        check(
            (false, false, true),
            both,
            &["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=150000"],
        );
        check((true, true, true), share(None, Some(1)), &["cpu.max=1000 100000"]);
        check((true, false, true), share(Some(1), None), &[]);
    }

    #[test]
    fn both_versions_count_kills_alike() {
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
        assert_eq!(
            kills("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\noom_group_kill 1\n"),
            1
        );
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\n"), 0);
    }
}
