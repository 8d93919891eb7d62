//! Files of every released format open, or are refused cleanly. `fixtures/v1` was written by the first version.
//!
//! A new format gets a new folder, written by `cargo test -p store --test formats -- --ignored`, once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::{Commit, Error, Options, RealDisk, Store};

fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(version)
}

fn open(path: &Path) -> Store {
    let options = Options {
        segment_bytes: 4 << 10,
        snapshot_bytes: 6 << 10,
        commit: Commit::Inline,
        ..Options::default()
    };
    let disk = Arc::new(RealDisk::open(path).expect("the folder is free"));
    Store::open(disk, &options).expect("it opens")
}

/// Writes that reach everything a format has: batches, deletions of both sorts, segments, a snapshot.
fn write(store: &Store) {
    for n in 0..30_u8 {
        let written = store.transact(|tx| {
            tx.put_with(&format!("a/{:02}", n % 10), |revision| {
                format!("{revision}").repeat(100)
            });
            tx.put(&format!("b/{n:02}"), vec![n; 20]);
            tx.delete(&format!("b/{:02}", n.wrapping_sub(3)));
            if n == 25 {
                tx.delete_with("a/00", |revision| format!("gone at {revision}"));
            }
            Ok::<_, Error>(())
        });
        written.expect("the disk does not fail");
    }
}

#[test]
fn the_first_format_opens() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = std::fs::read_dir(fixture("v1")).expect("the fixture is there");
    for file in files.map(|file| file.expect("it is readable").path()) {
        let name = file.file_name().expect("it has a name");
        std::fs::copy(&file, folder.path().join(name)).expect("it is copied");
    }
    let expected = tempfile::tempdir().expect("a folder");
    let expected = open(expected.path());
    write(&expected);
    let found = open(folder.path());
    assert_eq!(found.list(""), expected.list(""));
}

#[test]
#[ignore = "writes a fixture of the format as it is now"]
fn write_a_fixture() {
    let path = fixture("new");
    write(&open(&path));
    std::fs::remove_file(path.join("lock")).expect("the lock is there");
}
