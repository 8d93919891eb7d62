//! Measures the store on a folder of this machine: `cargo run --release -p store --example measure [FOLDER]`.
//!
//! Prints one JSON line per figure. Values are 2 KiB, as a Pod's are.
#![allow(clippy::print_stdout, reason = "figures go to stdout")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{Durability, Error, Options, RealDisk, Revision, Store};

const VALUE: [u8; 2048] = [b'x'; 2048];
const KEYS: u32 = 30_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn open(path: &std::path::Path) -> Result<Store, Error> {
    Store::open(Arc::new(RealDisk::open(path)?), &Options::default())
}

fn put(store: &Store, key: u32) -> Result<Revision, Error> {
    let value = bytes::Bytes::from_static(&VALUE);
    let (revision, _) =
        store.transact(|tx| Ok::<_, Error>(tx.put(&format!("/pods/default/{key:06}"), value)))?;
    Ok(revision)
}

fn report(name: &str, writes: u32, took: Duration, store: &Store, fsyncs_before: u64) {
    let micros = took.as_secs_f64() * 1e6 / f64::from(writes);
    let fsyncs = store.stats().fsyncs - fsyncs_before;
    let per_write = fsyncs as f64 / f64::from(writes);
    println!("{{\"name\":\"{name}\",\"us_per_write\":{micros:.2},\"fsyncs_per_write\":{per_write:.3}}}");
}

async fn serial(store: &Store, writes: u32) -> Outcome<()> {
    let (before, start) = (store.stats().fsyncs, Instant::now());
    for n in 0..writes {
        store.durable(put(store, n % KEYS)?).await?;
    }
    report("serial", writes, start.elapsed(), store, before);
    Ok(())
}

async fn together(store: &Store, writers: u32, writes: u32) -> Outcome<()> {
    let (before, start) = (store.stats().fsyncs, Instant::now());
    let writer = |writer: u32| {
        let store = store.clone();
        async move {
            for n in 0..writes / writers {
                store.durable(put(&store, (n * writers + writer) % KEYS)?).await?;
            }
            Ok::<_, Error>(())
        }
    };
    let tasks: Vec<_> = (0..writers).map(|n| tokio::spawn(writer(n))).collect();
    for task in tasks {
        task.await??;
    }
    report(
        &format!("{writers} writers"),
        writes,
        start.elapsed(),
        store,
        before,
    );
    Ok(())
}

async fn appended(store: &Store, writes: u32) -> Outcome<()> {
    let (before, start) = (store.stats().fsyncs, Instant::now());
    let mut last = Revision::ZERO;
    for n in 0..writes {
        last = put(store, n % KEYS)?;
    }
    store.durable(last).await?;
    report(
        "one writer that does not wait",
        writes,
        start.elapsed(),
        store,
        before,
    );
    Ok(())
}

async fn hop(store: &Store, writes: u32) -> Outcome<()> {
    let mut watcher = store.watch("/pods/", store.revision(), Durability::Appended)?;
    let (before, start) = (store.stats().fsyncs, Instant::now());
    for n in 0..writes {
        put(store, n % KEYS)?;
        watcher.next().await.ok_or("the store closed")??;
    }
    report("write to watcher", writes, start.elapsed(), store, before);
    Ok(())
}

fn recover(path: &std::path::Path) -> Outcome<()> {
    let start = Instant::now();
    let store = open(path)?;
    let (entries, took) = (store.list("").0.len(), start.elapsed().as_secs_f64() * 1e3);
    let bytes = std::fs::read_dir(path)?
        .flatten()
        .filter_map(|file| file.metadata().ok())
        .map(|meta| meta.len());
    let mib = bytes.sum::<u64>() >> 20;
    println!("{{\"name\":\"recovery\",\"ms\":{took:.1},\"entries\":{entries},\"mib_on_disk\":{mib}}}");
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let start = Instant::now();
    let store = open(&path)?;
    println!(
        "{{\"name\":\"first opening\",\"ms\":{:.1}}}",
        start.elapsed().as_secs_f64() * 1e3
    );
    serial(&store, 3_000).await?;
    together(&store, 64, 64_000).await?;
    appended(&store, 50_000).await?;
    hop(&store, 20_000).await?;
    println!("{{\"name\":\"totals\",\"stats\":\"{:?}\"}}", store.stats());
    drop(store);
    recover(&path)
}
