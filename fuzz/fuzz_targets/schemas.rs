//! libFuzzer's way into the target `schemas`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plimsoll_fuzz::run("schemas", bytes));
