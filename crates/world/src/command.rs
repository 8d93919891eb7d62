//! The entry for `cargo xtask world`: runs many seeds, or one again with its log.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::digits::digits;
use crate::life::{Faults, Trace, run};

/// What to run.
struct Arguments {
    seeds: Range<u64>,
    prints_log: bool,
}

/// Runs `--seeds N` seeds from 0 (200 if not said), or one with `--seed N`, and its log with `--log`.
/// Whether all promises were kept; reports go to `out`.
///
/// # Errors
/// The arguments are wrong, or `out` cannot be written.
pub fn main(arguments: &[String], out: &mut dyn Write) -> io::Result<bool> {
    let arguments = parse(arguments)?;
    if arguments.seeds.end - arguments.seeds.start == 1 {
        let trace = run(arguments.seeds.start, &digits(), Faults::ROUGH);
        if arguments.prints_log {
            writeln!(out, "{}", trace.lines.join("\n"))?;
        }
        report(&trace, out)?;
        return Ok(trace.problems.is_empty());
    }
    let broken = broken(arguments.seeds.clone());
    for trace in &broken {
        report(trace, out)?;
    }
    let count = arguments.seeds.end - arguments.seeds.start;
    writeln!(out, "{} of {count} seeds broke a promise", broken.len())?;
    Ok(broken.is_empty())
}

/// Runs the digits scenario under these seeds with everything going wrong, on all processors; the traces
/// of those that broke a promise, in order of seeds.
pub fn broken(seeds: Range<u64>) -> Vec<Trace> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut broken = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return broken;
            }
            let trace = run(seed, &digits(), Faults::ROUGH);
            if !trace.problems.is_empty() {
                broken.push(trace);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut broken: Vec<Trace> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let traces = workers.into_iter().map(thread::ScopedJoinHandle::join);
        traces
            .flat_map(|traces| traces.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    broken.sort_by_key(|trace| trace.seed);
    broken
}

fn report(trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    let Trace {
        seed,
        hash,
        lives,
        millis,
        ..
    } = trace;
    let events = trace.lines.len();
    writeln!(
        out,
        "seed {seed}: {hash:016x}, {events} events, {lives} lives, {millis} virtual ms"
    )?;
    for problem in &trace.problems {
        writeln!(out, "  {problem}")?;
    }
    if !trace.problems.is_empty() {
        writeln!(out, "  again: cargo xtask world --seed {seed} --log")?;
    }
    Ok(())
}

fn parse(arguments: &[String]) -> io::Result<Arguments> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let mut parsed = Arguments {
        seeds: 0..200,
        prints_log: false,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|value| value.parse::<u64>().ok());
            value.ok_or_else(|| wrong("--seed and --seeds take a number"))
        };
        match word.as_str() {
            "--seed" => {
                let seed = number()?;
                parsed.seeds = seed..seed.saturating_add(1);
            }
            "--seeds" => parsed.seeds = 0..number()?,
            "--log" => parsed.prints_log = true,
            other => return Err(wrong(&format!("unknown argument {other}"))),
        }
    }
    Ok(parsed)
}
