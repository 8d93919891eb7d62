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
mod http;
mod install;
mod journal;
mod jq;
mod outputs;
mod own_work;
mod peers;
mod report;
mod resource;
mod stage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Duration;

use argo::NodeResult;
use argo::exec::{EXECUTOR_FAILED, INSTALL, Orders};
use meta::crash;

use crate::place::Place;
use api::Api;
use command::Ended;
use peers::Unmet;

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
    if arguments.next_if(|first| first == jq::EVALUATE).is_some() {
        return ended(jq::main());
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
    runtime.block_on(follow_among_peers(&orders, command))
}

/// Follows the orders to the end: whatever happened is reported before it is returned.
async fn follow(orders: &Orders, command: &[OsString]) -> Result<i32, Failure> {
    let api = Api::from_env();
    let (code, result) = match attempt(&api, orders, command).await {
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
    if !orders.silent {
        report::send(&api, orders, &result).await?;
    }
    crash::point("exec.reported");
    Ok(code)
}

/// Follows the orders, and tells the pod's other containers how that ended, whatever happened.
async fn follow_among_peers(orders: &Orders, command: &[OsString]) -> Result<i32, Failure> {
    let peers = orders.peers.as_ref();
    let _lock = peers
        .map(peers::appear)
        .transpose()
        .map_err(|error| untold(&error))?;
    let ended = follow(orders, command).await;
    if let Some(peers) = peers {
        let code = *ended.as_ref().unwrap_or(&EXECUTOR_FAILED);
        peers::tell(peers, code).map_err(|error| untold(&error))?;
    }
    ended
}

fn untold(error: &io::Error) -> Failure {
    Failure(format!(
        "failed to tell the exit code to other containers: {error}"
    ))
}

/// Waits for those that write to the same volumes. They may wait for the command in turn, and so are told of its end.
async fn gather(orders: &Orders, ended: &Ended) -> Result<(), Failure> {
    if let Some(peers) = orders.peers.as_ref().filter(|peers| !peers.gather.is_empty()) {
        peers::tell(peers, ended.code).map_err(|error| untold(&error))?;
        peers::gathered(peers).await;
    }
    Ok(())
}

async fn attempt(api: &Api, orders: &Orders, command: &[OsString]) -> Result<(i32, NodeResult), Failure> {
    let place = Place::of(orders);
    stage::stage(&place, orders)?;
    crash::point("exec.staged");
    if orders.resource.is_some() || orders.http.is_some() {
        return own_work::run(api, &place, orders).await;
    }
    let ended = match run(command, orders).await? {
        Ok(ended) => ended,
        Err(code) => return Ok((code, NodeResult::default())),
    };
    crash::point("exec.ended");
    gather(orders, &ended).await?;
    let (outputs, failure) = outputs::collect(&place, orders, &ended);
    let result = NodeResult {
        outputs: Some(outputs),
        ..NodeResult::default()
    };
    Ok(judge(&ended, result, failure))
}

/// Runs the command when its time has come, and again while it fails and may be tried; or gives the exit
/// code of a container that was asked to end before.
async fn run(command: &[OsString], orders: &Orders) -> Result<Result<Ended, i32>, Failure> {
    let Some(peers) = &orders.peers else {
        return command::run(command, orders).await.map(Ok);
    };
    match peers::dependencies(peers).await {
        Ok(()) => {}
        Err(Unmet::Ended(code)) => return Ok(Err(code)),
        Err(Unmet::Failed(failure)) => return Err(failure),
    }
    let mut left = peers.attempts;
    loop {
        let ended = command::run(command, orders).await?;
        left = left.saturating_sub(1);
        if ended.code == 0 || ended.asked || left == 0 {
            return Ok(Ok(ended));
        }
        tokio::time::sleep(Duration::from_millis(peers.pause.into())).await;
    }
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

/// Says it in the container's log, and as its last words.
fn explain(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
    last_words(message);
}

/// Writes to where kubelet looks for a container's last words.
fn last_words(message: &str) {
    let _ = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/termination-log")
        .and_then(|mut file| file.write_all(message.as_bytes()));
}
