//! The shapes of the requests that clients make, recorded for the tests that compare us with kube-apiserver.

use std::path::Path;

use apiserver::Witness;

/// The folder to record in.
const VARIABLE: &str = "PLIMSOLL_SHAPES";

/// A witness, if the environment asks for one.
pub(crate) fn witness() -> Option<Witness> {
    let folder = std::env::var_os(VARIABLE)?;
    let witness = apiserver::record_shapes(Path::new(&folder));
    witness
        .inspect_err(|error| tracing::warn!(%error, "shapes of requests are not recorded"))
        .ok()
}
