//! Which boot of the machine pods were started in, remembered over its end.
//!
//! ```text
//!     node/boot   absent     nothing was ever started here
//!                 this one   what the spawner does not know was never started
//!                 another    what has no outcome may have run, and nobody knows how it ended
//! ```
//!
//! The file is on the disk before the first pod starts, and names this boot only once every pod that was left by the
//! earlier one has its outcome written: a node that dies in between finds the same again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const FILE: &str = "boot";

/// The file, and what is still owed to the earlier boot's pods.
pub(crate) struct Boot {
    directory: PathBuf,
    current: String,
    /// Whether the file names an earlier boot.
    earlier: bool,
    /// Pods of the earlier boot whose outcome has yet to be written.
    owed: BTreeSet<String>,
    /// Whether every pod of the earlier boot has been seen.
    listed: bool,
}

impl Boot {
    /// Reads the file in `directory`; `current` is the kernel's name for this boot. One that is absent is written.
    pub(crate) fn open(directory: &Path, current: &str) -> io::Result<Self> {
        let known = match fs::read_to_string(directory.join(FILE)) {
            Ok(known) => Some(known),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let boot = Self {
            directory: directory.to_owned(),
            current: current.to_owned(),
            earlier: known.as_ref().is_some_and(|known| known.trim() != current),
            owed: BTreeSet::new(),
            listed: false,
        };
        if known.is_none() {
            boot.write()?;
        }
        Ok(boot)
    }

    /// Whether a pod met now may have run before this boot; its outcome is owed then.
    pub(crate) fn adopt(&mut self, uid: &str) -> bool {
        if self.earlier {
            self.owed.insert(uid.to_owned());
        }
        self.earlier
    }

    /// A pod's status is durable, or the pod is gone.
    pub(crate) fn settle(&mut self, uid: &str) {
        if self.owed.remove(uid) {
            self.turn();
        }
    }

    /// Every pod that the earlier boot left has been adopted.
    pub(crate) fn listed(&mut self) {
        self.listed = true;
        self.turn();
    }

    fn turn(&mut self) {
        if !self.earlier || !self.listed || !self.owed.is_empty() {
            return;
        }
        match self.write() {
            Ok(()) => self.earlier = false,
            // The next node looks at all pods again, which does no harm.
            Err(error) => tracing::warn!(%error, "the boot id was not written"),
        }
    }

    /// Whole or not at all, and on the disk.
    fn write(&self) -> io::Result<()> {
        let fresh = self.directory.join("boot.new");
        let mut file = File::create(&fresh)?;
        file.write_all(self.current.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, self.directory.join(FILE))?;
        File::open(&self.directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(directory: &Path) -> String {
        fs::read_to_string(directory.join(FILE)).unwrap()
    }

    #[test]
    fn a_new_directory_knows_its_boot_before_anything_starts() {
        let scratch = tempfile::tempdir().unwrap();
        let mut boot = Boot::open(scratch.path(), "one").unwrap();
        assert!(!boot.adopt("a"));
        assert_eq!(known(scratch.path()), "one");
        assert!(!Boot::open(scratch.path(), "one").unwrap().adopt("a"));
    }

    #[test]
    fn the_earlier_boot_is_remembered_until_its_pods_are_accounted_for() {
        let scratch = tempfile::tempdir().unwrap();
        drop(Boot::open(scratch.path(), "one").unwrap());
        let mut boot = Boot::open(scratch.path(), "two").unwrap();
        assert!(boot.adopt("a") && boot.adopt("b"));
        boot.settle("a");
        boot.listed();
        assert_eq!(known(scratch.path()), "one");
        assert!(
            Boot::open(scratch.path(), "two").unwrap().adopt("b"),
            "the node died in between"
        );
        boot.settle("b");
        assert_eq!(known(scratch.path()), "two");
        assert!(!boot.adopt("c"));
    }

    #[test]
    fn an_earlier_boot_without_pods_is_forgotten_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        drop(Boot::open(scratch.path(), "one").unwrap());
        Boot::open(scratch.path(), "two").unwrap().listed();
        assert_eq!(known(scratch.path()), "two");
    }
}
