//! The store as its users see it, on a disk that does not fail.

use std::sync::Arc;

use store::{Durability, Entry, Error, EventKind, Options, Revision, SimDisk, Store, Tx, Watcher};

fn store() -> Store {
    Store::open(Arc::new(SimDisk::new(0)), &Options::inline()).expect("an empty disk opens")
}

fn write(store: &Store, work: impl FnOnce(&mut Tx<'_>)) -> u64 {
    let done = store.transact(|tx| {
        work(tx);
        Ok::<_, Error>(())
    });
    done.expect("the disk does not fail").1.0
}

/// A caller's own reason to give up.
#[derive(Debug)]
struct Refused;

impl From<Error> for Refused {
    fn from(_: Error) -> Self {
        Self
    }
}

fn text(entry: &Entry) -> String {
    let value = std::str::from_utf8(&entry.value).expect("values here are text");
    format!("{}={value}@{},{}", entry.key, entry.created, entry.modified)
}

/// What a watcher can return now: `+key=value@revision`, `-key=final value@revision`, or the error.
fn seen(watcher: &mut Watcher) -> Vec<String> {
    std::iter::from_fn(|| watcher.try_next())
        .map(|result| match result {
            Ok(event) => {
                let sign = if event.kind == EventKind::Put { '+' } else { '-' };
                let value = String::from_utf8_lossy(&event.value).into_owned();
                format!("{sign}{}={value}@{}", event.key, event.revision)
            }
            Err(too_old) => too_old.to_string(),
        })
        .collect()
}

#[test]
fn every_write_has_its_own_revision_and_a_batch_ends_at_its_last() {
    let store = store();
    let last = write(&store, |tx| {
        assert_eq!(tx.next_revision(), Revision(1));
        assert_eq!(tx.put("a", "1"), Revision(1));
        assert_eq!(tx.put_with("b", |revision| format!("at {revision}")), Revision(2));
        assert_eq!(tx.put("a", "2"), Revision(3));
        assert_eq!(tx.delete("c"), None);
    });
    assert_eq!(last, 3);
    let (entries, revision) = store.list("");
    assert_eq!(revision, Revision(3));
    assert_eq!(
        entries.iter().map(text).collect::<Vec<_>>(),
        ["a=2@1,3", "b=at 2@2,2"]
    );
}

#[test]
fn a_failed_transaction_changes_nothing() {
    let store = store();
    write(&store, |tx| {
        tx.put("a", "1");
    });
    let failed = store.transact(|tx| {
        tx.put("a", "2");
        tx.delete("a");
        Err::<(), Refused>(Refused)
    });
    assert!(failed.is_err());
    assert_eq!(store.revision(), Revision(1));
    assert_eq!(store.get("a").as_ref().map(text), Some("a=1@1,1".to_owned()));
}

#[test]
fn a_transaction_sees_its_own_writes() {
    let store = store();
    write(&store, |tx| {
        tx.put("x/a", "1");
        tx.put("x/b", "1");
    });
    write(&store, |tx| {
        tx.put("x/c", "2");
        tx.delete("x/a");
        tx.put("x/b", "2");
        tx.put("y", "2");
        let seen: Vec<_> = tx.range("x/").iter().map(text).collect();
        assert_eq!(seen, ["x/b=2@2,5", "x/c=2@3,3"]);
        assert_eq!(tx.get("x/a"), None);
        assert_eq!(tx.put("x/a", "3"), Revision(7));
        assert_eq!(tx.get("x/a").as_ref().map(text), Some("x/a=3@7,7".to_owned()));
    });
}

#[test]
fn pages_follow_each_other() {
    let store = store();
    write(&store, |tx| {
        for key in ["a/1", "a/2", "a/3", "b/1"] {
            tx.put(key, "");
        }
    });
    let keys = |after, limit| -> Vec<String> {
        let (entries, _) = store.page("a/", after, limit);
        entries.iter().map(|entry| entry.key.to_string()).collect()
    };
    assert_eq!(keys(None, 2), ["a/1", "a/2"]);
    assert_eq!(keys(Some("a/2"), 2), ["a/3"]);
    assert_eq!(keys(Some("a/9"), 2), [""; 0]);
    assert_eq!(keys(Some("A"), 1), ["a/1"]);
}

#[test]
fn watchers_see_what_is_under_their_prefix_from_where_they_ask() {
    let store = store();
    write(&store, |tx| {
        tx.put("a/1", "x");
        tx.put("b/1", "x");
    });
    let mut all = store
        .watch("", Revision(0), Durability::Appended)
        .expect("nothing is compacted");
    let mut under_a = store
        .watch("a/", Revision(1), Durability::Appended)
        .expect("nothing is compacted");
    write(&store, |tx| {
        tx.put("a/1", "y");
        tx.delete("b/1");
        tx.delete_with("a/1", |revision| format!("gone at {revision}"));
    });
    assert_eq!(seen(&mut under_a), ["+a/1=y@3", "-a/1=gone at 5@5"]);
    assert_eq!(
        seen(&mut all),
        ["+a/1=x@1", "+b/1=x@2", "+a/1=y@3", "-b/1=x@4", "-a/1=gone at 5@5"]
    );
    assert_eq!((all.progress(), under_a.progress()), (Revision(5), Revision(5)));
}

#[test]
fn an_event_carries_the_value_before() {
    let store = store();
    let mut watcher = store
        .watch("", Revision(0), Durability::Appended)
        .expect("nothing is compacted");
    for value in ["1", "2"] {
        write(&store, |tx| {
            tx.put("a", value);
        });
    }
    let events: Vec<_> = std::iter::from_fn(|| watcher.try_next()).flatten().collect();
    let before: Vec<_> = events.iter().map(|event| event.previous.as_deref()).collect();
    assert_eq!(before, [None, Some(&b"1"[..])]);
    assert!(events.iter().all(|event| event.created == Revision(1)));
}
