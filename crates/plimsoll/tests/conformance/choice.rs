//! Which cases there are to run.

use std::path::{Path, PathBuf};

use crate::cases::Case;
use crate::kept_out::{self, KEPT_OUT};

/// Where the cases are, if they are beside the repository.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/argo"
    ));
    if !folder.is_dir() {
        eprintln!("passed over: {} is not there", folder.display());
        return None;
    }
    Some(folder.to_owned())
}

/// The cases to run, and the others with their reasons.
pub(crate) fn choose(cases: Vec<Case>, slow_too: bool) -> (Vec<Case>, Vec<(Case, &'static str)>) {
    let mut chosen = Vec::new();
    let mut waiting = Vec::new();
    for case in cases {
        match KEPT_OUT.iter().find(|(name, _)| *name == case.name) {
            Some((_, reason)) if !(slow_too && *reason == kept_out::SLOW) => waiting.push((case, *reason)),
            _ => chosen.push(case),
        }
    }
    (chosen, waiting)
}
