//! `plimsoll version`.

use serde_json::json;

use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// Print the version
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print it
    #[arg(long, short, value_enum)]
    output: Option<Output>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// A JSON object.
    Json,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Result<Exit> {
    let version = env!("CARGO_PKG_VERSION");
    match args.output {
        None => context.ui.print(&format!("plimsoll {version}\n"))?,
        Some(Output::Json) => {
            let os = std::env::consts::OS;
            let arch = std::env::consts::ARCH;
            context.ui.print(&format!(
                "{}\n",
                json!({"version": version, "os": os, "arch": arch})
            ))?;
        }
    }
    Ok(Exit::Success)
}
