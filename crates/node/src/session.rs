//! Commands that someone runs inside a container that runs: `kubectl exec`.
//!
//! ```text
//!     Sessions::exec --> agent: which attempt? --> environment, user, directory
//!                    --> pipes or a terminal, whose other ends the spawner opens by name
//!                    --> agent --> spawner --> process, in the container's sandbox and its share
//! ```
//!
//! Bytes go between whoever asked and the process without passing the agent or the spawner. A session that is dropped
//! ends its process. This knows nothing of the protocol in which it is asked for.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use kinds::k8s::api::core::v1::Pod;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::{Winsize, tcsetwinsize};
use spawner::protocol::{self, Key, Outcome, Start};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::{mpsc, oneshot};

use crate::agent::Message;
use crate::environment::find;
use crate::pod::text;
use crate::start::{NoStart, Starter};

/// What a session's process is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRequest {
    /// `metadata.uid` of the pod.
    pub uid: String,
    /// Name of the container.
    pub container: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Whether it reads what is typed.
    pub stdin: bool,
    /// Whether its output is wanted.
    pub stdout: bool,
    /// Whether its errors are wanted; with a terminal they are in its output.
    pub stderr: bool,
    /// Whether it has a terminal.
    pub tty: bool,
}

/// What a process reads.
pub type Input = Box<dyn AsyncWrite + Send + Unpin>;
/// What a process writes. A terminal ends with an error.
pub type Output = Box<dyn AsyncRead + Send + Unpin>;

/// A command that runs. It ends when this is dropped.
pub struct Session {
    /// What it reads, until dropped.
    pub stdin: Option<Input>,
    /// What it writes.
    pub stdout: Option<Output>,
    /// What it complains of.
    pub stderr: Option<Output>,
    /// Its terminal.
    pub terminal: Option<Terminal>,
    /// Its exit code, or why it did not start.
    pub ended: BoxFuture<'static, Result<i32, String>>,
}

/// A session's terminal.
pub struct Terminal(OwnedFd);

impl Terminal {
    /// Tells it how large it is, in characters.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        Ok(tcsetwinsize(&self.0, size)?)
    }
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The container does not run on this node.
    #[error("container not found ({0:?})")]
    NotFound(String),
    /// It could not be made.
    #[error("{0}")]
    Failed(String),
}

impl From<io::Error> for ExecError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What the agent is asked for a session.
pub(crate) enum Ask {
    /// Which attempt of a container runs now.
    Find {
        uid: String,
        container: String,
        answer: oneshot::Sender<Option<(Arc<Pod>, u32)>>,
    },
    /// Run this.
    Run(Box<Order>),
    /// Nobody waits for it any more.
    End(Key),
}

/// A process for a session.
pub(crate) struct Order {
    /// How it is started. The key's number is the agent's to give.
    pub(crate) start: Start,
    /// The process's ends, kept until it has them.
    pub(crate) ends: Vec<OwnedFd>,
    /// Told under which key it runs.
    pub(crate) key: oneshot::Sender<Key>,
    /// Told how it ended.
    pub(crate) ended: oneshot::Sender<Outcome>,
}

/// Runs commands inside the containers of a node.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) sender: mpsc::UnboundedSender<Message>,
    pub(crate) starter: Arc<Starter>,
}

impl Sessions {
    /// Runs a command inside a container.
    pub async fn exec(&self, request: &ExecRequest) -> Result<Session, ExecError> {
        let missing = || ExecError::NotFound(request.container.clone());
        let (pod, attempt) = self.find(request).await.ok_or_else(missing)?;
        let start = self.start(request, &pod, attempt).await?;
        let (mut session, ends, output) = open(request)?;
        let (key, key_told) = oneshot::channel();
        let (ended, told) = oneshot::channel();
        let start = Start { output, ..start };
        let order = Order {
            start,
            ends,
            key,
            ended,
        };
        self.ask(Ask::Run(Box::new(order)));
        let gone = |_| ExecError::Failed("the node is going down".to_owned());
        let guard = Guard {
            sessions: self.clone(),
            key: key_told.await.map_err(gone)?,
        };
        session.ended = Box::pin(async move {
            let outcome = told.await.map_err(|_| "the node is going down".to_owned())?;
            let result = exit_code(&outcome, &guard.key.pod);
            drop(guard);
            result
        });
        Ok(session)
    }

    async fn find(&self, request: &ExecRequest) -> Option<(Arc<Pod>, u32)> {
        let (answer, answered) = oneshot::channel();
        self.ask(Ask::Find {
            uid: request.uid.clone(),
            container: request.container.clone(),
            answer,
        });
        answered.await.ok().flatten()
    }

    async fn start(&self, request: &ExecRequest, pod: &Pod, attempt: u32) -> Result<Start, ExecError> {
        let container = find(pod, &request.container);
        let container = container.ok_or_else(|| ExecError::NotFound(request.container.clone()))?;
        let inside = self.starter.surroundings(pod, container).await;
        let inside = inside.map_err(|error| match error {
            NoStart::Refused(_, sentence) | NoStart::Impossible(sentence) => ExecError::Failed(sentence),
        })?;
        let mut env = inside.env;
        if request.tty && env.get("TERM").is_none() {
            env.set("TERM", "xterm".to_owned());
        }
        let joined = Key {
            pod: request.uid.clone(),
            container: request.container.clone(),
            attempt,
        };
        Ok(Start {
            key: joined.clone(),
            argv: request.command.clone(),
            env: env.into_strings(),
            cwd: inside.cwd,
            user: inside.user,
            join: Some(joined),
            transient: true,
            ..Start::default()
        })
    }

    fn ask(&self, ask: Ask) {
        // An agent that has ended drops what it is asked, and with it who would answer.
        let _ = self.sender.send(Message::Session(ask));
    }
}

/// Ends the process of a session that nobody waits for.
struct Guard {
    sessions: Sessions,
    key: Key,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.sessions.ask(Ask::End(self.key.clone()));
    }
}

fn exit_code(outcome: &Outcome, pod: &str) -> Result<i32, String> {
    match outcome {
        Outcome::Exited { code } => Ok(*code),
        Outcome::Signalled { signal } => Ok(128 + signal),
        Outcome::NotStarted(failure) => Err(text::exec_failure(failure, pod)),
        Outcome::Unknown => Err("nobody saw how the command ended".to_owned()),
    }
}

type Opened = (Session, Vec<OwnedFd>, protocol::Output);

/// The ends of a session: ours, the process's, and how the spawner opens those.
fn open(request: &ExecRequest) -> io::Result<Opened> {
    let mut session = Session {
        stdin: None,
        stdout: None,
        stderr: None,
        terminal: None,
        ended: Box::pin(std::future::pending()),
    };
    if request.tty {
        return open_terminal(request, session);
    }
    let (mut ends, mut names) = (Vec::new(), [None, None, None]);
    let mut keep = |index: usize, end: OwnedFd| {
        names[index] = Some(name(&end));
        ends.push(end);
    };
    if request.stdin {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        keep(0, reader);
        session.stdin = Some(Box::new(Sender::from_owned_fd(writer)?));
    }
    if request.stdout {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        keep(1, writer);
        session.stdout = Some(Box::new(Receiver::from_owned_fd(reader)?));
    }
    if request.stderr {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        keep(2, writer);
        session.stderr = Some(Box::new(Receiver::from_owned_fd(reader)?));
    }
    let [stdin, stdout, stderr] = names;
    let output = protocol::Output::Opened {
        stdin,
        stdout,
        stderr,
        terminal: false,
    };
    Ok((session, ends, output))
}

fn open_terminal(request: &ExecRequest, mut session: Session) -> io::Result<Opened> {
    let (master, name) = spawner::open_terminal()?;
    if request.stdin {
        session.stdin = Some(Box::new(Sender::from_owned_fd_unchecked(master.try_clone()?)?));
    }
    session.stdout = Some(Box::new(Receiver::from_owned_fd_unchecked(master.try_clone()?)?));
    session.terminal = Some(Terminal(master));
    let output = protocol::Output::Opened {
        stdin: Some(name.clone()),
        stdout: Some(name.clone()),
        stderr: Some(name),
        terminal: true,
    };
    Ok((session, Vec::new(), output))
}

/// The name by which another process of ours opens a pipe that this one has open.
fn name(end: &OwnedFd) -> PathBuf {
    let own = rustix::process::getpid().as_raw_pid();
    PathBuf::from(format!("/proc/{own}/fd/{}", end.as_raw_fd()))
}
