//! `cargo xtask parity`: the same workflows on a laptop, on the rig's kubelet and as upstream left them, in one table.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use crate::{go, rig};

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// The rig, which has a real node with our image.
    #[command(flatten)]
    rig: rig::Which,
    /// Only cases whose names hold this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    case: String,
}

/// Runs all cases; the table goes to stderr, as tests write.
pub(crate) fn parity(options: Options) -> Result<()> {
    let kubeconfig = rig::kubeconfig(options.rig)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--workspace", "--test", "parity", "--", "--nocapture"])
        .current_dir(crate::workspace_root())
        .env("PLIMSOLL_RIG_KUBECONFIG", kubeconfig)
        .env("PLIMSOLL_S3_SERVER", go::S3.one("versitygw")?)
        .env("PLIMSOLL_PARITY", "all")
        .env("PLIMSOLL_CASE", options.case)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "some differ");
    Ok(())
}
