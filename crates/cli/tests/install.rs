//! `install`, `upgrade` and `uninstall` against a server whose definitions somebody else has made.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use cli::Exit;
use common::{Bench, Outcome, workflows};
use kinds::kube::Api;
use kinds::kube::api::{DynamicObject, ListParams, PostParams};
use serde_json::json;

const DEFINITIONS: usize = 9;

fn lines(outcome: &Outcome, word: &str) -> usize {
    assert_eq!(outcome.exit, Exit::Success, "{}", outcome.stderr);
    let all = outcome.stdout.lines().chain(outcome.stderr.lines());
    all.filter(|line| line.contains(word)).count()
}

#[tokio::test]
async fn definitions_of_others_are_used_as_they_are() {
    let bench = Bench::new().await;
    let done = bench.run("install --crds-only --yes").await;
    assert_eq!(lines(&done, "is left as it is"), DEFINITIONS - 1);
    assert_eq!(lines(&done, "is in place"), 1, "our own kind: {}", done.stdout);
}

#[tokio::test]
async fn what_is_printed_says_what_each_right_is_for() {
    let bench = Bench::new().await;
    let printed = bench
        .run("install --components controller,steps --namespace ns --create-namespace")
        .await;
    assert_eq!(lines(&printed, "nothing was changed"), 1);
    let documents = printed.stdout.matches("---\n# ").count();
    assert_eq!(documents, 10, "{}", printed.stdout);
    let names = bench
        .run("install --components steps --namespace ns -o name")
        .await;
    assert_eq!(
        names.stdout,
        "clusterrole/plimsoll-steps.ns\nrolebinding/plimsoll-steps.ns in ns\n"
    );
}

#[tokio::test]
async fn uninstall_leaves_definitions_that_hold_objects() {
    let bench = Bench::new().await;
    bench.forget_definitions().await;
    let made = bench.run("install --crds-only --yes").await;
    assert_eq!(lines(&made, "is in place"), DEFINITIONS);
    let workflow = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"name": "kept", "labels": {"workflows.argoproj.io/controller-instanceid": "plimsoll"}},
        "spec": {"entrypoint": "main"},
    });
    let workflows: Api<DynamicObject> = Api::default_namespaced_with(bench.client.clone(), &workflows());
    workflows
        .create(&PostParams::default(), &serde_json::from_value(workflow).unwrap())
        .await
        .unwrap();
    let kept = bench.run("uninstall --yes").await;
    assert_eq!(lines(&kept, "is gone"), 0);
    assert_eq!(lines(&kept, "1 workflow has the instance id `plimsoll`"), 1);
    let gone = bench.run("uninstall --yes --definitions").await;
    assert_eq!(lines(&gone, "is gone"), DEFINITIONS - 1);
    assert_eq!(
        lines(
            &gone,
            "workflows.argoproj.io stays: of its kind there are objects (1)"
        ),
        1
    );
    assert_eq!(
        workflows.list(&ListParams::default()).await.unwrap().items.len(),
        1
    );
}

#[tokio::test]
async fn an_upgrade_needs_an_installation() {
    let bench = Bench::new().await;
    let outcome = bench.run("upgrade --check").await;
    assert_eq!(outcome.exit, Exit::Failed);
    assert!(
        outcome
            .stderr
            .contains("nothing is installed in the namespace `default`"),
        "{}",
        outcome.stderr
    );
}
