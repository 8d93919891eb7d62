//! What fuzzers throw bytes at: every reader of bytes that come from outside, or from a disk that may have lied.
//!
//! ```text
//!   fuzz_targets/NAME.rs (libFuzzer)  --\
//!                                        >-- targets::NAME(bytes)   panics where the room is wrong
//!   tests/replay.rs (cargo test)      --/
//!   corpus/NAME/                         the bytes that are tried by both
//! ```
//!
//! A target takes any bytes. It fails by a panic, by taking too long or by using too much memory; beyond that each checks
//! what its room says of itself: twice is once, text and tree agree, what was written is read back.

mod disks;
mod documents;
mod languages;
mod manifests;

/// A target: it takes any bytes, and panics where a room is wrong.
pub type Target = fn(&[u8]);

/// Every target by the name of its corpus.
pub const TARGETS: [(&str, Target); 11] = [
    ("expressions", languages::expressions),
    ("frames", disks::frames),
    ("journal", disks::journal),
    ("jsonpath", languages::jsonpath),
    ("manifests", manifests::manifests),
    ("patches", documents::patches),
    ("schemas", documents::schemas),
    ("selectors", languages::selectors),
    ("store", disks::store),
    ("templates", languages::templates),
    ("when", languages::when),
];

/// The target of a name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, target)| *target)
}
