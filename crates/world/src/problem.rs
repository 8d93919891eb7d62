//! What is wrong: which promise was broken, and how.

use std::fmt;

/// A promise that every world keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// The control plane starts, and is served by its disk.
    Lives,
    /// No attempt starts twice.
    StartsOnce,
    /// Every outcome is in the status, once and as it was.
    Outcomes,
    /// A decision stays as it was made.
    Decisions,
    /// Machines, locks and parallelism are never exceeded.
    Limits,
    /// Every workflow ends, or waits for what only others can give.
    Ends,
    /// A machine that saw all events is as one that was rebuilt.
    Rebuilt,
    /// No plan panics.
    Panics,
    /// What was acknowledged is there after any crash.
    Durable,
    /// Everything can be deleted, and leaves nothing.
    Leaks,
    /// A workflow ends the same, whatever goes wrong around it.
    SameEnd,
}

impl Promise {
    pub(crate) fn broken(self, text: String) -> Problem {
        Problem { promise: self, text }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub promise: Promise,
    /// How, in a sentence.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.text)
    }
}
