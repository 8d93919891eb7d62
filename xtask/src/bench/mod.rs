//! `cargo xtask bench steps`: what a workflow's step costs, beside what the machine's cheapest process costs.
//!
//! ```text
//!   raw           spawn and wait of `true`, at 1 to 16 at once; the best rate is what ratios are of
//!   start         a workflow of one step: what every run below pays once, and is taken off them
//!   chain         steps one after the other
//!   chain-outputs the same with an output parameter each, so under `plimsoll exec`
//!   fan-out       steps all at once
//! ```
//!
//! It builds the release binary and drives it as a user would. One JSON object a line, medians of several runs.

mod manifests;
mod platform;
mod raw;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use platform::{Platform, Run};

/// What `cargo xtask bench steps` takes.
#[derive(Args)]
pub(crate) struct Steps {
    /// Steps of the chains.
    #[arg(long, default_value_t = 500)]
    chain: u32,
    /// Steps of the chain with outputs.
    #[arg(long, default_value_t = 100)]
    outputs: u32,
    /// Steps of the fan-out.
    #[arg(long, default_value_t = 5000)]
    fan_out: u32,
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
    ms_per_step: f64,
    per_second: f64,
    /// Cost of a step as a multiple of the cheapest raw process at the same way of running: one at a time for
    /// chains, as many as is best for fans.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_to_raw: Option<f64>,
    /// Peak memory of the platform's processes together, without steps, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fsyncs_per_write: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_once: Option<usize>,
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
        ms_per_step: start.ms,
        per_second: 1000.0 / start.ms,
        ..line_of(&start)
    })?;
    let cases = [
        ("chain", options.chain, manifests::chain(options.chain), alone),
        (
            "chain-outputs",
            options.outputs,
            manifests::chain_with_outputs(options.outputs),
            alone,
        ),
        (
            "fan-out",
            options.fan_out,
            manifests::fan_out(options.fan_out),
            best,
        ),
    ];
    for (name, count, manifest, raw) in cases {
        let run = measure(&platform, options.runs, &manifest).with_context(|| format!("in {name}"))?;
        let ms = (run.ms - start.ms).max(0.0) / f64::from(count.saturating_sub(1).max(1));
        print(&Line {
            name: name.into(),
            steps: Some(count),
            ms_per_step: round(ms),
            per_second: round(1000.0 / ms),
            ratio_to_raw: Some(round(ms * raw / 1000.0)),
            ..line_of(&run)
        })?;
    }
    Ok(())
}

fn raw_line(name: &str, at_once: usize, per_second: f64) -> Line {
    Line {
        name: name.into(),
        ms_per_step: round(1000.0 / per_second),
        per_second: round(per_second),
        at_once: Some(at_once),
        ..Line::default()
    }
}

fn line_of(run: &Run) -> Line {
    Line {
        mib: Some(round(run.mib)),
        fsyncs_per_write: run.fsyncs_per_write.map(round),
        ..Line::default()
    }
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
