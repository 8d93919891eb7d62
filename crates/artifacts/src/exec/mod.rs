//! `plimsoll exec`: what Argo's init, emissary and wait do around a step's command, in one small process.
//!
//! ```text
//!   orders (environment)
//!     -> inputs and script to their paths          exec.staged
//!     -> the command; its log passes through       exec.ended
//!     -> parameters, result and artifacts          exec.saved
//!     -> one WorkflowTaskResult, named after the node   exec.reported
//!     -> the command's exit code
//! ```
//!
//! Doing it all again is harmless: loading replaces, saving replaces, and a result that exists is patched. It
//! decides nothing: what a missing output or a failed command means is for whoever reads the result.

mod api;
mod capture;
mod command;
mod install;
mod outputs;
mod report;
mod stage;

use std::ffi::OsString;
use std::io::Write;

use argo::NodeResult;
use argo::exec::{EXECUTOR_FAILED, INSTALL, Orders};
use meta::crash;

use crate::place::Place;
use command::Ended;

/// Where a test may kill the process: the names of [`meta::crash::point`] in `plimsoll exec`.
pub const CRASH_POINTS: [&str; 4] = ["exec.staged", "exec.ended", "exec.saved", "exec.reported"];

/// Why the executor itself failed, as a clause for people: the node's message.
#[derive(Debug)]
struct Failure(String);

/// Runs `arguments` (`[--] command args...`, or `--install FOLDER`) under the orders of this process's environment, and gives
/// the exit code: the command's own, 128 and the signal's number where a signal ended it, or
/// [`EXECUTOR_FAILED`] where the executor could not do its part, which it then says on standard error.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> i32 {
    let mut arguments = arguments.into_iter().peekable();
    if arguments.next_if(|first| first == INSTALL).is_some() {
        return ended(install::install(arguments.next()));
    }
    arguments.next_if(|first| first == "--");
    let command: Vec<OsString> = arguments.collect();
    ended(start(&command))
}

fn ended(result: Result<i32, Failure>) -> i32 {
    match result {
        Ok(code) => code,
        Err(Failure(message)) => {
            explain(&message);
            EXECUTOR_FAILED
        }
    }
}

fn start(command: &[OsString]) -> Result<i32, Failure> {
    let orders = Orders::from_env(|name| std::env::var(name).ok())
        .ok_or_else(|| Failure("`plimsoll exec` runs inside a step's pod only: it has no orders".into()))?
        .map_err(|error| Failure(format!("the orders cannot be read: {error}")))?;
    // One thread: this process is paid for by every step that has outputs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure(format!("no event loop: {error}")))?;
    runtime.block_on(follow(&orders, command))
}

/// Follows the orders to the end: whatever happened is reported before it is returned.
async fn follow(orders: &Orders, command: &[OsString]) -> Result<i32, Failure> {
    let api = api::Api::from_env();
    let (code, result) = match attempt(orders, command).await {
        Ok(done) => done,
        Err(Failure(message)) => {
            explain(&message);
            (
                EXECUTOR_FAILED,
                NodeResult {
                    phase: "Error".into(),
                    message,
                    ..NodeResult::default()
                },
            )
        }
    };
    crash::point("exec.saved");
    report::send(&api, orders, &result).await?;
    crash::point("exec.reported");
    Ok(code)
}

async fn attempt(orders: &Orders, command: &[OsString]) -> Result<(i32, NodeResult), Failure> {
    let place = Place::of(orders);
    stage::stage(&place, orders)?;
    crash::point("exec.staged");
    let ended = command::run(command, orders).await?;
    crash::point("exec.ended");
    let (outputs, failure) = outputs::collect(&place, orders, &ended);
    let result = NodeResult {
        outputs: Some(outputs),
        ..NodeResult::default()
    };
    Ok(judge(&ended, result, failure))
}

/// A failed command outweighs what is missing after it; a successful one does not.
fn judge(ended: &Ended, mut result: NodeResult, failure: Option<Failure>) -> (i32, NodeResult) {
    match failure {
        Some(Failure(message)) if ended.code == 0 => {
            explain(&message);
            result.phase = "Error".into();
            result.message = message;
            (EXECUTOR_FAILED, result)
        }
        _ => (ended.code, result),
    }
}

/// Says it in the container's log, and where kubelet looks for a container's last words.
fn explain(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
    let _ = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/termination-log")
        .and_then(|mut file| file.write_all(message.as_bytes()));
}
