//! The `plimsoll` binary: wiring only.

fn main() {}
