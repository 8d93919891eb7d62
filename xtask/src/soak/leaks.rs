//! What is left when nothing runs: processes, mounts, files, memory. Held against what was left after the first rounds.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::platform::Platform;
use super::processes::Process;

/// The first rounds, which set what is normal.
pub(crate) const BASELINE: usize = 3;
/// Growth beyond these is a leak. A control plane that was just started has yet to fill its ring of recent events (16 MiB,
/// each with the object before it), and the allocator keeps what it once had.
const MEMORY_KIB: u64 = 64 << 10;
const OPEN_FILES: u64 = 12;
const STORE_BYTES: u64 = 64 << 20;
/// A young spawner has yet to meet a full fan of pipes.
const SPAWNER_KIB: u64 = 8 << 10;

/// A platform at rest, with no workflow in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// Memory of the control plane.
    pub(crate) kib: u64,
    /// Memory of the spawner.
    pub(crate) spawner_kib: u64,
    pub(crate) open_files: u64,
    pub(crate) spawner_open_files: u64,
    pub(crate) store_bytes: u64,
    /// Below the node's directory.
    pub(crate) node_files: u64,
    /// Mounts of this machine, and those that the spawner sees, below the data directory.
    pub(crate) mounts: u64,
    /// Objects of the API that are there for good.
    pub(crate) objects: u64,
    /// Events, which go by their age.
    pub(crate) events: u64,
}

/// Measures what is left.
pub(crate) fn measure(platform: &Platform, data: &Path) -> Rest {
    let of = |process: Option<Process>, what: fn(Process) -> u64| process.map_or(0, what);
    let (control_plane, spawner) = (platform.control_plane(), platform.spawner());
    let here = Process(std::process::id().cast_signed());
    Rest {
        kib: of(control_plane, Process::own_kib),
        spawner_kib: of(spawner, Process::own_kib),
        open_files: of(control_plane, Process::open_files),
        spawner_open_files: of(spawner, Process::open_files),
        store_bytes: weigh(&data.join("store")).bytes,
        node_files: weigh(&data.join("node")).files,
        mounts: here.mounts_below(data) + spawner.map_or(0, |spawner| spawner.mounts_below(data)),
        objects: 0,
        events: 0,
    }
}

#[derive(Default)]
struct Weight {
    files: u64,
    bytes: u64,
}

fn weigh(folder: &Path) -> Weight {
    let mut weight = Weight::default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        weight.files += 1;
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            let below = weigh(&entry.path());
            weight.files += below.files;
            weight.bytes += below.bytes;
        } else {
            weight.bytes += metadata.len();
        }
    }
    weight
}

/// What is counted, how, and how much more of it is no leak.
type Row = (&'static str, fn(&Rest) -> u64, u64);

/// What of `rest` is more than the `baseline` explains.
pub(crate) fn growth(baseline: &[Rest], rest: &Rest) -> Vec<String> {
    let rows: [Row; 8] = [
        ("KiB of the control plane's memory", |rest| rest.kib, MEMORY_KIB),
        (
            "KiB of the spawner's memory",
            |rest| rest.spawner_kib,
            SPAWNER_KIB,
        ),
        (
            "open files of the control plane",
            |rest| rest.open_files,
            OPEN_FILES,
        ),
        (
            "open files of the spawner",
            |rest| rest.spawner_open_files,
            OPEN_FILES,
        ),
        ("bytes of the store", |rest| rest.store_bytes, STORE_BYTES),
        ("files of the node", |rest| rest.node_files, OPEN_FILES),
        ("mounts", |rest| rest.mounts, 0),
        ("objects", |rest| rest.objects, 0),
    ];
    let found = rows.iter().filter_map(|(what, of, slack)| {
        let normal = baseline.iter().map(of).max()?;
        (of(rest) > normal + slack).then(|| format!("{} {what}, and {normal} at the beginning", of(rest)))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grew_beyond_its_slack_is_told() {
        let at = |kib, mounts| Rest {
            kib,
            mounts,
            ..Rest::default()
        };
        let baseline = [at(1000, 1), at(2000, 0)];
        assert_eq!(growth(&baseline, &at(2000 + MEMORY_KIB, 1)), [""; 0]);
        assert_eq!(growth(&baseline, &at(2001 + MEMORY_KIB, 2)).len(), 2);
        assert_eq!(growth(&[], &at(1, 1)), [""; 0]);
    }
}
