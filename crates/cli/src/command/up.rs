//! `plimsoll up`: the whole platform on this machine, in the foreground or behind.
//!
//! On stdout, once ready, one line that a shell can evaluate:
//!
//! ```text
//! export KUBECONFIG=/home/me/.local/share/plimsoll/kubeconfig
//! ```

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::context::Context;
use crate::data_dir;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::platform::{PlatformError, PlatformOptions, Running};
use crate::signals;
use crate::simulated::SimulatedFlags;
use crate::ui::style::{self, paint};

/// Start the platform on this machine and keep it up
///
/// Serves the Kubernetes API on a loopback port, writes a kubeconfig into the data directory
/// once it is ready, and says so. Ctrl-C ends it in good order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Go to the background once the platform is ready
    #[arg(long, short)]
    detach: bool,
    /// The loopback port to serve on [default: a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    simulated: SimulatedFlags,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let data_dir = context.data_dir()?;
    if args.detach {
        detach(context, &data_dir, &args).await
    } else {
        stay(context, data_dir, &args).await
    }
}

/// In the foreground, until a signal or a failure.
async fn stay(context: &Context, data_dir: PathBuf, args: &Args) -> Result<Exit> {
    let options = PlatformOptions {
        data_dir,
        config: context.globals.config.clone(),
        port: args.port,
        simulated: args.simulated.simulated(),
    };
    let mut interrupts = signals::Interrupts::listen()?;
    let running = tokio::select! {
        started = context.platform.start(options) => started?,
        () = interrupts.next() => return Ok(Exit::Interrupted),
    };
    announce(context, &running)?;
    let Running {
        failed,
        full,
        shutdown,
        ..
    } = running;
    let failure: Option<PlatformError> = tokio::select! {
        error = failed => Some(error),
        never = super::run::say_once(context, full) => match never {},
        () = interrupts.next() => None,
    };
    context
        .ui
        .say("Ending the platform; Ctrl-C again ends it at once");
    tokio::select! {
        () = shutdown() => {}
        () = interrupts.next() => return Ok(Exit::Interrupted),
    }
    failure.map_or(Ok(Exit::Success), |error| Err(error.into()))
}

/// Says where the platform is and how to use it.
fn announce(context: &Context, running: &Running) -> Result<()> {
    for notice in &running.notices {
        context.ui.say(notice);
    }
    let address = paint(style::BOLD, &running.address);
    context.ui.say(&format!(
        "The platform is up at {address}; other terminals reach it with"
    ));
    context
        .ui
        .print(&format!("export KUBECONFIG={}\n", quoted(&running.kubeconfig)))
}

/// The path as a shell reads it back.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@%:".contains(c);
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Behind: the same program with the same flags, its messages in `D/plimsoll.log`.
async fn detach(context: &Context, data_dir: &Path, args: &Args) -> Result<Exit> {
    let log = data_dir.join("plimsoll.log");
    let mut child = start_behind(context, data_dir, args, &log)?;
    let ready = match child.stdout.take() {
        Some(stdout) => BufReader::new(stdout).lines().next_line().await?,
        None => None,
    };
    match ready {
        Some(line) => {
            let pid = child.id().unwrap_or_default();
            context.ui.say(&format!(
                "The platform is up as process {pid}, its messages in {}; `plimsoll down` ends it",
                log.display()
            ));
            context.ui.print(&format!("{line}\n"))?;
            Ok(Exit::Success)
        }
        None => died(context, &mut child, &log).await,
    }
}

fn start_behind(context: &Context, data_dir: &Path, args: &Args, log: &Path) -> Result<Child> {
    let fail = |error| CommandError::from(PlatformError::from_io(log, error));
    data_dir::create(data_dir).map_err(fail)?;
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let messages = options.open(log).map_err(fail)?;
    let program = std::env::current_exe().map_err(CommandError::from)?;
    let mut command = Command::new(program);
    command.arg("up").arg("--data-dir").arg(data_dir);
    if let Some(port) = args.port {
        command.arg("--port").arg(port.to_string());
    }
    command.args(args.simulated.flags());
    if let Some(config) = &context.globals.config {
        command.arg("--config").arg(config);
    }
    // A group of its own, so that Ctrl-C in this terminal does not reach it.
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(messages);
    Ok(command.spawn()?)
}

/// The platform ended before it was ready: pass on what it said and its exit code.
async fn died(context: &Context, child: &mut Child, log: &Path) -> Result<Exit> {
    let status = child.wait().await?;
    let said = std::fs::read_to_string(log).unwrap_or_default();
    context.ui.say(said.trim_end());
    Ok(match status.code() {
        Some(2) => Exit::Usage,
        Some(4) => Exit::Disk,
        _ => Exit::Unavailable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_shell_only_when_they_need_it() {
        assert_eq!(quoted(Path::new("/home/me/kubeconfig")), "/home/me/kubeconfig");
        assert_eq!(quoted(Path::new("/my data/it's")), r"'/my data/it'\''s'");
    }
}
