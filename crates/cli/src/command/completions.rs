//! `plimsoll completions`: from the same flags that make the help.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::command::Cli;
use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Args) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plimsoll", &mut script);
    context.ui.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}
