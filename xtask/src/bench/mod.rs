//! `cargo xtask bench steps`: what a workflow's step costs, beside what the machine's cheapest process costs.
//!
//! ```text
//!                   measured                                                                    goal
//!   raw             spawn and wait of `true`, at 1 to 16 at once; the best rate is what ratios are of
//!   start           from the command to the end of a workflow of one step, `run` in an empty     200 ms
//!                   directory: what every run below pays once, and is taken off them
//!   chain           steps one after the other                                                    2.0 ms a step
//!   chain-outputs   the same with a private /tmp and an output parameter each, so under          8 ms a step
//!                   `plimsoll exec`
//!   fan-out         steps all at once                                                            ratio 2.0, 250 MiB
//!   process-less    nodes that no process stands behind                                          20,000 a second
//!   memory-at-rest  what a platform that has run the fan-out holds once it is quiet              60 MiB
//!   get             `plimsoll get` of a workflow of many nodes, folded                           1 s in all
//!   serial-write    small objects that one client writes one after the other                     1 fsync a write
//! ```
//!
//! `ratio_to_raw` is a step's cost in cheapest processes: 2.0 is half of the raw rate. `mib` of a run is the most that
//! was resident of the platform's processes at once, shared pages counted for each; at rest it is their proportional set
//! size (`Pss`), where pages that several share count once, with the binary's own pages.
//!
//! It builds the release binary and drives it as a user would. One JSON object a line, medians of several runs.

mod cluster;
mod manifests;
mod platform;
mod raw;
mod serial;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

pub(crate) use self::cluster::{Cluster, cluster};
use platform::{Platform, Run};

/// What `cargo xtask bench steps` takes.
#[derive(Args)]
pub(crate) struct Steps {
    /// Steps of the chains.
    #[arg(long, default_value_t = 1000)]
    chain: u32,
    /// Steps of the chain with outputs.
    #[arg(long, default_value_t = 100)]
    outputs: u32,
    /// Steps of the fan-out.
    #[arg(long, default_value_t = 10_000)]
    fan_out: u32,
    /// Nodes without a process.
    #[arg(long, default_value_t = 20_000)]
    process_less: u32,
    /// Nodes of the workflow that is shown.
    #[arg(long, default_value_t = 100_000)]
    large: u32,
    /// Writes of one client.
    #[arg(long, default_value_t = 1000)]
    writes: u32,
    /// Runs of each, of which the median is taken.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// A binary to measure instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// One line of the result. What does not apply is absent.
#[derive(Debug, Default, Serialize)]
struct Line {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// Milliseconds in all, where they are not a step's.
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms_per_step: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_second: Option<f64>,
    /// Cost of a step as a multiple of the cheapest raw process at the same way of running: one at a time for
    /// chains, as many as is best for fans.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_to_raw: Option<f64>,
    /// Memory of the platform's processes together, without steps, in MiB: at its peak, or at rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fsyncs_per_write: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_once: Option<usize>,
}

impl Line {
    /// The same, at so many milliseconds a step.
    fn at(self, ms: f64) -> Self {
        Self {
            ms_per_step: Some(round(ms)),
            per_second: Some(round(1000.0 / ms)),
            ..self
        }
    }
}

/// Measures and prints.
pub(crate) fn steps(options: &Steps) -> Result<()> {
    let platform = match &options.binary {
        Some(binary) => Platform::new(binary.clone())?,
        None => Platform::build()?,
    };
    let rates = raw::rates(options.runs)?;
    for (at_once, per_second) in &rates {
        print(&raw_line("raw", *at_once, *per_second))?;
    }
    let alone = rates.first().context("nothing was measured")?.1;
    let (best_at, best) = rates
        .iter()
        .copied()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .context("nothing was measured")?;
    print(&raw_line("raw-best", best_at, best))?;

    let start = measure(&platform, options.runs, &manifests::chain(1))?;
    print(&Line {
        name: "start".into(),
        ..line_of(&start).at(start.ms)
    })?;
    for case in cases(options, alone, best) {
        let name = case.name;
        let run = measure(&platform, options.runs, &case.manifest).with_context(|| format!("in {name}"))?;
        print(&case.line(&run, &start))?;
    }
    print(&at_rest(&platform, options)?)?;
    print(&get(&platform, options)?)?;
    print(&serial_writes(&platform, options)?)
}

/// A workflow to measure.
struct Case {
    name: &'static str,
    steps: u32,
    manifest: String,
    /// Raw processes a second to compare with; none where there are no processes.
    raw: Option<f64>,
}

impl Case {
    fn line(&self, run: &Run, start: &Run) -> Line {
        let ms = (run.ms - start.ms).max(0.0) / f64::from(self.steps.saturating_sub(1).max(1));
        Line {
            name: self.name.into(),
            steps: Some(self.steps),
            ratio_to_raw: self.raw.map(|raw| round(ms * raw / 1000.0)),
            ..line_of(run).at(ms)
        }
    }
}

/// The workflows, given the raw rates of one process at a time and of the best number of them.
fn cases(options: &Steps, alone: f64, best: f64) -> [Case; 4] {
    [
        Case {
            name: "chain",
            steps: options.chain,
            manifest: manifests::chain(options.chain),
            raw: Some(alone),
        },
        Case {
            name: "chain-outputs",
            steps: options.outputs,
            manifest: manifests::chain_with_outputs(options.outputs),
            raw: Some(alone),
        },
        Case {
            name: "fan-out",
            steps: options.fan_out,
            manifest: manifests::fan_out(options.fan_out),
            raw: Some(best),
        },
        Case {
            name: "process-less",
            steps: options.process_less,
            manifest: manifests::process_less(options.process_less),
            raw: None,
        },
    ]
}

/// What the platform holds when a fan-out is done and nothing is left to do.
fn at_rest(platform: &Platform, options: &Steps) -> Result<Line> {
    let held = || {
        let up = platform.up()?;
        up.submit(&manifests::fan_out(options.fan_out))
            .context("in memory-at-rest")?;
        Ok(up.memory_at_rest())
    };
    Ok(Line {
        name: "memory-at-rest".into(),
        steps: Some(options.fan_out),
        mib: Some(round(median(options.runs, held)?)),
        ..Line::default()
    })
}

/// What it takes to show a large workflow.
fn get(platform: &Platform, options: &Steps) -> Result<Line> {
    let up = platform.up()?;
    up.submit(&manifests::process_less(options.large))
        .context("in get")?;
    let shown = || {
        let began = Instant::now();
        up.show()?;
        Ok(began.elapsed().as_secs_f64() * 1000.0)
    };
    Ok(Line {
        name: "get".into(),
        steps: Some(options.large),
        ms: Some(round(median(options.runs, shown)?)),
        ..Line::default()
    })
}

/// What a durable write costs one client, and how many fsyncs stand behind each, beside those of a start and an end.
fn serial_writes(platform: &Platform, options: &Steps) -> Result<Line> {
    let (idle_fsyncs, idle_writes) = platform.up()?.down()?;
    let (mut fsyncs, mut written) = (0, 0);
    let one = || {
        let up = platform.up()?;
        let began = Instant::now();
        serial::create(&up.socket(), options.writes).context("in serial-write")?;
        let ms = began.elapsed().as_secs_f64() * 1000.0 / f64::from(options.writes);
        let (all_fsyncs, all_written) = up.down()?;
        fsyncs += all_fsyncs.saturating_sub(idle_fsyncs);
        written += all_written.saturating_sub(idle_writes);
        Ok(ms)
    };
    let ms = median(options.runs, one)?;
    Ok(Line {
        name: "serial-write".into(),
        fsyncs_per_write: Some(round(fsyncs as f64 / written.max(1) as f64)),
        ..Line::default().at(ms)
    })
}

fn raw_line(name: &str, at_once: usize, per_second: f64) -> Line {
    Line {
        name: name.into(),
        at_once: Some(at_once),
        ..Line::default().at(1000.0 / per_second)
    }
}

fn line_of(run: &Run) -> Line {
    Line {
        mib: Some(round(run.mib)),
        fsyncs_per_write: run.fsyncs_per_write.map(round),
        ..Line::default()
    }
}

/// The median of several measurements.
fn median(runs: usize, mut measure: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut all = (0..runs.max(1)).map(|_| measure()).collect::<Result<Vec<_>>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}

/// The median run of a manifest, by time.
fn measure(platform: &Platform, runs: usize, manifest: &str) -> Result<Run> {
    let mut all = (0..runs.max(1))
        .map(|_| platform.run(manifest))
        .collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| a.ms.total_cmp(&b.ms));
    Ok(all.swap_remove(all.len() / 2))
}

fn print(line: &Line) -> Result<()> {
    println!("{}", serde_json::to_string(line)?);
    Ok(())
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
