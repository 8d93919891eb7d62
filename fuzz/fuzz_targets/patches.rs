//! libFuzzer's way into the target `patches`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plimsoll_fuzz::run("patches", bytes));
