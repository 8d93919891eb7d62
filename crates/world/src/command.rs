//! The entry for `cargo xtask world`: runs many seeds, or one again with its log.

use std::io::{self, Write};

use crate::digits::digits;
use crate::life::{Faults, Trace, run};

/// What to run.
struct Arguments {
    first: u64,
    count: u64,
    prints_log: bool,
}

/// Runs `--seeds N` seeds from 0 (200 if not said), or one with `--seed N`, and its log with `--log`.
/// Whether all promises were kept; reports go to `out`.
///
/// # Errors
/// The arguments are wrong, or `out` cannot be written.
pub fn main(arguments: &[String], out: &mut dyn Write) -> io::Result<bool> {
    let arguments = parse(arguments)?;
    let mut kept = true;
    for seed in arguments.first..arguments.first + arguments.count {
        let trace = run(seed, &digits(), Faults::ROUGH);
        if arguments.prints_log {
            for line in &trace.lines {
                writeln!(out, "{line}")?;
            }
        }
        kept &= trace.problems.is_empty();
        report(&trace, arguments.count == 1, out)?;
    }
    Ok(kept)
}

fn report(trace: &Trace, always: bool, out: &mut dyn Write) -> io::Result<()> {
    if always || !trace.problems.is_empty() {
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
    }
    for problem in &trace.problems {
        writeln!(out, "  {problem}")?;
    }
    if !trace.problems.is_empty() {
        writeln!(out, "  again: cargo xtask world --seed {} --log", trace.seed)?;
    }
    Ok(())
}

fn parse(arguments: &[String]) -> io::Result<Arguments> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let mut parsed = Arguments {
        first: 0,
        count: 200,
        prints_log: false,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().and_then(|value| value.parse::<u64>().ok());
            value.ok_or_else(|| wrong("--seed and --seeds take a number"))
        };
        match word.as_str() {
            "--seed" => (parsed.first, parsed.count) = (number()?, 1),
            "--seeds" => parsed.count = number()?,
            "--log" => parsed.prints_log = true,
            other => return Err(wrong(&format!("unknown argument {other}"))),
        }
    }
    Ok(parsed)
}
