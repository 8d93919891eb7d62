//! `cargo xtask soak`: random workflows on the real platform, for hours, with everybody killed at random.
//!
//! ```text
//!   seed, round -> plan -> manifests -> platform <- chaos (kill -9, crash points, stops, deletions)
//!                    \                     \-> ledger (each step's own word)
//!                     `-> model  ------------> verdict: the promise, workflow by workflow
//!                                              leaks: processes, mounts, files, memory, objects
//! ```
//!
//! It drives the binary as a user would and believes only the ledger and the kernel. One JSON object a round on
//! stdout; it stops at the first promise that is not kept and leaves everything as it is. Totals add up over runs
//! in the folder's `state.json` (`--resume`). A round's workflows and blows follow from seed and number alone; when
//! exactly blows fall is the machine's doing.

mod api;
mod chaos;
mod leaks;
mod ledger;
mod manifest;
mod model;
mod plan;
mod platform;
mod processes;
mod random;
mod round;
mod state;
mod verdict;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;

use crate::workspace_root;
use api::Api;
use chaos::Chaos;
use leaks::Rest;
use platform::Platform;
use processes::Process;
use random::Random;
use state::{Kills, State};

/// How long a platform may take to come to rest.
const SETTLE: Duration = Duration::from_secs(20);

/// What `cargo xtask soak` takes.
#[derive(Args)]
pub(crate) struct Options {
    /// What decides workflows and blows
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long to go on: `30s`, `10m`, `2h`
    #[arg(long = "for", value_parser = duration, default_value = "30s")]
    time: Duration,
    /// Go on where an earlier run with this seed ended; its time counts
    #[arg(long)]
    resume: bool,
    /// Begin with this round
    #[arg(long)]
    round: Option<u64>,
    /// A binary to soak instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where everything is kept [default: soak/SEED in the target directory]
    #[arg(long)]
    folder: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a number with s, m or h is wanted".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a whole number is wanted".to_owned())?;
    Ok(Duration::from_secs(number * seconds))
}

/// One line of the result.
#[derive(Serialize)]
struct Line<'a> {
    round: u64,
    weather: &'a str,
    seconds: f64,
    workflows: u64,
    starts: u64,
    kills: Kills,
    rest: Rest,
    broken: &'a [String],
}

/// Soaks until the time is up or a promise is broken.
pub(crate) fn soak(options: &Options) -> Result<()> {
    let target = target();
    let folder = options
        .folder
        .clone()
        .unwrap_or_else(|| target.join("soak").join(options.seed.to_string()));
    let binary = options.binary.clone().map_or_else(|| build(&target), Ok)?;
    let mut soak = Soak::open(options, &folder, binary)?;
    let until = Instant::now() + options.time;
    while Instant::now() < until {
        soak.round()?;
    }
    soak.platform.stop()?;
    println!("{}", serde_json::to_string(&soak.state)?);
    Ok(())
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

/// The binary as tests use it: with its checks for overflow.
fn build(target: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .current_dir(workspace_root())
        .args(["build", "--quiet", "--package", "plimsoll"])
        .status()
        .context("cannot run cargo")?;
    ensure!(built.success(), "the binary does not build");
    Ok(target.join("debug/plimsoll"))
}

/// What a soak that was itself killed left running.
fn end_strangers(folder: &Path, data: &Path) {
    if let Some(spawner) = platform::spawner(data) {
        spawner.kill();
    }
    for process in Process::marked(manifest::MARKER, &folder.display().to_string()) {
        process.kill();
    }
}

/// A soak under way.
struct Soak {
    folder: PathBuf,
    platform: Platform,
    api: Api,
    points: Vec<String>,
    state: State,
}

impl Soak {
    fn open(options: &Options, folder: &Path, binary: PathBuf) -> Result<Self> {
        let state_file = folder.join("state.json");
        let mut state = if options.resume {
            State::read(&state_file)?
        } else {
            if folder.exists() {
                std::fs::remove_dir_all(folder).context("cannot remove an earlier soak")?;
            }
            State {
                seed: options.seed,
                ..State::default()
            }
        };
        state.rounds = options.round.unwrap_or(state.rounds);
        // What is normal depends on the build.
        state.baseline.clear();
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let data = folder.join("data");
        end_strangers(&folder, &data);
        // What a round left that was not kept to its end would count against the next.
        if data.exists() {
            std::fs::remove_dir_all(&data).context("cannot remove the earlier run's data")?;
        }
        let points = platform::crash_points(&workspace_root().join("crates"))?;
        Ok(Self {
            platform: Platform::new(binary, data.clone(), folder.join("plimsoll.log")),
            api: Api::new(&data),
            points,
            folder,
            state,
        })
    }

    fn round(&mut self) -> Result<()> {
        let began = Instant::now();
        let number = self.state.rounds;
        let mut random = Random::of_round(self.state.seed, number);
        let mut chaos = Chaos {
            platform: &mut self.platform,
            api: &self.api,
            points: &self.points,
            folder: &self.folder,
            random: &mut random,
            kills: Kills::default(),
            hurt: Vec::new(),
            deleted: Vec::new(),
        };
        let outcome = round::run(&mut chaos, number).with_context(|| format!("in round {number}"))?;
        if outcome.broken.is_empty() {
            round::clear(&mut chaos).with_context(|| format!("after round {number}"))?;
        }
        let kills = chaos.kills;
        let mut broken = outcome.broken;
        broken.extend(self.platform.panics()?);
        let rest = self.rest(&mut broken)?;
        let line = Line {
            round: number,
            weather: outcome.weather.name(),
            seconds: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            workflows: outcome.workflows,
            starts: outcome.starts,
            kills,
            rest,
            broken: &broken,
        };
        println!("{}", serde_json::to_string(&line)?);
        if !broken.is_empty() {
            let seed = self.state.seed;
            bail!(
                "promises were broken; again: cargo xtask soak --seed {seed} --round {number}; see {}",
                self.folder.display()
            );
        }
        self.state.rounds += 1;
        self.state.seconds += began.elapsed().as_secs_f64();
        self.state.workflows += outcome.workflows;
        self.state.starts += outcome.starts;
        self.state.kills.add(kills);
        self.state.keep(&self.folder.join("state.json"))
    }

    /// Measures what is left, again until it is no more than it was or until it has had its time.
    fn rest(&mut self, broken: &mut Vec<String>) -> Result<Rest> {
        let began = Instant::now();
        loop {
            let mut rest = leaks::measure(&self.platform, &self.folder.join("data"));
            (rest.objects, rest.events) = round::count_objects(&self.api).unwrap_or_default();
            if self.state.baseline.len() < leaks::BASELINE {
                self.state.baseline.push(rest);
                return Ok(rest);
            }
            let growth = leaks::growth(&self.state.baseline, &rest);
            if growth.is_empty() {
                return Ok(rest);
            }
            if began.elapsed() > SETTLE {
                broken.extend(growth.into_iter().map(|what| format!("left over: {what}")));
                return Ok(rest);
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for text in ["", "2", "h", "2ü", "-1s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
