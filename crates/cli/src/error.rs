//! What a command's failure is: a kind (hence an exit code), a message, its causes, and hints.
//!
//! ```text
//! error: cannot read `pipeline.yml`
//!   cause: No such file or directory
//! hint: there is a `pipeline.yaml` beside it
//! ```
//!
//! Library errors are sorted into kinds here, by explicit `From`s, and nowhere else.

use std::error::Error as StdError;

use kinds::kube;

use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::platform::PlatformError;

/// What went wrong, coarsely: each kind is one exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or a manifest is wrong.
    Input,
    /// The request was understood and failed.
    Failed,
    /// No platform or server to talk to.
    Unavailable,
    /// The disk is full or cannot be written.
    Disk,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read our output has gone; nothing to say and nobody to say it to.
    BrokenPipe,
}

impl ErrorKind {
    /// The exit code of this kind.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Self::Input => Exit::Usage,
            Self::Failed => Exit::Failed,
            Self::Unavailable => Exit::Unavailable,
            Self::Disk => Exit::Disk,
            Self::Interrupted => Exit::Interrupted,
            Self::BrokenPipe => Exit::Success,
        }
    }
}

/// The failure of a command.
#[derive(Debug)]
pub struct CommandError {
    /// The kind, hence the exit code.
    pub kind: ErrorKind,
    /// One lowercase sentence without a final period, shown after `error:`.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
    /// Problems in manifests, each with its place, shown before the message.
    pub diagnostics: Vec<Diagnostic>,
}

/// The result of a command or of a part of one.
pub type Result<T, E = CommandError> = std::result::Result<T, E>;

impl CommandError {
    /// An error of `kind`.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// The command line or a file is wrong.
    #[must_use]
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Input, message)
    }

    /// The request failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// There is nobody to talk to.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds `source` and what caused it in turn.
    #[must_use]
    pub fn because(mut self, source: &(dyn StdError + 'static)) -> Self {
        let mut next = Some(source);
        while let Some(error) = next {
            let text = error.to_string();
            // Many errors repeat their cause's text in their own.
            if !self
                .causes
                .last()
                .is_some_and(|previous| previous.contains(&text))
            {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Says first what was being done.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, what.into());
        self.causes.insert(0, inner);
        self
    }
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            Io::BrokenPipe => ErrorKind::BrokenPipe,
            Io::StorageFull | Io::QuotaExceeded | Io::ReadOnlyFilesystem => ErrorKind::Disk,
            _ => ErrorKind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        Self::failed("an object is not understood").because(&error)
    }
}

impl From<PlatformError> for CommandError {
    fn from(error: PlatformError) -> Self {
        let (kind, hint) = match &error {
            PlatformError::InUse { .. } => (
                ErrorKind::Unavailable,
                Some(
                    "give this run a directory of its own with --data-dir, use `plimsoll submit` to run on the platform that is up, or end it with `plimsoll down`",
                ),
            ),
            PlatformError::PortTaken { .. } => (
                ErrorKind::Unavailable,
                Some("leave --port out to take a free port"),
            ),
            PlatformError::DiskFull { .. } => (
                ErrorKind::Disk,
                Some("free some space, or choose another disk with --data-dir"),
            ),
            PlatformError::NotWritable { .. } => (
                ErrorKind::Disk,
                Some("choose a directory you may write with --data-dir"),
            ),
            PlatformError::Format { .. } => (
                ErrorKind::Unavailable,
                Some("use the version of plimsoll that wrote it, or another directory with --data-dir"),
            ),
            PlatformError::Other(_) => (ErrorKind::Unavailable, None),
        };
        let mut out = Self::new(kind, error.to_string());
        out.hints.extend(hint.map(str::to_owned));
        match error {
            PlatformError::Other(cause) => out.because(cause.as_ref()),
            PlatformError::NotWritable { source, .. } => out.because(&source),
            _ => out,
        }
    }
}

/// The API server's refusals in its own words; everything else is a server we cannot talk to.
impl From<kube::Error> for CommandError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                if status.code == 507 {
                    Self::new(ErrorKind::Disk, status.message.clone())
                        .hint("free some space: what was accepted goes on once there is room")
                } else {
                    Self::failed(status.message.clone())
                }
            }
            kube::Error::SerdeError(source) => {
                Self::failed("the API server's answer is not understood").because(&source)
            }
            other => {
                let mut out = Self::unavailable("the API server cannot be reached");
                if let Some(source) = other.source() {
                    out = out.because(source);
                }
                out.hint("is it up? `plimsoll up` starts a platform on this machine")
            }
        }
    }
}

/// The status code of an API refusal, if `error` is one.
#[must_use]
pub fn status_code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}
