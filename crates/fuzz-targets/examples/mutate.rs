//! A fuzzer for where there is no libFuzzer: mutates the corpora blindly, for a while, and says what broke.
//!
//!     cargo run --package fuzz-targets --example mutate -- SECONDS SEED [TARGET...]
//!
//! Whatever is under way lies in `mutating-TARGET` of the temporary directory: when a target hangs or overflows its stack,
//! that file is the input.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use fuzz_targets::{TARGETS, Target};
use meta::seeded::Seeded;

/// Longer inputs are cut.
const LONGEST: usize = 4096;
/// Slower inputs are told.
const SLOW: Duration = Duration::from_secs(2);

struct Random(Seeded);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next() as usize % bound.max(1)
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.iter().filter_map(|file| fs::read(file).ok()).collect()
}

/// A piece of one input: a byte to half of it.
fn piece<'a>(random: &mut Random, input: &'a [u8]) -> &'a [u8] {
    let from = random.below(input.len());
    let most = [1, 2, 4, 8, 16, 64, input.len() / 2][random.below(7)];
    let length = 1 + random.below(most);
    input
        .get(from..(from + length).min(input.len()))
        .unwrap_or_default()
}

fn mutate(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(6) {
        let at = random.below(input.len() + 1);
        let other = &corpus[random.below(corpus.len())];
        match random.below(6) {
            0 => drop(input.splice(at..at, piece(random, other).iter().copied())),
            1 => {
                let end = (at + 1 + random.below(8)).min(input.len());
                drop(input.splice(at.min(end)..end, piece(random, other).iter().copied()));
            }
            2 => drop(input.drain(at..(at + 1 + random.below(16)).min(input.len()).max(at))),
            3 => input
                .iter_mut()
                .skip(at)
                .take(1)
                .for_each(|byte| *byte ^= 1 << random.below(8)),
            4 => {
                let own = piece(random, &input).repeat(1 + random.below(40));
                drop(input.splice(at..at, own));
            }
            _ => input.insert(at, random.below(256) as u8),
        }
    }
    input.truncate(LONGEST);
    input
}

/// Mutates for `time`; how many inputs, and those that broke the target.
fn run(name: &str, target: Target, seed: u64, time: Duration) -> (u64, Vec<Vec<u8>>) {
    let (mut corpus, mut random) = (corpus(name), Random(Seeded::new(seed)));
    let under_way = std::env::temp_dir().join(format!("mutating-{name}"));
    let (began, mut count, mut broken) = (Instant::now(), 0, Vec::new());
    while began.elapsed() < time && !corpus.is_empty() {
        let input = mutate(&mut random, &corpus);
        drop(fs::write(&under_way, &input));
        let started = Instant::now();
        if std::panic::catch_unwind(|| target(&input)).is_err() {
            broken.push(input.clone());
        } else if started.elapsed() > SLOW {
            eprintln!(
                "{name}: {:?} for {:?}",
                started.elapsed(),
                String::from_utf8_lossy(&input)
            );
        }
        count += 1;
        // Some are kept for a while, so that mutations add up.
        if corpus.len() < 400 && count % 50 == 0 {
            corpus.push(input);
        }
    }
    drop(fs::remove_file(under_way));
    (count, broken)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse().ok());
    let (time, seed) = (
        Duration::from_secs(number(0).unwrap_or(10)),
        number(1).unwrap_or(1),
    );
    let wanted = arguments.get(2..).unwrap_or_default();
    let mut fine = true;
    for (name, target) in TARGETS {
        if !wanted.is_empty() && !wanted.iter().any(|one| one == name) {
            continue;
        }
        let (count, broken) = run(name, target, seed, time);
        println!("{name}: {count} inputs, {} broke it", broken.len());
        for input in broken.iter().take(3) {
            fine = false;
            println!("  {:?}", String::from_utf8_lossy(input));
        }
    }
    if fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
