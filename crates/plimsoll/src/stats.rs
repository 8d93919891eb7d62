//! What the store did, left in a file when the platform ends: the benchmark sets fsyncs beside writes.

use store::Store;

/// The file to write.
const VARIABLE: &str = "PLIMSOLL_STATS";

/// Writes the counters, if the environment asks for them.
pub(crate) fn leave(store: &Store) {
    let Some(path) = std::env::var_os(VARIABLE) else {
        return;
    };
    let stats = store.stats();
    let text = serde_json::json!({
        "fsyncs": stats.fsyncs,
        "writes": stats.writes,
        "batches": stats.batches,
        "bytes": stats.bytes,
        "snapshots": stats.snapshots,
    });
    if let Err(error) = std::fs::write(&path, text.to_string()) {
        tracing::warn!("cannot write {}: {error}", path.display());
    }
}
