//! The store with its own writer, on a directory of this machine.

use std::sync::Arc;

use std::time::Duration;

use store::{Commit, Durability, Error, Options, Quiet, RealDisk, Revision, SimDisk, Store};

fn open(path: &std::path::Path) -> Store {
    let disk = Arc::new(RealDisk::open(path).expect("the folder is free"));
    let options = Options {
        segment_bytes: 64 << 10,
        snapshot_bytes: 128 << 10,
        ..Options::default()
    };
    Store::open(disk, &options).expect("it opens")
}

fn put(store: &Store, key: &str, value: &str) -> Revision {
    let put = store.transact(|tx| Ok::<_, Error>(tx.put(key, value.to_owned())));
    put.expect("the disk does not fail").0
}

#[tokio::test]
async fn what_is_durable_is_there_after_closing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for n in 0..500 {
        let revision = put(&store, &format!("{:03}", n % 150), &format!("{n}").repeat(200));
        if n % 7 == 0 {
            store.durable(revision).await.expect("the disk does not fail");
            assert!(store.durable_revision() >= revision);
        }
    }
    let before = store.list("");
    store.durable(before.1).await.expect("the disk does not fail");
    assert_eq!(store.stats().writes, 500);
    drop(store);
    assert_eq!(open(folder.path()).list(""), before);
}

#[test]
fn a_quiet_store_drops_what_only_watchers_that_lag_need() {
    let options = Options {
        quiet: Quiet {
            after: Duration::from_millis(1),
            ring_bytes: 1,
        },
        ..Options::default()
    };
    let store = Store::open(Arc::new(SimDisk::new(0)), &options).expect("it opens");
    let mut watcher = store
        .watch("", Revision::ZERO, Durability::Appended)
        .expect("nothing is compacted");
    let long = |n: u32| format!("{n} ").repeat(1000);
    for n in 0..100 {
        put(&store, &format!("/a/{n:02}"), &long(n));
    }
    while store.watch("", Revision::ZERO, Durability::Appended).is_ok() {
        std::thread::yield_now();
    }
    assert!(
        watcher.try_next().is_some_and(|event| event.is_err()),
        "it lagged"
    );
    let (entries, revision) = store.list("/a/");
    let values = entries.iter().map(|entry| entry.value.to_vec());
    assert!(values.eq((0..100).map(|n| long(n).into_bytes())), "packed or not");
    store
        .watch("", Revision(revision.0 - 1), Durability::Appended)
        .expect("the newest event stays");
}

#[tokio::test]
async fn a_serial_writer_has_a_sync_for_every_write_it_waits_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for n in 0..20 {
        store
            .durable(put(&store, "a", &n.to_string()))
            .await
            .expect("the disk does not fail");
    }
    let stats = store.stats();
    assert!(stats.fsyncs >= stats.writes, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_share_syncs_and_each_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let mut watcher = store
        .watch("", Revision::ZERO, Durability::Durable)
        .expect("nothing is compacted");
    let writer = |writer: u32| {
        let store = store.clone();
        async move {
            for n in 0..50 {
                let revision = put(&store, &format!("{writer}"), &n.to_string());
                store.durable(revision).await.expect("the disk does not fail");
            }
        }
    };
    let writers: Vec<_> = (0..8).map(|n| tokio::spawn(writer(n))).collect();
    for revision in 1..=400 {
        let event = watcher
            .next()
            .await
            .expect("the store is open")
            .expect("the watcher keeps up");
        assert_eq!(
            event.revision,
            Revision(revision),
            "durable writes are told in order, each once"
        );
        assert!(store.durable_revision() >= event.revision);
    }
    for writer in writers {
        writer.await.expect("no writer panics");
    }
    assert_eq!(store.stats().writes, 400);
}

#[tokio::test]
async fn watchers_wake_for_what_concerns_them_and_end_with_the_store() {
    let store = Store::open(Arc::new(SimDisk::new(0)), &Options::inline()).expect("it opens");
    let mut watcher = store
        .watch("a/", Revision::ZERO, Durability::Appended)
        .expect("nothing is compacted");
    let waiting = tokio::spawn(async move {
        let mut keys = Vec::new();
        while let Some(event) = watcher.next().await {
            keys.push(event.expect("the watcher keeps up").key.to_string());
        }
        keys
    });
    tokio::task::yield_now().await;
    put(&store, "b/1", "");
    put(&store, "a/1", "");
    tokio::task::yield_now().await;
    put(&store, "a/2", "");
    drop(store);
    assert_eq!(waiting.await.expect("no panic"), ["a/1", "a/2"]);
}

#[tokio::test]
async fn a_slow_watcher_is_told_and_a_quiet_one_is_not_slow() {
    let options = Options {
        ring_bytes: 10_000,
        ..Options::inline()
    };
    let store = Store::open(Arc::new(SimDisk::new(0)), &options).expect("it opens");
    let watch = |prefix| {
        store
            .watch(prefix, Revision::ZERO, Durability::Appended)
            .expect("nothing is compacted")
    };
    let (mut slow, mut quiet) = (watch("busy/"), watch("quiet/"));
    assert!(quiet.try_next().is_none());
    for n in 0..100 {
        put(&store, "busy/1", &"x".repeat(n * 10));
    }
    put(&store, "quiet/1", "");
    let told = slow
        .next()
        .await
        .expect("an answer")
        .expect_err("the watcher is too slow");
    assert!(
        told.oldest > Revision(1) && told.requested == Revision::ZERO,
        "{told}"
    );
    assert!(slow.next().await.is_none(), "there is nothing after it");
    let event = quiet
        .next()
        .await
        .expect("an answer")
        .expect("it has missed nothing");
    assert_eq!(event.revision, Revision(101));
    assert_eq!(
        store
            .watch("", Revision(1), Durability::Appended)
            .map(|_| ())
            .map_err(|e| e.requested),
        Err(Revision(1))
    );
}

#[tokio::test]
async fn compaction_ends_watches_from_before_it() {
    let store = Store::open(Arc::new(SimDisk::new(0)), &Options::inline()).expect("it opens");
    for n in 0..5 {
        put(&store, "a", &n.to_string());
    }
    store.compact(Revision(3));
    let watch = |after| store.watch("", Revision(after), Durability::Appended).map(|_| ());
    assert!(watch(2).is_err());
    assert!(watch(3).is_ok() && watch(5).is_ok());
}

#[tokio::test]
async fn durable_watchers_see_only_what_is_on_the_disk() {
    let options = Options {
        commit: Commit::Manual,
        ..Options::inline()
    };
    let store = Store::open(Arc::new(SimDisk::new(0)), &options).expect("it opens");
    let revision = put(&store, "a", "1");
    let mut durable = store
        .watch("", Revision::ZERO, Durability::Durable)
        .expect("nothing is compacted");
    assert!(durable.try_next().is_none());
    store.commit();
    assert_eq!(
        durable
            .try_next()
            .and_then(Result::ok)
            .map(|event| event.revision),
        Some(revision)
    );
    put(&store, "a", "2");
    drop(store);
    assert!(
        durable.next().await.is_none(),
        "what was not committed is never told"
    );
}
