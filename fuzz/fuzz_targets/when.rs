//! libFuzzer's way into the target `when`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plimsoll_fuzz::run("when", bytes));
