//! What an executor without a command does, as the container's log shows it, and kept where the log is kept.

use std::fs::File;
use std::io::{self, Write};

use super::capture::{rewound, scratch};

/// The log of a step that the executor itself does.
pub(super) struct Journal(Option<File>);

impl Journal {
    /// A journal; `keep` makes a copy of it.
    pub(super) fn new(keep: bool) -> io::Result<Self> {
        keep.then(scratch).transpose().map(Self)
    }

    /// Says a line, now. A log that cannot be written does not keep the work from being done.
    pub(super) fn say(&mut self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
        if let Some(copy) = &mut self.0 {
            let _ = writeln!(copy, "{line}");
        }
    }

    /// The copy, from its start.
    pub(super) fn into_copy(self) -> io::Result<Option<File>> {
        self.0.map(rewound).transpose()
    }
}
