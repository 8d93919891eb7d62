//! `cargo xtask bench cluster`: what workflows cost on a real control plane whose nodes are fake, beside a bare loop
//! that makes the same pods.
//!
//! ```text
//!   bare loop   --> the same pods, as fast as they are taken --> all Succeeded
//!   controller  --> workflow(s) ---------------------------------> all Succeeded
//!                    ^ its own /metrics, its CPU time and memory; the API server's /metrics
//! ```
//!
//! One JSON object a line. It knows the controller by its command line and its metrics only.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to a terminal"
)]

mod accounts;
mod bare;
mod cases;
mod controller;
mod line;
mod measure;
mod place;
mod processes;
#[path = "../../tests/rig/reports.rs"]
mod reports;
#[path = "../../tests/rig/rights.rs"]
#[allow(dead_code, reason = "of what the rig's tests share a part is used here")]
mod rights;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::cases::Sizes;
use crate::place::Place;

/// What is measured, as `xtask` says it in JSON.
#[derive(Deserialize)]
struct Options {
    /// The administrator's kubeconfig of a rig with fake nodes.
    kubeconfig: PathBuf,
    /// The `plimsoll` to measure.
    binary: PathBuf,
    /// Only the case of this name.
    case: Option<String>,
    #[serde(flatten)]
    sizes: Sizes,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let options = std::env::args().nth(1).context("what to measure, as JSON")?;
    let options: Options = serde_json::from_str(&options).context("what to measure")?;
    let place = Place::make(options.kubeconfig, options.binary).await?;
    for case in cases::all(&options.sizes) {
        if options.case.as_deref().is_none_or(|name| name == case.name) {
            let line = measure::case(&place, &case).await;
            let line = line.with_context(|| format!("in {}", case.name))?;
            println!("{}", serde_json::to_string(&line)?);
        }
    }
    place.remove().await
}
