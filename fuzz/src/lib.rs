//! What the fuzz programs share: a target by its name.

/// Throws `bytes` at the target `name`.
pub fn run(name: &str, bytes: &[u8]) {
    if let Some(target) = fuzz_targets::target(name) {
        target(bytes);
    }
}
