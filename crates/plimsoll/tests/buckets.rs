//! Artifacts of a laptop's workflow in a bucket, as its namespace's ConfigMap says, with credentials from a Secret.

#![allow(clippy::print_stderr, reason = "tests say what they pass over")]

mod support;

#[path = "../../artifacts/tests/servers/mod.rs"]
mod servers;

use std::net::Ipv4Addr;

use servers::s3::{ACCESS_KEY, S3, SECRET_KEY};
use support::{User, json, text};

#[test]
fn artifacts_go_through_the_bucket_that_the_namespace_names() {
    let Some(server) = S3::start(Ipv4Addr::LOCALHOST.into()) else {
        return;
    };
    let user = User::new();
    let manifest = include_str!("buckets.yaml")
        .replace("ENDPOINT", &server.endpoint())
        .replace("ACCESS_KEY", ACCESS_KEY)
        .replace("SECRET_KEY", SECRET_KEY);
    let file = user.file("buckets.yaml", &manifest);
    let output = user.run(&["run", file.to_str().expect("a plain path"), "-o", "json"]);
    let workflow = json(&output);
    assert_eq!(
        workflow["status"]["phase"],
        "Succeeded",
        "{}",
        text(&output.stderr)
    );
    assert!(server.object("kept/through-a-bucket/data.tgz").is_file());
    let reference = &workflow["status"]["artifactRepositoryRef"];
    assert_eq!(reference["key"], "bucket", "{reference}");
    assert!(
        !workflow.to_string().contains(SECRET_KEY),
        "secrets stay in their Secret"
    );
}
