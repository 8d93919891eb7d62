//! How the binary is linked.

/// At a fixed address: relocating 50,000 pointers takes half a millisecond of every start, and every step with outputs is a start
/// of this program. What is lost is a random address for code that has no memory errors to exploit.
fn main() {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        // It revokes the `-static-pie` of a program without libraries, and `-static` with it.
        let features = std::env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
        if features.split(',').any(|feature| feature == "crt-static") {
            println!("cargo:rustc-link-arg-bins=-static");
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
}
