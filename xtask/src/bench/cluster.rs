//! `cargo xtask bench cluster`: what workflows cost on the rig's control plane, beside a bare loop of the same pods.
//!
//! The measuring is an example of the binary's package (`crates/plimsoll/examples/cluster`): it needs a client library,
//! which chores do without.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::platform::release;
use crate::rig;

/// What `cargo xtask bench cluster` takes.
#[derive(Args)]
pub(crate) struct Cluster {
    /// The rig, which has fake nodes: `cargo xtask rig up --nodes 100`.
    #[command(flatten)]
    rig: rig::Which,
    /// Steps of the chain.
    #[arg(long, default_value_t = 100)]
    chain: usize,
    /// Steps of the fan-out.
    #[arg(long, default_value_t = 1000)]
    fan_out: usize,
    /// Workflows of three steps.
    #[arg(long, default_value_t = 100)]
    many: usize,
    /// Steps of the large workflow.
    #[arg(long, default_value_t = 5000)]
    large: usize,
    /// Steps of the chain and of the fan-out whose steps have outputs.
    #[arg(long, default_value_t = 100)]
    outputs: usize,
    /// Only the case of this name.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// A binary to measure instead of building one.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Measures; the result is printed by the example.
pub(crate) fn cluster(options: Cluster) -> Result<ExitCode> {
    let kubeconfig = rig::kubeconfig(options.rig)?;
    let binary = match options.binary {
        Some(binary) => binary,
        None => release()?,
    };
    let what = json!({
        "kubeconfig": kubeconfig,
        "binary": binary,
        "case": options.case,
        "chain": options.chain,
        "fan_out": options.fan_out,
        "many": options.many,
        "large": options.large,
        "outputs": options.outputs,
    });
    crate::example("plimsoll", "cluster", &[&what.to_string()])
}
