//! `plimsoll run`, from files to exit code.

mod common;

use std::collections::BTreeMap;

use cli::{Exit, PlatformError};
use common::Bench;
use expect_test::{Expect, expect};
use serde_json::{Value, json};

const HELLO: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: b}
---
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: hello-}
spec:
  entrypoint: main
  templates:
  - name: main
    container: {image: alpine, command: [echo, hello]}
";

fn status(phase: &str, finished: bool) -> Value {
    let end = finished.then_some("2026-01-01T00:00:02Z");
    json!({
        "phase": phase, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": end,
        "nodes": {"NAME": {
            "id": "NAME", "name": "NAME", "displayName": "NAME", "type": "Pod", "templateName": "main",
            "phase": phase, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": end,
            "message": if phase == "Failed" { "Error (exit code 3)" } else { "" },
            "outputs": {"parameters": [{"name": "words", "value": "2"}]},
        }},
    })
}

fn scripts(end: &str) -> BTreeMap<String, Vec<Value>> {
    BTreeMap::from([(
        "hello-".to_owned(),
        vec![status("Running", false), status(end, true)],
    )])
}

#[tokio::test]
async fn what_succeeds_ends_with_its_outputs() {
    let bench = Bench::new().await;
    bench.file("hello.yaml", HELLO);
    let controller = bench.play(scripts("Succeeded"));
    let outcome = bench.run("run DIR/hello.yaml").await;
    controller.abort();
    assert_eq!(outcome.exit, Exit::Success, "{}", outcome.stderr);
    expect![[r#"
        hello-45678  Succeeded  2.0s

        Outputs
          words   2
    "#]]
    .assert_eq(&outcome.stdout);
    assert!(
        outcome.stderr.contains("configmap/settings created"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("Succeeded"), "{}", outcome.stderr);
    assert_eq!(bench.count("v1", "ConfigMap").await, 1);
}

#[tokio::test]
async fn what_fails_ends_with_one() {
    let bench = Bench::new().await;
    bench.file("hello.yaml", HELLO);
    let controller = bench.play(scripts("Failed"));
    let outcome = bench.run("run DIR/hello.yaml").await;
    controller.abort();
    assert_eq!(outcome.exit, Exit::Failed);
    expect![[r#"
        hello-45678  Failed  2.0s

        ✖ hello-45678  Failed: Error (exit code 3)

        hint: `plimsoll up --detach`, then `plimsoll logs hello-45678 hello-45678` shows all that it said

        Outputs
          words   2
    "#]]
    .assert_eq(&outcome.stdout);
}

#[tokio::test]
async fn with_a_format_stdout_is_the_object_and_nothing_else() {
    let bench = Bench::new().await;
    bench.file("hello.yaml", HELLO);
    let controller = bench.play(scripts("Succeeded"));
    let one = bench.run("run DIR/hello.yaml -o json").await;
    let workflow: Value = serde_json::from_str(&one.stdout).unwrap();
    assert_eq!(
        (workflow["kind"].as_str(), workflow["status"]["phase"].as_str()),
        (Some("Workflow"), Some("Succeeded"))
    );
    let several = bench.run("run DIR/hello.yaml DIR/hello.yaml -o json").await;
    controller.abort();
    // The ConfigMap is in both.
    assert_eq!(several.exit, Exit::Usage);
    bench.file("more.yaml", HELLO.split_once("---").unwrap().1);
    let controller = bench.play(scripts("Succeeded"));
    let several = bench.run("run DIR/hello.yaml DIR/more.yaml -o json").await;
    controller.abort();
    let list: Value = serde_json::from_str(&several.stdout).unwrap();
    assert_eq!(list["kind"], "List");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_platform_that_does_not_start_has_its_exit_code() {
    async fn check(error: PlatformError, exit: Exit, expected: &Expect) {
        let bench = Bench::new().await;
        bench.file("hello.yaml", HELLO);
        bench.refuse(error);
        let outcome = bench.run("run DIR/hello.yaml").await;
        assert_eq!(outcome.exit, exit);
        assert_eq!(outcome.stdout, "");
        expected.assert_eq(&outcome.stderr);
    }
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let in_use = PlatformError::InUse {
        data_dir: "/data".into(),
        pid: Some(42),
    };
    check(in_use, Exit::Unavailable, &expect![[r#"
        error: the data directory `/data` is in use by process 42
        hint: give this run a directory of its own with --data-dir, use `plimsoll submit` to run on the platform that is up, or end it with `plimsoll down`
    "#]]).await;
    check(
        PlatformError::PortTaken {
            address: "127.0.0.1:80".to_owned(),
        },
        Exit::Unavailable,
        &expect![[r#"
            error: the address 127.0.0.1:80 is already taken
            hint: leave --port out to take a free port
        "#]],
    )
    .await;
    check(
        PlatformError::from_io("/data", full),
        Exit::Disk,
        &expect![[r#"
        error: the disk that holds `/data` is full
        hint: free some space, or choose another disk with --data-dir
    "#]],
    )
    .await;
}
