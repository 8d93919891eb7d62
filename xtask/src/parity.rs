//! `cargo xtask parity`: the same workflows on a laptop, on the rig's kubelet and as upstream left them, in one table.

use std::ffi::OsStr;
use std::process::ExitCode;

use anyhow::Result;
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
pub(crate) fn parity(options: Options) -> Result<ExitCode> {
    let kubeconfig = rig::kubeconfig(options.rig)?;
    let server = go::S3.one("versitygw")?;
    crate::cargo(
        &["test", "--workspace", "--test", "parity", "--", "--nocapture"],
        &[
            ("PLIMSOLL_RIG_KUBECONFIG", kubeconfig.as_os_str()),
            ("PLIMSOLL_S3_SERVER", server.as_os_str()),
            ("PLIMSOLL_PARITY", OsStr::new("all")),
            ("PLIMSOLL_CASE", OsStr::new(&options.case)),
        ],
    )
}
