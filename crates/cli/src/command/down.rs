//! `plimsoll down`: ends the platform that is up on a data directory, in good order.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::context::Context;
use crate::data_dir::{self, Holder};
use crate::error::{CommandError, Result};
use crate::exit::Exit;

/// End the platform that is up on the data directory
///
/// What was running can be taken up again by the next `plimsoll up` on the same directory.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seconds to wait for it to end
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let dir = context.data_dir()?;
    let Some(holder) = data_dir::holder(&dir) else {
        context.ui.say(&format!("No platform is up on {}", dir.display()));
        return Ok(Exit::Success);
    };
    signal(&holder)?;
    wait(holder, Duration::from_secs(args.timeout)).await?;
    context
        .ui
        .say(&format!("The platform on {} has ended", dir.display()));
    Ok(Exit::Success)
}

/// The holder of the lock is alive, so its process id cannot have been given to another process.
fn signal(holder: &Holder) -> Result<()> {
    let pid = holder
        .pid
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| CommandError::failed("the lock file does not say which process holds it"))?;
    kill_process(pid, Signal::TERM).map_err(|error| {
        CommandError::failed(format!("cannot signal process {}", pid.as_raw_nonzero()))
            .because(&std::io::Error::from(error))
    })
}

async fn wait(holder: Holder, limit: Duration) -> Result<()> {
    let pid = holder.pid.unwrap_or_default();
    let released = tokio::task::spawn_blocking(move || holder.wait());
    match tokio::time::timeout(limit, released).await {
        Ok(Ok(result)) => Ok(result?),
        Ok(Err(panicked)) => Err(CommandError::failed("cannot wait for the platform").because(&panicked)),
        Err(_elapsed) => Err(
            CommandError::failed(format!("process {pid} has not ended after {limit:?}"))
                .hint("wait longer with --timeout"),
        ),
    }
}
