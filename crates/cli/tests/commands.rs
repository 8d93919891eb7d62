//! The commands on workflows, as transcripts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use cli::Exit;
use common::{Bench, Outcome};
use expect_test::{Expect, expect};
use kinds::kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// A bench with two workflows: one that is over, and one that pauses.
async fn bench() -> Bench {
    let bench = Bench::new().await;
    create(&bench, "done", json!({"phase": "Succeeded", "progress": "2/2", "startedAt": "2026-11-24T05:59:00Z",
        "finishedAt": "2026-11-24T05:59:40Z", "conditions": [{"type": "Completed", "status": "True"}],
        "outputs": {"parameters": [{"name": "accuracy", "value": "0.95"}]},
        "nodes": {
            "done": {"id": "done", "name": "done", "displayName": "done", "type": "DAG", "templateName": "main", "phase": "Succeeded",
                     "startedAt": "2026-11-24T05:59:00Z", "finishedAt": "2026-11-24T05:59:40Z", "children": ["done-1", "done-2"]},
            "done-1": {"id": "done-1", "name": "done.first", "displayName": "first", "type": "Pod", "templateName": "one",
                       "boundaryID": "done", "phase": "Succeeded", "startedAt": "2026-11-24T05:59:00Z", "finishedAt": "2026-11-24T05:59:40Z"},
            "done-2": {"id": "done-2", "name": "done.second", "displayName": "second", "type": "Skipped", "templateName": "one",
                       "boundaryID": "done", "phase": "Skipped", "message": "when 'false' evaluated false",
                       "startedAt": "2026-11-24T05:59:40Z", "finishedAt": "2026-11-24T05:59:40Z"},
        }})).await;
    create(&bench, "held", json!({"phase": "Running", "nodes": {
        "held": {"id": "held", "name": "held", "displayName": "held", "type": "Suspend", "phase": "Running", "templateName": "pause"},
    }})).await;
    bench
}

async fn create(bench: &Bench, name: &str, status: Value) {
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": name, "labels": {"team": name}},
        "spec": {"entrypoint": "main", "arguments": {"parameters": [{"name": "rate", "value": "0.1"}]},
                 "templates": [{"name": "main", "suspend": {}}]}});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    bench
        .workflows()
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let patch = Patch::Merge(json!({ "status": status }));
    bench
        .workflows()
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

async fn check(bench: &Bench, line: &str, exit: Exit, expected: Expect) {
    let Outcome {
        exit: found,
        stdout,
        stderr,
    } = bench.run(line).await;
    expected.assert_eq(&format!("{stdout}{stderr}"));
    assert_eq!(found, exit, "{line}");
}

#[tokio::test]
async fn names_and_formats() {
    let bench = bench().await;
    check(
        &bench,
        "list -o name",
        Exit::Success,
        expect![[r#"
        held
        done
    "#]],
    )
    .await;
    check(
        &bench,
        "list -o name --running",
        Exit::Success,
        expect![[r#"
        held
    "#]],
    )
    .await;
    check(
        &bench,
        "list -o name --status succeeded -l team=done",
        Exit::Success,
        expect![[r#"
            done
        "#]],
    )
    .await;
    check(
        &bench,
        "list --status Error",
        Exit::Success,
        expect![[r#"
        No workflows found
    "#]],
    )
    .await;
    let list = bench.run("list -A -o json").await;
    assert_eq!(
        serde_json::from_str::<Value>(&list.stdout).unwrap()["items"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let table = bench.run("list -A -o wide").await.stdout;
    let columns: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(
        columns,
        [
            "NAMESPACE",
            "NAME",
            "STATUS",
            "AGE",
            "DURATION",
            "PRIORITY",
            "MESSAGE",
            "P/R/C",
            "PARAMETERS"
        ]
    );
    let get = bench.run("get done -o yaml").await;
    assert!(get.stdout.contains("accuracy"), "{}", get.stdout);
}

#[tokio::test]
async fn a_workflow_as_text() {
    let bench = bench().await;
    let text = bench.run("get done").await.stdout;
    // Ages depend on this machine's clock.
    let text: String = text
        .lines()
        .map(|line| format!("{}\n", line.split(" (").next().unwrap_or_default()))
        .collect();
    expect![[r#"
        Name:                done
        Namespace:           default
        ServiceAccount:      unset
        Status:              Succeeded
         Completed           True
        Created:             2026-11-24T06:00:00Z
        Started:             2026-11-24T05:59:00Z
        Finished:            2026-11-24T05:59:40Z
        Duration:            40s
        Progress:            2/2
        Parameters:
          rate:              0.1
        Output Parameters:
          accuracy:          0.95

        STEP         TEMPLATE   PODNAME               DURATION   MESSAGE
        ✔ done       main                             40s
        ├─✔ first    one        done-one-2122427657   40s
        └─○ second   one                                         when 'false' evaluated false
    "#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn watching_and_waiting_end_with_the_workflow() {
    let bench = bench().await;
    check(
        &bench,
        "wait done",
        Exit::Success,
        expect![[r#"
        done Succeeded
    "#]],
    )
    .await;
    let watched = bench.run("watch done").await;
    assert_eq!(watched.exit, Exit::Success);
    assert_eq!(
        watched.stdout + &watched.stderr,
        "  40.0s  first             Succeeded   40.0s\n  40.0s  second            Skipped            when 'false' evaluated false\n"
    );
    check(
        &bench,
        "wait gone",
        Exit::Failed,
        expect![[r#"
        error: there is no workflow `gone`
    "#]],
    )
    .await;
}

#[tokio::test]
async fn changes_are_patches() {
    let bench = bench().await;
    check(
        &bench,
        "suspend held",
        Exit::Success,
        expect![[r#"
        workflow held suspended
    "#]],
    )
    .await;
    assert_eq!(
        bench.workflows().get("held").await.unwrap().data["spec"]["suspend"],
        true
    );
    check(
        &bench,
        "resume held",
        Exit::Success,
        expect![[r#"
        workflow held resumed
    "#]],
    )
    .await;
    let resumed = bench.workflows().get("held").await.unwrap();
    assert_eq!(resumed.data["spec"].get("suspend"), None);
    assert_eq!(resumed.data["status"]["nodes"]["held"]["phase"], "Succeeded");
    check(
        &bench,
        "resume done",
        Exit::Failed,
        expect![[r#"
            error: workflow done: it is not suspended and has no pause to end
        "#]],
    )
    .await;
    check(
        &bench,
        "stop held",
        Exit::Success,
        expect![[r#"
        workflow held stopped
    "#]],
    )
    .await;
    check(
        &bench,
        "terminate held",
        Exit::Success,
        expect![[r#"
        workflow held terminated
    "#]],
    )
    .await;
    assert_eq!(
        bench.workflows().get("held").await.unwrap().data["spec"]["shutdown"],
        "Terminate"
    );
}

#[tokio::test]
async fn deleting() {
    let bench = bench().await;
    check(
        &bench,
        "delete --completed --dry-run",
        Exit::Success,
        expect![[r#"
        Workflow 'done' would be deleted
    "#]],
    )
    .await;
    check(
        &bench,
        "delete --completed",
        Exit::Success,
        expect![[r#"
        Workflow 'done' deleted
    "#]],
    )
    .await;
    check(
        &bench,
        "delete done",
        Exit::Failed,
        expect![[r#"
        error: workflows.argoproj.io "done" not found
    "#]],
    )
    .await;
    check(
        &bench,
        "delete done --ignore-not-found",
        Exit::Success,
        expect![""],
    )
    .await;
    check(
        &bench,
        "get done",
        Exit::Failed,
        expect![[r#"
        error: workflows.argoproj.io "done" not found
        hint: `plimsoll list` shows the workflows there are
    "#]],
    )
    .await;
    check(
        &bench,
        "delete @latest",
        Exit::Success,
        expect![[r#"
        Workflow 'held' deleted
    "#]],
    )
    .await;
    check(
        &bench,
        "delete @latest",
        Exit::Failed,
        expect![[r#"
        error: there is no workflow yet
        hint: `plimsoll submit FILE` creates one
    "#]],
    )
    .await;
}

/// A workflow whose parameter has no value.
const PARAMETRIZED: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  entrypoint: main\n  arguments: {parameters: [{name: x}]}\n  templates:\n  - name: main\n    suspend: {}\n";

#[tokio::test]
async fn submitting_checks_first() {
    let bench = Bench::new().await;
    bench.file("w.yaml", PARAMETRIZED);
    check(
        &bench,
        "submit DIR/w.yaml",
        Exit::Usage,
        expect![[r#"
        error: spec.arguments.x.value or spec.arguments.x.valueFrom is required
         --> DIR/w.yaml:6:28
          |
        6 |   arguments: {parameters: [{name: x}]}
          |                            ^
        hint: give it with `-p x=VALUE`

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
    check(
        &bench,
        "submit DIR/w.yaml -p x=1 --dry-run",
        Exit::Success,
        expect![[r#"
            apiVersion: argoproj.io/v1alpha1
            kind: Workflow
            metadata:
              name: w
            spec:
              arguments:
                parameters:
                - name: x
                  value: "1"
              entrypoint: main
              templates:
              - name: main
                suspend: {}
        "#]],
    )
    .await;
    assert_eq!(bench.count("argoproj.io/v1alpha1", "Workflow").await, 0);
    check(
        &bench,
        "submit DIR/w.yaml -p x=1 --server-dry-run -o name",
        Exit::Success,
        expect![[r#"
            w
        "#]],
    )
    .await;
    assert_eq!(bench.count("argoproj.io/v1alpha1", "Workflow").await, 0);
}

#[tokio::test]
async fn submitting_creates_once() {
    let bench = Bench::new().await;
    bench.file("w.yaml", PARAMETRIZED);
    check(
        &bench,
        "submit DIR/w.yaml -p x=1 -o name",
        Exit::Success,
        expect![[r#"
            w
        "#]],
    )
    .await;
    check(&bench, "submit DIR/w.yaml -p x=1", Exit::Failed, expect![[r#"
        error: workflows.argoproj.io "w" already exists
        hint: delete it with `plimsoll delete w`, or give this one another name with --name or --generate-name w-
    "#]]).await;
    check(
        &bench,
        "submit --from wftmpl/t -o name",
        Exit::Success,
        expect![[r#"
            t-npqrs
        "#]],
    )
    .await;
    check(
        &bench,
        "submit --from t",
        Exit::Usage,
        expect![[r#"
        error: `--from t` names no template
        hint: the forms are wftmpl/NAME, cwft/NAME and cronwf/NAME
    "#]],
    )
    .await;
}

#[tokio::test]
async fn linting() {
    let bench = Bench::new().await;
    bench.file(
        "good.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n",
    );
    bench.file(
        "bad.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndatta: {a: b}\n",
    );
    check(
        &bench,
        "lint DIR/good.yaml",
        Exit::Success,
        expect![[r#"
        no problems found
    "#]],
    )
    .await;
    check(
        &bench,
        "lint DIR/bad.yaml",
        Exit::Usage,
        expect![[r#"
        error: unknown field `datta`
         --> DIR/bad.yaml:4:1
          |
        4 | datta: {a: b}
          | ^^^^^
        hint: did you mean `data`?

        error: 1 problem found
    "#]],
    )
    .await;
    check(
        &bench,
        "lint --strict=false DIR/bad.yaml",
        Exit::Success,
        expect![[r#"
            no problems found
        "#]],
    )
    .await;
}
