//! An ordinary kubectl against the https door, as people use it. Skipped, loudly, where there is no kubectl.
//!
//! What is said and answered in turn is in `transcripts`: `UPDATE_EXPECT=1 cargo test -p apiserver --test kubectl`
//! writes them anew. What waits while something happens is in `live`.

#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
mod live;
mod rig;

use std::path::Path;

use expect_test::expect_file;
use rig::Rig;

/// Runs the commands of a transcript and compares what they say.
///
/// `$ kubectl ...` is a command; `# ...` is prose; what follows a command is its answer. Files are those of `manifests`.
async fn check(name: &str) {
    let Some(rig) = Rig::new().await else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kubectl/transcripts/{name}.txt"));
    let script = std::fs::read_to_string(&file).unwrap();
    let mut said = String::new();
    for line in script
        .lines()
        .filter(|line| line.starts_with("$ kubectl ") || line.starts_with("# "))
    {
        if line.starts_with('#') && !said.is_empty() {
            said.push('\n');
        }
        said.push_str(line);
        said.push('\n');
        if let Some(command) = line.strip_prefix("$ kubectl ") {
            said.push_str(&rig.run(command).await);
        }
    }
    expect_file![file].assert_eq(&said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects() {
    check("objects").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes() {
    check("mistakes").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resources() {
    check("resources").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custom() {
    check("custom").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_on_a_node() {
    check("pods").await;
}
