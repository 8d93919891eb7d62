//! libFuzzer's way into the target `manifests`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plimsoll_fuzz::run("manifests", bytes));
