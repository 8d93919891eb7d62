//! libFuzzer's way into the target `expressions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| plimsoll_fuzz::run("expressions", bytes));
