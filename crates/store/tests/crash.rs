//! Crashes: random plans of writes against a model, with the power failing during every operation of the disk.
//!
//! What must hold after each crash: what was acknowledged as durable is there, the state is that of the model
//! at the end of some batch (no batch is half there), and the store goes on from it. A failing test prints the
//! seed or the shrunk plan, and the operation at which the power failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use store::{Commit, Disk, Durability, Error, EventKind, Faults, Options, Revision, SimDisk, Store};

/// One step of a plan.
#[derive(Clone, Debug)]
enum Step {
    /// A batch: keys with the length of their new value, or `None` to delete them.
    Batch(Vec<(u8, Option<u16>)>),
    /// What was appended becomes durable.
    Commit,
    /// The store is closed and opened again.
    Reopen,
}

/// Keys and values with the revisions of their making and last change.
type State = BTreeMap<String, (Vec<u8>, u64, u64)>;

/// A write as watchers are told of it: key, value and value before.
type Told = (String, Option<Vec<u8>>, Option<Vec<u8>>);

/// What a store may hold: its state after each batch and what each write told, by revision.
#[derive(Clone, Default)]
struct Model {
    states: BTreeMap<u64, State>,
    told: BTreeMap<u64, Told>,
    acknowledged: u64,
}

impl Model {
    fn new() -> Self {
        Self {
            states: BTreeMap::from([(0, State::new())]),
            ..Self::default()
        }
    }

    fn revision(&self) -> u64 {
        self.states.keys().next_back().copied().unwrap_or_default()
    }

    fn apply(&mut self, batch: &[(u8, Option<u16>)]) {
        let mut revision = self.revision();
        let mut state = self.states.get(&revision).cloned().unwrap_or_default();
        for (key, length) in batch {
            let key = name(*key);
            let (before, created) = match state.remove(&key) {
                Some((value, created, _)) => (Some(value), created),
                None => (None, revision + 1),
            };
            if length.is_none() && before.is_none() {
                continue;
            }
            revision += 1;
            let value = length.map(|length| value(revision, length));
            if let Some(value) = &value {
                state.insert(key.clone(), (value.clone(), created, revision));
            }
            self.told.insert(revision, (key, value, before));
        }
        self.states.insert(revision, state);
    }

    /// Goes back to what was found after a crash.
    fn found(&mut self, revision: u64) {
        self.states.retain(|known, _| *known <= revision);
        self.told.retain(|known, _| *known <= revision);
        self.acknowledged = revision;
    }
}

fn name(key: u8) -> String {
    format!("key/{key:03}")
}

/// A value that tells the write that made it.
fn value(revision: u64, length: u16) -> Vec<u8> {
    revision
        .to_le_bytes()
        .into_iter()
        .cycle()
        .take(usize::from(length))
        .collect()
}

fn options(commit: Commit) -> Options {
    Options {
        segment_bytes: 8 << 10,
        ring_bytes: 4 << 10,
        snapshot_bytes: 6 << 10,
        commit,
        quiet: store::Quiet::default(),
    }
}

fn state(store: &Store) -> (u64, State) {
    let (entries, revision) = store.list("");
    let row = |entry: store::Entry| {
        let row = (entry.value.to_vec(), entry.created.0, entry.modified.0);
        (entry.key.to_string(), row)
    };
    (revision.0, entries.into_iter().map(row).collect())
}

fn write(store: &Store, batch: &[(u8, Option<u16>)]) -> Result<(), Error> {
    let written = store.transact(|tx| {
        for (key, length) in batch {
            match length {
                Some(length) => drop(tx.put_with(&name(*key), |revision| value(revision.0, *length))),
                None => drop(tx.delete(&name(*key))),
            }
        }
        Ok::<_, Error>(())
    });
    written.map(|_| ())
}

/// Opens the store and checks what it holds.
fn open(disk: &SimDisk, commit: Commit, model: &mut Model) -> Result<Store, Error> {
    let store = Store::open(Arc::new(disk.clone()), &options(commit))?;
    let (revision, found) = state(&store);
    assert!(
        revision >= model.acknowledged,
        "{revision} lost some of {}",
        model.acknowledged
    );
    let expected = model.states.get(&revision);
    assert_eq!(
        Some(&found),
        expected,
        "revision {revision} is the end of no batch"
    );
    assert_eq!(store.durable_revision().0, revision);
    model.found(revision);
    check_events(&store, model);
    Ok(store)
}

/// Checks the events that a newly opened store still has.
fn check_events(store: &Store, model: &Model) {
    let watch = |after| store.watch("", after, Durability::Durable);
    let watcher = watch(Revision::ZERO).or_else(|too_old| watch(too_old.oldest));
    let mut watcher = watcher.expect("the oldest revision named is there");
    for event in std::iter::from_fn(|| watcher.try_next()) {
        let event = event.expect("nothing is compacted meanwhile");
        let value = (event.kind == EventKind::Put).then(|| event.value.to_vec());
        let told = (
            event.key.to_string(),
            value,
            event.previous.map(|value| value.to_vec()),
        );
        assert_eq!(
            Some(&told),
            model.told.get(&event.revision.0),
            "at {}",
            event.revision
        );
    }
    assert_eq!(watcher.progress(), store.revision());
}

/// Runs a plan until it ends or the power fails.
fn run(disk: &SimDisk, plan: &[Step], commit: Commit, model: &mut Model) -> Result<(), Error> {
    let mut store = open(disk, commit, model)?;
    for step in plan {
        match step {
            Step::Batch(batch) => {
                let before = store.revision();
                let written = write(&store, batch);
                if store.revision() > before {
                    model.apply(batch);
                }
                model.acknowledged = store.durable_revision().0;
                written?;
            }
            Step::Commit => store.commit(),
            Step::Reopen => {
                store.commit();
                drop(store);
                store = open(disk, commit, model)?;
            }
        }
        model.acknowledged = store.durable_revision().0;
        if model.acknowledged < store.revision().0 && commit == Commit::Inline {
            return Ok(());
        }
    }
    Ok(())
}

/// Runs a plan with a power failure during each of the operations `crashes`, one after the other.
fn crash(seed: u64, plan: &[Step], commit: Commit, crashes: &[u64]) -> u64 {
    let mut disk = SimDisk::new(seed);
    let mut model = Model::new();
    for at in crashes {
        disk.set_faults(Faults {
            power_off_at: Some(*at),
            ..Faults::default()
        });
        // An error means that the power failed; what it was is the disk's affair.
        let _ = run(&disk, plan, commit, &mut model);
        disk = if seed.is_multiple_of(5) {
            disk.after_kill()
        } else {
            disk.after_power_loss()
        };
    }
    let last = run(&disk, plan, commit, &mut model);
    last.expect("without faults all goes well");
    disk.operations()
}

/// A plan made from a seed.
fn plan(seed: u64, steps: usize) -> Vec<Step> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % bound
    };
    let mut step = || match random(12) {
        0 => Step::Reopen,
        1..=3 => Step::Commit,
        _ => {
            let count = 1 + random(3);
            let write = |_| (random(12) as u8, (random(4) > 0).then(|| random(200) as u16));
            Step::Batch((0..count).map(write).collect())
        }
    };
    (0..steps).map(|_| step()).collect()
}

fn every_operation(commit: Commit, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let plan = plan(seed, 60);
        let operations = crash(seed, &plan, commit, &[]);
        for at in 1..=operations {
            let run = std::panic::catch_unwind(|| crash(seed, &plan, commit, &[at]));
            assert!(run.is_ok(), "seed {seed}, the power failed during operation {at}");
        }
    }
}

#[test]
fn the_power_may_fail_during_any_operation() {
    every_operation(Commit::Inline, 0..12);
}

#[test]
fn the_power_may_fail_while_batches_wait() {
    every_operation(Commit::Manual, 100..112);
}

#[test]
fn the_plans_reach_every_part_of_the_log() {
    let disk = SimDisk::new(1);
    let plan: Vec<Step> = plan(1, 400)
        .into_iter()
        .filter(|step| !matches!(step, Step::Reopen))
        .collect();
    let mut model = Model::new();
    run(&disk, &plan, Commit::Inline, &mut model).expect("the disk does not fail");
    let names = disk.list().expect("the disk does not fail");
    let first = names.iter().find(|name| name.ends_with(".log"));
    assert!(
        first.is_some_and(|name| name.as_str() > "00000000000000000003"),
        "truncated: {names:?}"
    );
    assert!(
        names.iter().any(|name| name.ends_with(".snap")),
        "a snapshot: {names:?}"
    );
}

/// A record that outlived an earlier one of its group must not be taken for the continuation of what is
/// written in the earlier one's place after the crash.
#[test]
fn what_a_crash_left_behind_never_comes_back() {
    /// What an opening of the log adds to it.
    const EPOCH_BYTES: u16 = 24;
    let mut lost_first_only = 0;
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        let open =
            |disk: &SimDisk| Store::open(Arc::new(disk.clone()), &options(Commit::Manual)).expect("it opens");
        let put = |store: &Store, key, length| write(store, &[(key, Some(length))]).expect("it is taken");
        let store = open(&disk);
        put(&store, 1, 900);
        put(&store, 2, 900);
        disk.set_faults(Faults {
            power_off_at: Some(disk.operations() + 2),
            ..Faults::default()
        });
        store.commit();
        let disk = disk.after_power_loss();
        let store = open(&disk);
        if store.revision().0 > 0 {
            continue;
        }
        lost_first_only += 1;
        put(&store, 3, 900 - EPOCH_BYTES);
        store.commit();
        let (_, expected) = state(&store);
        drop(store);
        let (_, found) = state(&open(&disk.after_kill()));
        assert_eq!(found, expected, "seed {seed}");
    }
    assert!(lost_first_only > 50, "the case was met {lost_first_only} times");
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0..8_u8, prop::option::weighted(0.8, 0..300_u16));
    let step = prop_oneof![
        8 => prop::collection::vec(write, 1..4).prop_map(Step::Batch),
        2 => Just(Step::Commit),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn crash_after_crash_nothing_is_lost(
        seed in any::<u64>(),
        plan in steps(),
        crashes in prop::collection::vec(1..250_u64, 1..6),
        inline in any::<bool>(),
    ) {
        crash(seed, &plan, if inline { Commit::Inline } else { Commit::Manual }, &crashes);
    }
}
