//! What the node and the spawner say to each other: length-prefixed JSON over a unix socket.
//!
//! ```text
//!     node                               spawner
//!      | Start(key, argv, sandbox, ...)     |
//!      |----------------------------------->|  intent journaled, process started
//!      |             Started(key, pid, at)  |
//!      |<-----------------------------------|
//!      |              Ended(key, outcome)   |  ended, journaled, reaped
//!      |<-----------------------------------|
//!      | Acknowledge(keys)                  |  may be forgotten
//!      |----------------------------------->|
//! ```
//!
//! Nothing here knows pods beyond the key, or how either side waits.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The protocol's version; a node and a spawner of different versions refuse each other.
pub const VERSION: u32 = 4;

/// The largest frame either side accepts, in bytes: an environment and arguments may reach `ARG_MAX` (2 MiB).
pub const FRAME_MAX: usize = 8 << 20;

/// Which attempt of which container: what a start is keyed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// `metadata.uid` of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// The container's restart count; attempts are numbered from 0.
    pub attempt: u32,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.pod, self.container, self.attempt)
    }
}

/// What a node asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request {
    /// The first request of a connection; answered by [`Message::Welcome`].
    Hello {
        /// The asker's [`VERSION`].
        version: u32,
    },
    /// Start a process; answered by [`Message::Started`], or by [`Message::Ended`] when it could not start.
    /// Repeating a request never starts a second process.
    Start(Box<Start>),
    /// Send a signal to a process. Unknown and ended processes are no error: the outcome is on its way.
    Signal {
        /// The process.
        key: Key,
        /// The signal's number.
        signal: i32,
        /// Whether everything the process started is meant too.
        all: bool,
    },
    /// Send SIGTERM to a process as if it were not the first of its namespace: without a handler it ends.
    Terminate {
        /// The process.
        key: Key,
    },
    /// Tell again everything not acknowledged; answered by [`Message::Listing`].
    List,
    /// These outcomes are recorded durably elsewhere and may be forgotten.
    Acknowledge {
        /// Ended attempts.
        keys: Vec<Key>,
    },
    /// End the spawner if nothing runs; answered by [`Message::Busy`] otherwise.
    ShutdownIfIdle,
}

/// A process to start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// What it is keyed by.
    pub key: Key,
    /// Program and arguments; the program is looked up in `PATH` of [`Start::env`] inside the sandbox.
    pub argv: Vec<String>,
    /// The whole environment, `NAME=value` each.
    pub env: Vec<String>,
    /// Working directory, inside the sandbox.
    pub cwd: PathBuf,
    /// Where standard output and standard error go, both in the order in which they are written.
    pub output: Output,
    /// Whom the process runs as; the spawner's own user if absent.
    pub user: Option<User>,
    /// The process's own view of the machine; none means the machine as it is.
    pub sandbox: Option<Sandbox>,
    /// Resource limits (`setrlimit`).
    pub limits: Vec<Limit>,
    /// What the process and everything it starts may take, as far as [`Abilities`] say that this can be held to.
    #[serde(default)]
    pub share: Share,
    /// Run inside the sandbox of this running process, as hooks and probes do.
    pub join: Option<Key>,
    /// Not worth a journal: its outcome is lost with the connection or the spawner, as a probe's may be.
    pub transient: bool,
}

/// What becomes of a process's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// It is appended to a log in the form of [`crate::log`], which is cut into segments ([`crate::segment_path`]).
    Log {
        /// The first segment.
        path: PathBuf,
        /// Bytes after which a segment is full.
        segment: u64,
        /// Segments kept.
        segments: u32,
    },
    /// Nothing passes through the spawner: standard input, output and error are files that it opens, pipes and terminals
    /// among them; what is absent is empty, or goes nowhere.
    Opened {
        /// What the process reads.
        stdin: Option<PathBuf>,
        /// Where its output goes.
        stdout: Option<PathBuf>,
        /// Where its errors go.
        stderr: Option<PathBuf>,
        /// Whether standard input is a terminal, which the process is to be controlled by.
        terminal: bool,
    },
    /// Its beginning is told with the process's end.
    Kept {
        /// Bytes.
        max: usize,
    },
}

impl Default for Output {
    fn default() -> Self {
        Self::Kept { max: 0 }
    }
}

/// Whom a process runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// A process's own view of the machine: its own root, `/dev`, `/proc`, process ids and host name.
///
/// The root shows the machine's own directories; `mounts` are laid over it, at any path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// An existing empty directory on which the root is built; nothing is left in it.
    pub stage: PathBuf,
    /// What is mounted where.
    pub mounts: Vec<Mount>,
    /// The host name, if the process has its own.
    pub hostname: Option<String>,
}

/// A file or directory of the machine made visible at a path of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Path on the machine.
    pub source: PathBuf,
    /// Absolute path in the sandbox; need not exist.
    pub target: PathBuf,
    /// Whether writing is refused.
    pub read_only: bool,
}

/// What a process may take together with everything it starts, and with what runs inside its sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Bytes of memory; where they run out the kernel kills.
    pub memory: Option<u64>,
    /// Thousandths of a processor.
    pub cpu_millis: Option<u64>,
}

/// A resource limit, as `setrlimit` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What is limited.
    pub kind: LimitKind,
    /// Soft and hard limit.
    pub value: u64,
}

/// What a [`Limit`] limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitKind {
    /// Open file descriptors.
    OpenFiles,
    /// Size of a core dump in bytes.
    CoreSize,
}

/// What the spawner says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Who answers.
    Welcome {
        /// The spawner's [`VERSION`].
        version: u32,
        /// What this machine lets it do.
        abilities: Abilities,
        /// The kernel's boot id.
        boot: String,
        /// The spawner's process id.
        pid: i32,
    },
    /// A process runs.
    Started(Running),
    /// A process ended, or never started. Repeated until acknowledged.
    Ended(Ended),
    /// Everything that is not acknowledged.
    Listing {
        /// Processes that run.
        running: Vec<Running>,
        /// Processes that ended.
        ended: Vec<Ended>,
    },
    /// Not shut down, as so many processes run.
    Busy {
        /// Their number.
        running: usize,
    },
    /// The request was not understood; the connection is closed.
    Refused {
        /// Why, as a sentence.
        reason: String,
    },
}

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its key.
    pub key: Key,
    /// Its process id on this machine.
    pub pid: i32,
    /// When it started: nanoseconds since 1970.
    pub started_at: i64,
}

/// An ended process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its key.
    pub key: Key,
    /// When it started: nanoseconds since 1970, absent if it never did or nobody knows.
    pub started_at: Option<i64>,
    /// When it ended: nanoseconds since 1970.
    pub ended_at: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it, or something that it started, was killed because its [`Share`] of memory ran out.
    #[serde(default)]
    pub out_of_memory: bool,
    /// What it wrote, where that was to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It exited by itself.
    Exited {
        /// Exit code, 0 to 255.
        code: i32,
    },
    /// A signal ended it.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// It never ran.
    NotStarted(Failure),
    /// It may have run; nobody saw how it ended, because the spawner or the machine went down first.
    Unknown,
}

/// Why a process could not be started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was being done.
    pub stage: Stage,
    /// What it was done to: a path or a program.
    pub subject: String,
    /// The system's error number.
    pub errno: i32,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = std::io::Error::from_raw_os_error(self.errno);
        write!(f, "{} {:?}: {error}", self.stage, self.subject)
    }
}

/// The stages of a start, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Writing the intent down.
    Journal,
    /// Opening the log.
    Log,
    /// Creating the process and its namespaces.
    Clone,
    /// Becoming the process's user.
    User,
    /// Building the sandbox's root.
    Mount,
    /// Entering the sandbox of another process.
    Join,
    /// Applying limits.
    Limit,
    /// Entering the working directory.
    Directory,
    /// Looking the program up in `PATH`.
    Lookup,
    /// Executing the program.
    Execute,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Journal => "writing the journal",
            Self::Log => "opening the log",
            Self::Clone => "creating the process for",
            Self::User => "changing user for",
            Self::Mount => "mounting",
            Self::Join => "entering the sandbox of",
            Self::Limit => "setting limits for",
            Self::Directory => "changing directory to",
            Self::Lookup => "looking up",
            Self::Execute => "executing",
        })
    }
}

/// What this machine lets the spawner do, found once by trying it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// Whether processes can have a [`Sandbox`].
    pub sandbox: bool,
    /// Whether a sandbox needs a user namespace: the spawner is not root.
    pub user_namespace: bool,
    /// Whether a sandbox has process ids of its own, so that nothing in it outlives its first process.
    pub process_ids: bool,
    /// Whether processes may run as another user.
    pub other_users: bool,
    /// Whether a [`Share`] of memory is held to.
    #[serde(default)]
    pub memory_shares: bool,
    /// Whether a [`Share`] of processors is.
    #[serde(default)]
    pub cpu_shares: bool,
    /// Why there is no sandbox, as a sentence.
    pub obstacle: Option<String>,
}
