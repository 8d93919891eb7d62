//! Bytes from a disk or a socket: recovery ends in a store or a refusal, never in anything else.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use spawner::frame::Inbox;
use spawner::protocol::{Message, Request};
use store::{Disk as _, Options, SimDisk, Store};

/// A segment small enough that a log has several.
const SEGMENT: usize = 4 << 10;
/// The first byte of an input says what the rest is.
const RAW: u8 = b'r';

/// Raw bytes as the only segment of a log; or edits (file, offset, change: four bytes each) of a log that was right.
pub(crate) fn store(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let disk = if *kind == RAW {
        raw_log(rest)
    } else {
        edited_log(rest)
    };
    let Some(disk) = disk else { return };
    let disk = Arc::new(disk);
    let Ok(store) = Store::open(disk.clone(), &options()) else {
        return;
    };
    assert!(write(&store, "key", b"value"), "a store that opened takes writes");
    drop(store);
    let again = Store::open(Arc::new(disk.after_kill()), &options());
    let value = again
        .ok()
        .and_then(|store| store.get("key"))
        .map(|entry| entry.value);
    assert_eq!(value.as_deref(), Some(&b"value"[..]), "what was written is there");
}

fn options() -> Options {
    Options {
        segment_bytes: SEGMENT,
        snapshot_bytes: 2 * SEGMENT as u64,
        ..Options::inline()
    }
}

fn write(store: &Store, key: &str, value: &[u8]) -> bool {
    let value = value.to_vec();
    store
        .transact(|tx| {
            tx.put(key, value.clone());
            Ok::<_, store::Error>(())
        })
        .is_ok()
}

fn raw_log(bytes: &[u8]) -> Option<SimDisk> {
    let disk = SimDisk::new(1);
    let mut file = disk.create("00000000000000000001.log").ok()?;
    file.write_at(0, bytes).ok()?;
    file.sync().ok()?;
    disk.sync_names().ok()?;
    Some(disk)
}

fn edited_log(edits: &[u8]) -> Option<SimDisk> {
    let disk = SimDisk::new(1);
    let store = Store::open(Arc::new(disk.clone()), &options()).ok()?;
    for n in 0..40 {
        write(&store, &format!("key-{}", n % 7), &[n; 300]);
    }
    drop(store);
    let disk = disk.after_kill();
    let mut names = disk.list().ok()?;
    names.sort();
    for edit in edits.chunks_exact(4) {
        let Some(name) = names.get(usize::from(edit[0]) % names.len().max(1)) else {
            break;
        };
        let offset = u64::from(u16::from_le_bytes([edit[1], edit[2]])) % SEGMENT as u64;
        disk.open(name).ok()?.write_at(offset, &edit[3..]).ok()?;
    }
    Some(disk)
}

/// Raw bytes as a spawner's journal; or lines, each the body of a record whose length and sum are right.
pub(crate) fn journal(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    if *kind == RAW {
        let _ = spawner::open_attempts(rest);
        return;
    }
    let mut framed = Vec::new();
    for body in rest.split(|byte| *byte == b'\n') {
        framed.extend((body.len() as u32).to_le_bytes());
        framed.extend(crc32fast::hash(body).to_le_bytes());
        framed.extend(body);
    }
    let whole = spawner::open_attempts(&framed);
    // A torn tail changes nothing of what stands before it.
    framed.extend([9, 0, 0, 0, 1]);
    assert_eq!(spawner::open_attempts(&framed).ok(), whole.ok());
}

/// Frames of the spawner's protocol, in both directions, read at once and byte by byte.
pub(crate) fn frames(bytes: &[u8]) {
    assert_eq!(read::<Request>(bytes, bytes.len()), read::<Request>(bytes, 1));
    assert_eq!(read::<Message>(bytes, bytes.len()), read::<Message>(bytes, 3));
}

/// How many frames are understood before the first that is not, and whether there is one.
fn read<T: DeserializeOwned>(bytes: &[u8], at_once: usize) -> (usize, bool) {
    let mut inbox = Inbox::default();
    let mut count = 0;
    for chunk in bytes.chunks(at_once.max(1)) {
        inbox.extend(chunk);
        loop {
            match inbox.take::<T>() {
                Ok(Some(_)) => count += 1,
                Ok(None) => break,
                Err(_) => return (count, true),
            }
        }
    }
    (count, false)
}
