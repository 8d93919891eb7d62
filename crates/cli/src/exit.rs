//! Exit codes: the one table that the code, `--help` and the README share.

/// What the process tells its parent. The numbers are public and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command did what was asked; every workflow waited for Succeeded.
    Success = 0,
    /// A workflow ended Failed or Error, or the API server refused the request.
    Failed = 1,
    /// The command line or a manifest is wrong; nothing was created.
    Usage = 2,
    /// The platform cannot start or cannot be reached.
    Unavailable = 3,
    /// The disk is full or cannot be written.
    Disk = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Every exit code with its meaning, in the order of the numbers.
pub const TABLE: [(Exit, &str); 6] = [
    (Exit::Success, "success; every workflow waited for Succeeded"),
    (
        Exit::Failed,
        "a workflow ended Failed or Error, or a request was refused",
    ),
    (
        Exit::Usage,
        "bad input: the command line or a manifest; nothing was created",
    ),
    (
        Exit::Unavailable,
        "the platform cannot start or be reached (data directory in use, port taken, no server)",
    ),
    (Exit::Disk, "the disk is full or cannot be written"),
    (Exit::Interrupted, "interrupted (Ctrl-C)"),
];

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The worse of two outcomes, for commands that do several things.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.code() > self.code() { other } else { self }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table as the help shows it.
#[must_use]
pub fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (exit, meaning) in TABLE {
        text.push_str(&format!("  {:>3}  {meaning}\n", exit.code()));
    }
    text
}
