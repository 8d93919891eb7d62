//! Disks that fail without losing power, and files that are not what was written.

use std::sync::Arc;

use store::{
    Commit, Disk, Durability, Error, ErrorKind, Faults, Options, RealDisk, Revision, SimDisk, Store,
};

const SEGMENT: usize = 16 << 10;

fn options(commit: Commit) -> Options {
    Options {
        segment_bytes: SEGMENT,
        snapshot_bytes: 64 << 10,
        commit,
        ..Options::default()
    }
}

fn open(disk: &SimDisk) -> Result<Store, Error> {
    Store::open(Arc::new(disk.clone()), &options(Commit::Inline))
}

fn put(store: &Store, key: &str, bytes: usize) -> Result<Revision, Error> {
    let put = store.transact(|tx| Ok::<_, Error>(tx.put(key, vec![b'x'; bytes])));
    put.map(|(revision, _)| revision)
}

/// What has become of a write: `None` if it is durable.
fn outcome(store: &Store, revision: Revision) -> Option<ErrorKind> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime
        .block_on(store.durable(revision))
        .err()
        .map(|error| error.kind())
}

fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_the_store_is_read_only() {
    let disk = SimDisk::new(1);
    let store = open(&disk).expect("it opens");
    let good = put(&store, "a", 10).expect("the disk is fine");
    disk.set_faults(Faults {
        fail_sync_at: Some(0),
        ..Faults::default()
    });
    let lost = put(&store, "b", 10).expect("it is appended");
    assert_eq!(outcome(&store, good), None);
    assert_eq!(outcome(&store, lost), Some(ErrorKind::Io));
    let refused = put(&store, "c", 10).expect_err("the store is read-only");
    assert_eq!(refused.kind(), ErrorKind::ReadOnly);
    let expected =
        "the store is read-only after a failed write: cannot write the log: the disk failed to sync";
    assert_eq!(refused.to_string(), expected);
    assert_eq!((store.revision(), store.durable_revision()), (lost, good));
    let store = open(&disk.after_power_loss()).expect("it opens");
    assert!(store.get("a").is_some() && store.get("c").is_none());
}

#[test]
fn a_failed_write_tells_only_those_whose_write_it_was() {
    let disk = SimDisk::new(1);
    let store = Store::open(Arc::new(disk.clone()), &options(Commit::Manual)).expect("it opens");
    let good = put(&store, "a", 10).expect("it is appended");
    store.commit();
    let lost = [put(&store, "b", 10), put(&store, "c", 10)].map(|put| put.expect("it is appended"));
    let mut watcher = store
        .watch("", Revision::ZERO, Durability::Durable)
        .expect("nothing is compacted");
    disk.set_faults(Faults {
        fail_write_at: Some(0),
        ..Faults::default()
    });
    store.commit();
    assert_eq!(outcome(&store, good), None);
    assert_eq!(
        lost.map(|revision| outcome(&store, revision)),
        [Some(ErrorKind::Io); 2]
    );
    let told: Vec<_> = std::iter::from_fn(|| watcher.try_next())
        .flatten()
        .map(|event| event.revision)
        .collect();
    assert_eq!(told, [good]);
}

#[test]
fn a_full_disk_is_met_before_a_write_is_taken_and_is_over_when_there_is_room() {
    let disk = SimDisk::new(1);
    let store = open(&disk).expect("it opens");
    let full = |capacity| Faults {
        capacity: Some(capacity),
        ..Faults::default()
    };
    disk.set_faults(full(SEGMENT as u64 + 1000));
    let mut taken = 0;
    let refused = loop {
        match put(&store, &format!("{taken}"), 500) {
            Ok(revision) => assert_eq!(outcome(&store, revision), None, "what is taken is durable"),
            Err(error) => break error,
        }
        taken += 1;
    };
    assert_eq!(refused.kind(), ErrorKind::Full);
    assert_eq!(refused.hint(), Some("free some space on the disk"));
    assert!(taken > 5, "the rest of the segment was used: {taken}");
    assert_eq!(store.list("").0.len(), taken, "what is refused leaves no trace");
    assert_eq!(store.durable_revision(), store.revision());
    disk.set_faults(Faults::default());
    let revision = put(&store, "more", 500).expect("there is room again");
    assert_eq!(outcome(&store, revision), None);
    let store = open(&disk.after_power_loss()).expect("it opens");
    assert_eq!(store.list("").0.len(), taken + 1);
}

#[test]
fn a_store_that_does_not_fit_does_not_open() {
    let disk = SimDisk::new(1);
    disk.set_faults(Faults {
        capacity: Some(1000),
        ..Faults::default()
    });
    assert_eq!(kind(open(&disk)), Some(ErrorKind::Full));
    disk.set_faults(Faults::default());
    assert!(open(&disk).is_ok());
}

#[test]
fn a_snapshot_that_does_not_fit_is_put_off() {
    let disk = SimDisk::new(1);
    let store = open(&disk).expect("it opens");
    // Twice as much as the log needs until a snapshot is due, but not the snapshot too.
    disk.set_faults(Faults {
        capacity: Some(7 * SEGMENT as u64),
        ..Faults::default()
    });
    let puts = (0..)
        .map(|n| put(&store, &format!("{n}"), 3000))
        .take_while(Result::is_ok)
        .count();
    assert!(puts > 30, "{puts}");
    disk.set_faults(Faults::default());
    for n in 0..60 {
        put(&store, &format!("{n}"), 3000).expect("there is room again");
    }
    assert!(store.stats().snapshots > 0);
    assert_eq!(
        open(&disk.after_power_loss()).expect("it opens").list("").0,
        store.list("").0
    );
}

#[test]
fn a_batch_too_large_for_a_record_is_refused() {
    let store = open(&SimDisk::new(1)).expect("it opens");
    assert_eq!(kind(put(&store, "a", SEGMENT / 2)), Some(ErrorKind::TooLarge));
    assert_eq!(store.revision(), Revision::ZERO);
    assert_eq!(put(&store, "a", SEGMENT / 5).ok(), Some(Revision(1)));
}

/// A disk with several segments and a snapshot, and what the store on it holds.
fn filled() -> (SimDisk, usize) {
    let disk = SimDisk::new(1);
    let store = open(&disk).expect("it opens");
    for n in 0..60 {
        put(&store, &format!("{n:02}"), 2000).expect("the disk does not fail");
    }
    assert!(store.stats().snapshots > 0);
    let count = store.list("").0.len();
    drop(store);
    (disk.after_kill(), count)
}

fn names(disk: &SimDisk, suffix: &str) -> Vec<String> {
    let names = disk.list().expect("the disk does not fail");
    names.into_iter().filter(|name| name.ends_with(suffix)).collect()
}

#[test]
fn rot_is_never_silently_dropped() {
    let (disk, count) = filled();
    let logs = names(&disk, ".log");
    assert!(logs.len() > 1, "{logs:?}");
    let mut files: Vec<(String, usize)> = names(&disk, ".snap")
        .into_iter()
        .map(|name| (name, 5000))
        .collect();
    files.extend(logs.iter().map(|name| (name.clone(), 500)));
    files.extend(logs.iter().map(|name| (name.clone(), 20)));
    for (name, offset) in files {
        let disk = disk.after_kill_copy();
        assert!(disk.flip(&name, offset));
        let error = open(&disk).map(|_| ()).expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {error}");
        assert!(
            error.to_string().contains(&name) || error.to_string().contains("log"),
            "{error}"
        );
    }
    assert_eq!(open(&disk).expect("it opens").list("").0.len(), count);
}

/// Whatever byte is wrong, the store does not open, or it has lost nothing but the end of the log: the last
/// record, which nothing follows that could tell that it was whole once.
#[test]
fn any_byte_may_be_wrong() {
    let (disk, count) = filled();
    let revision = open(&disk.after_kill_copy()).expect("it opens").revision();
    for name in disk.list().expect("the disk does not fail") {
        let bytes = disk.read(&name).expect("it is there").len();
        for offset in (0..bytes).step_by(37) {
            let disk = disk.after_kill_copy();
            disk.flip(&name, offset);
            match open(&disk) {
                Ok(store) => {
                    assert!(store.revision().0 >= revision.0 - 1, "{name}, byte {offset}");
                    assert!(store.list("").0.len() + 1 >= count, "{name}, byte {offset}");
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(
                        matches!(kind, ErrorKind::Corrupt | ErrorKind::Format),
                        "{name}, byte {offset}: {error}"
                    );
                }
            }
        }
    }
}

/// All but the last segment: that it was there is written nowhere else.
#[test]
fn missing_files_are_missed() {
    let (disk, _) = filled();
    let mut logs = names(&disk, ".log");
    logs.pop();
    for name in logs.into_iter().chain(names(&disk, ".snap")) {
        let disk = disk.after_kill_copy();
        disk.remove(&name).expect("it is there");
        assert_eq!(kind(open(&disk)), Some(ErrorKind::Corrupt), "without {name}");
    }
}

#[test]
fn another_format_is_refused_and_told() {
    let (disk, _) = filled();
    let log = names(&disk, ".log").pop().expect("there is one");
    assert!(disk.flip(&log, 8));
    let error = open(&disk).map(|_| ()).expect_err("it is of another format");
    assert_eq!(error.kind(), ErrorKind::Format);
    assert_eq!(
        error.to_string(),
        format!("{log} has format 65; this version reads format 1")
    );
}

#[test]
fn a_directory_is_open_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = RealDisk::open(folder.path()).expect("it opens");
    assert_eq!(kind(RealDisk::open(folder.path())), Some(ErrorKind::InUse));
    drop(first);
    let disk = Arc::new(RealDisk::open(folder.path()).expect("it opens"));
    let store = Store::open(disk, &options(Commit::Thread)).expect("it opens");
    assert_eq!(kind(RealDisk::open(folder.path())), Some(ErrorKind::InUse));
    drop(store);
    assert!(RealDisk::open(folder.path()).is_ok());
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = RealDisk::open(file.path().join("store"))
        .map(|_| ())
        .expect_err("it is no folder");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().starts_with("cannot open /"), "{error}");
}

#[test]
fn the_writers_thread_notices_that_there_is_room_again() {
    let disk = SimDisk::new(1);
    let store = Store::open(Arc::new(disk.clone()), &options(Commit::Thread)).expect("it opens");
    disk.set_faults(Faults {
        capacity: Some(SEGMENT as u64 + 1000),
        ..Faults::default()
    });
    let taken = (0..)
        .map(|n| put(&store, &format!("{n}"), 500))
        .take_while(Result::is_ok)
        .count();
    assert_eq!(store.revision(), Revision(taken as u64));
    assert_eq!(
        outcome(&store, store.revision()),
        None,
        "what was taken is durable"
    );
    disk.set_faults(Faults::default());
    // The refused writes are what makes the writer look again.
    let revision = (0..).find_map(|_| put(&store, "more", 500).ok());
    assert_eq!(revision.and_then(|revision| outcome(&store, revision)), None);
}
