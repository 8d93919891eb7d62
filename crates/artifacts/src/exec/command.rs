//! The step's own command: started, its log passed on, signals forwarded, waited for.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argo::exec::{EXECUTOR_FAILED, ORDERS_ENV, Orders, SOCKET_ENV, TOKEN_ENV, USER_ENV};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::capture::{Stream, receiver, rewound, scratch};
use super::{Failure, peers};

/// How long a command that is asked to end may take.
const GRACE: Duration = Duration::from_secs(30);

/// Signals that a container's first process may be sent; the command gets them in its place.
const FORWARDED: [Signal; 6] = [
    Signal::TERM,
    Signal::INT,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
];

/// How the command ended.
pub(super) struct Ended {
    /// Its exit code, 128 and the signal's number where a signal ended it.
    pub(super) code: i32,
    /// Whether it was asked to end.
    pub(super) asked: bool,
    /// Its standard output, where that is the node's result.
    pub(super) result: Option<String>,
    /// All its output, where that is to be kept.
    pub(super) log: Option<File>,
}

/// Runs the command to its end.
pub(super) async fn run(command: &[OsString], orders: &Orders) -> Result<Ended, Failure> {
    let [program, arguments @ ..] = command else {
        return Err(Failure(
            "no command: the container gives none, and its image's own is not known here".into(),
        ));
    };
    let failed = |error: io::Error| Failure(format!("failed to run the command: {error}"));
    // Caught before the start, so that a signal in between reaches the command too.
    let signals = Signals::catch().map_err(failed)?;
    let mut child = prepare(program, arguments, orders)?
        .spawn()
        .map_err(|error| cannot_start(program, &error))?;
    let asked = Arc::new(AtomicBool::new(false));
    let _forwarding = signals.forward_to(child.id(), &asked);
    let _serving = end_when_served(&child, orders);
    let mut output = Output::of(&mut child, orders).map_err(failed)?;
    let status = output.attend(&mut child).await.map_err(failed)?;
    let asked = asked.load(Ordering::Relaxed);
    output.into_ended(status, asked).map_err(failed)
}

/// Resolves once this process is asked to end, with the exit code of one that was: where there is no command, nobody
/// else hears it.
pub(super) async fn asked_to_end() -> Result<i32, Failure> {
    let failed = |error: io::Error| Failure(format!("signals cannot be heard: {error}"));
    let mut asked = signal(SignalKind::terminate()).map_err(failed)?;
    asked.recv().await;
    Ok(128 + Signal::TERM.as_raw())
}

/// A command that serves others is asked to end once they have, and then made to.
fn end_when_served(child: &Child, orders: &Orders) -> JoinSet<()> {
    let (peers, pid) = (orders.peers.clone(), pid_of(child.id()));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        peers::served(peers.as_ref()).await;
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        tokio::time::sleep(GRACE).await;
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
    });
    tasks
}

fn pid_of(child: Option<u32>) -> Option<Pid> {
    child
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw)
}

/// The command, with pipes only for what is looked at: everything else goes to the log by itself.
fn prepare(program: &OsString, arguments: &[OsString], orders: &Orders) -> Result<Command, Failure> {
    let mut command = Command::new(program);
    command.args(arguments);
    if orders.include_result || orders.archive_logs {
        command.stdout(Stdio::piped());
    }
    if orders.archive_logs {
        command.stderr(Stdio::piped());
    }
    // The command sees the pod's environment without the executor's orders and token. Removing names leaves
    // PATH untouched, which lets the standard library start the child without a fork.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_own)) {
        command.env_remove(name);
    }
    if let Ok(user) = std::env::var(USER_ENV) {
        let (uid, gid) = user_and_group(&user)?;
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

fn user_and_group(text: &str) -> Result<(u32, u32), Failure> {
    let parts = text.split_once(':');
    let ids = parts.and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    ids.ok_or_else(|| Failure(format!("{USER_ENV} is {text:?}, not UID:GID")))
}

fn is_own(variable: &str) -> bool {
    variable.starts_with(ORDERS_ENV) || [SOCKET_ENV, TOKEN_ENV, USER_ENV].contains(&variable)
}

/// Argo's words where it has some, since people search for them.
fn cannot_start(program: &OsStr, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    Failure(match error.kind() {
        io::ErrorKind::NotFound if name.contains('/') => format!("failed to start {name}: no such file"),
        io::ErrorKind::NotFound => {
            format!("failed to find name in PATH: exec: \"{name}\": executable file not found in $PATH")
        }
        _ => format!("failed to start {name}: {error}"),
    })
}

/// The command's output on its way to the log.
struct Output {
    stdout: Stream,
    stderr: Stream,
    combined: Option<File>,
}

impl Output {
    fn of(child: &mut Child, orders: &Orders) -> io::Result<Self> {
        let stdout = child.stdout.take().map(receiver).transpose()?;
        let stderr = child.stderr.take().map(receiver).transpose()?;
        Ok(Self {
            stdout: Stream::new(stdout, io::stdout().as_fd(), orders.include_result)?,
            stderr: Stream::new(stderr, io::stderr().as_fd(), false)?,
            combined: orders.archive_logs.then(scratch).transpose()?,
        })
    }

    /// Passes output on until the command ends. What it wrote before its end is in the pipes by then; what
    /// processes it left behind write later is not waited for.
    async fn attend(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        loop {
            let status = tokio::select! {
                status = child.wait() => Some(status?),
                () = self.stdout.ready() => None,
                () = self.stderr.ready() => None,
            };
            self.stdout.drain(&mut self.combined);
            self.stderr.drain(&mut self.combined);
            if let Some(status) = status {
                return Ok(status);
            }
        }
    }

    fn into_ended(self, status: ExitStatus, asked: bool) -> io::Result<Ended> {
        Ok(Ended {
            code: exit_code(status),
            asked,
            result: self.stdout.into_result(),
            log: self.combined.map(rewound).transpose()?,
        })
    }
}

/// As a shell and kubelet count it.
fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(EXECUTOR_FAILED)
}

/// Signals caught for the command.
struct Signals(Vec<(Signal, tokio::signal::unix::Signal)>);

impl Signals {
    fn catch() -> io::Result<Self> {
        let caught = FORWARDED.map(|kind| Ok((kind, signal(SignalKind::from_raw(kind.as_raw()))?)));
        caught.into_iter().collect::<io::Result<_>>().map(Self)
    }

    /// Passes signals on for as long as the result lives.
    fn forward_to(self, child: Option<u32>, asked: &Arc<AtomicBool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let pid = pid_of(child);
        for (kind, mut caught) in self.0 {
            let asked = Arc::clone(asked);
            tasks.spawn(async move {
                while caught.recv().await.is_some() {
                    asked.fetch_or(kind == Signal::TERM, Ordering::Relaxed);
                    let _ = pid.map(|pid| kill_process(pid, kind));
                }
            });
        }
        tasks
    }
}
