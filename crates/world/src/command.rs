//! The entry for `cargo xtask world`: runs many seeds, or a script again with its log.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::check;
use crate::problem::{Problem, Promise};
use crate::profile::Profile;
use crate::script::{Action, Script};
use crate::shrink::shrink;
use crate::state::{Options, Trace, run};

/// Scripts tried at most when one that fails is shrunk.
const SHRINKS_MAX: u32 = 2000;

/// What to run.
struct Arguments {
    seeds: Range<u64>,
    profiles: Vec<Profile>,
    script: Option<String>,
    prints_log: bool,
    shrinks: bool,
}

/// A seed that broke a promise.
#[derive(Clone, Debug)]
pub struct Broke {
    /// The profile.
    pub profile: Profile,
    /// The seed.
    pub seed: u64,
    /// How.
    pub problems: Vec<Problem>,
}

/// What came of many seeds.
#[derive(Default)]
struct Sum {
    seeds: u64,
    starts: u64,
    events: u64,
    lives: u64,
    comparisons: u64,
    virtual_time: Duration,
    broke: Vec<Broke>,
}

/// Runs what the arguments say: `--seeds N` seeds from 0 (200 if not said) or from `--from M`, one with
/// `--seed N`, of one `--profile P` or all, or `--script FILE`; with the log of events if `--log`. Whether
/// all promises were kept; reports go to `out`.
///
/// # Errors
/// The arguments are wrong, a file cannot be read, or `out` cannot be written.
pub fn main(arguments: &[String], out: &mut dyn Write) -> io::Result<bool> {
    let arguments = parse(arguments)?;
    if let Some(file) = &arguments.script {
        let script = Script::parse(&std::fs::read_to_string(file)?).map_err(|error| wrong(&error))?;
        return one(&script, &arguments, out);
    }
    if arguments.seeds.end - arguments.seeds.start == 1 {
        let mut kept = true;
        for profile in &arguments.profiles {
            kept &= one(&profile.script(arguments.seeds.start), &arguments, out)?;
        }
        return Ok(kept);
    }
    let mut kept = true;
    for profile in &arguments.profiles {
        kept &= many(*profile, arguments.seeds.clone(), out)?;
    }
    Ok(kept)
}

/// Runs one script, prints what happened, and if it breaks a promise the smallest script that does.
fn one(script: &Script, arguments: &Arguments, out: &mut dyn Write) -> io::Result<bool> {
    let options = Options {
        keeps_lines: arguments.prints_log,
        ..Options::default()
    };
    let (trace, problems) = judge(script, options);
    if arguments.prints_log {
        writeln!(out, "{}", trace.lines.join("\n"))?;
    }
    writeln!(
        out,
        "{} seed {}: {:016x}, {} events, {} lives, {} starts, {} virtual s",
        script.profile,
        script.seed,
        trace.hash,
        trace.events,
        trace.lives,
        trace.starts,
        trace.took.as_secs()
    )?;
    for problem in &problems {
        writeln!(out, "  {problem}")?;
    }
    if !problems.is_empty() && arguments.shrinks {
        print_smallest(script, out)?;
    }
    Ok(problems.is_empty())
}

fn print_smallest(script: &Script, out: &mut dyn Write) -> io::Result<()> {
    let promises = |script: &Script| -> Vec<Promise> {
        let (_, problems) = judge(script, Options::default());
        problems.into_iter().map(|problem| problem.promise).collect()
    };
    let Some((smallest, tried)) = shrink(script, SHRINKS_MAX, &promises) else {
        return Ok(());
    };
    let (_, problems) = judge(&smallest, Options::default());
    let file = std::env::temp_dir().join(format!("world-{}-{}.script", script.profile, script.seed));
    std::fs::write(&file, smallest.text())?;
    writeln!(out, "the smallest of {tried} scripts, in {}:", file.display())?;
    writeln!(out, "{}", smallest.text())?;
    for problem in &problems {
        writeln!(out, "  {problem}")?;
    }
    writeln!(out, "again: cargo xtask world --script {}", file.display())
}

/// Runs a script, and the same workflows in a calm world; all promises that were broken.
pub(crate) fn judge(script: &Script, options: Options) -> (Trace, Vec<Problem>) {
    let mut trace = run(script, options);
    let mut problems = std::mem::take(&mut trace.problems);
    let comparable = |workflow: &&serde_json::Value| crate::generate::is_sure(workflow);
    let troubled = script.profile != Profile::Calm.to_string();
    if troubled && problems.is_empty() && trace.workflows.iter().any(|w| comparable(&w)) {
        let calm = run(&calm(script), Options::default());
        problems.extend(check::same_ends(&trace.workflows, &calm.workflows, |name| {
            trace.touched.contains(name)
        }));
    }
    (trace, problems)
}

/// The same workflows in a world where nothing goes wrong.
fn calm(script: &Script) -> Script {
    let mut calm = script.clone();
    calm.api = controller::faults::Profile::default();
    calm.disk = crate::script::Disk::default();
    calm.actions
        .retain(|timed| matches!(timed.action, Action::Submit(_) | Action::Configure { .. }));
    calm
}

/// Runs many seeds of a profile on all processors, and prints a line about them.
fn many(profile: Profile, seeds: Range<u64>, out: &mut dyn Write) -> io::Result<bool> {
    let begun = Instant::now();
    let sum = sum(profile, seeds);
    let took = begun.elapsed().as_secs_f64();
    for broke in &sum.broke {
        writeln!(out, "{profile} seed {}:", broke.seed)?;
        for problem in &broke.problems {
            writeln!(out, "  {problem}")?;
        }
        writeln!(
            out,
            "  again: cargo xtask world --seed {} --profile {profile}",
            broke.seed
        )?;
    }
    writeln!(
        out,
        "{profile}: {} of {} seeds broke a promise; {:.1} seeds/s, {} lives, {} starts, {} events, \
         {} comparisons, {:.0} virtual s a s",
        sum.broke.len(),
        sum.seeds,
        sum.seeds as f64 / took,
        sum.lives,
        sum.starts,
        sum.events,
        sum.comparisons,
        sum.virtual_time.as_secs_f64() / took,
    )?;
    out.flush()?;
    Ok(sum.broke.is_empty())
}

/// Runs these seeds of a profile on all processors; those that broke a promise, in order.
pub fn run_seeds(profile: Profile, seeds: Range<u64>) -> Vec<Broke> {
    sum(profile, seeds).broke
}

fn sum(profile: Profile, seeds: Range<u64>) -> Sum {
    let (next, sum) = (AtomicU64::new(seeds.start), Mutex::new(Sum::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let (trace, problems) = judge(&profile.script(seed), Options::default());
            let sum = &mut *sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.add(&trace);
            if !problems.is_empty() {
                sum.broke.push(Broke {
                    profile,
                    seed,
                    problems,
                });
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.broke.sort_by_key(|broke| broke.seed);
    sum
}

impl Sum {
    fn add(&mut self, trace: &Trace) {
        self.seeds += 1;
        self.starts += trace.starts as u64;
        self.events += trace.events;
        self.lives += u64::from(trace.lives);
        self.comparisons += trace.comparisons;
        self.virtual_time += trace.took;
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}

fn parse(arguments: &[String]) -> io::Result<Arguments> {
    let mut parsed = Arguments {
        seeds: 0..200,
        profiles: Profile::ALL.to_vec(),
        script: None,
        prints_log: false,
        shrinks: true,
    };
    let (mut from, mut count) = (0, None);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .ok_or_else(|| wrong(&format!("{word} takes a value")))
        };
        let number = |text: &String| {
            text.parse::<u64>()
                .map_err(|_| wrong(&format!("{text} is no number")))
        };
        match word.as_str() {
            "--seed" => (from, count) = (number(value()?)?, Some(1)),
            "--seeds" => count = Some(number(value()?)?),
            "--from" => from = number(value()?)?,
            "--profile" => parsed.profiles = vec![value()?.parse().map_err(|e: String| wrong(&e))?],
            "--script" => parsed.script = Some(value()?.clone()),
            "--log" => parsed.prints_log = true,
            "--no-shrink" => parsed.shrinks = false,
            other => return Err(wrong(&format!("unknown argument {other}"))),
        }
    }
    parsed.seeds = from..from.saturating_add(count.unwrap_or(200));
    Ok(parsed)
}
