//! Bad input: every problem has its file, line and caret, a hint, exit code 2, and nothing is created.

mod common;

use cli::Exit;
use common::Bench;
use expect_test::{Expect, expect};

async fn check(manifest: &str, expected: Expect) {
    let bench = Bench::new().await;
    bench.file("w.yaml", manifest);
    let outcome = bench.run("run DIR/w.yaml").await;
    assert_eq!(outcome.exit, Exit::Usage, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert!(!bench.started(), "no platform is started for bad input");
    expected.assert_eq(&outcome.stderr);
    let outcome = bench.run("submit DIR/w.yaml").await;
    assert_eq!(outcome.exit, Exit::Usage);
    assert_eq!(bench.count("argoproj.io/v1alpha1", "Workflow").await, 0);
    assert_eq!(bench.count("v1", "ConfigMap").await, 0);
}

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: w-}\nspec:\n";

fn workflow(spec: &str) -> String {
    format!("{HEAD}{spec}")
}

const MAIN: &str = "  templates:\n  - name: main\n    container: {image: alpine, command: [echo]}\n";

#[tokio::test]
async fn broken_yaml() {
    check(
        &workflow("  entrypoint: [main\n  templates:\n"),
        expect![[r#"
            error: illegal placement of ':' indicator
             --> DIR/w.yaml:6:12
              |
            6 |   templates:
              |            ^
            hint: is a bracket, brace or quote left open before this place?

            error: 1 problem in the manifests; nothing was created
        "#]],
    )
    .await;
}

#[tokio::test]
async fn unknown_field() {
    check(
        &workflow(&format!("  entryPoint: main\n{MAIN}")),
        expect![[r#"
            error: spec.entrypoint is required
             --> DIR/w.yaml:4:1
              |
            4 | spec:
              | ^^^^
            hint: add `entrypoint: main`

            error: unknown field `entryPoint`
             --> DIR/w.yaml:5:3
              |
            5 |   entryPoint: main
              |   ^^^^^^^^^^ not a field of `spec`
            hint: did you mean `entrypoint`?

            error: 2 problems in the manifests; nothing was created
        "#]],
    )
    .await;
}

#[tokio::test]
async fn wrong_type() {
    check(
        &workflow(&format!("  entrypoint: main\n  parallelism: many\n{MAIN}")),
        expect![[r#"
            error: `parallelism` must be an integer, not a string
             --> DIR/w.yaml:6:16
              |
            6 |   parallelism: many
              |                ^^^^
            hint: write a whole number, without quotes

            error: 1 problem in the manifests; nothing was created
        "#]],
    )
    .await;
}

#[tokio::test]
async fn no_name_and_no_kind() {
    check(
        "apiVersion: v1\nmetadata: {}\n",
        expect![[r#"
            error: `kind` is missing
             --> DIR/w.yaml:1:1
              |
            1 | apiVersion: v1
              | ^^^^^^^^^^
            hint: a workflow has `kind: Workflow`

            error: the object has no name
             --> DIR/w.yaml:2:1
              |
            2 | metadata: {}
              | ^^^^^^^^
            hint: give it metadata.name, or metadata.generateName for a new name each time

            error: 2 problems in the manifests; nothing was created
        "#]],
    )
    .await;
}

#[tokio::test]
async fn two_documents_of_which_one_is_bad() {
    let good = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";
    let bad = workflow(&format!("  entrypoint: main\n  onexit: main\n{MAIN}"));
    check(
        &format!("{good}---\n{bad}"),
        expect![[r#"
        error: unknown field `onexit`
          --> DIR/w.yaml:10:3
           |
        10 |   onexit: main
           |   ^^^^^^ not a field of `spec`
        hint: did you mean `onExit`?

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
}

#[tokio::test]
async fn the_same_name_twice() {
    let one = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n";
    check(
        &format!("{one}---\n{one}"),
        expect![[r#"
        error: there are two of ConfigMap `c`
         --> DIR/w.yaml:9:9
          |
        9 |   name: c
          |         ^
        hint: the other is DIR/w.yaml:4:9

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_file_that_is_missing() {
    let bench = Bench::new().await;
    bench.file("pipeline.yaml", "");
    let outcome = bench.run("run DIR/pipelin.yaml").await;
    assert_eq!(outcome.exit, Exit::Usage);
    expect![[r#"
        error: the file `DIR/pipelin.yaml` does not exist
        hint: did you mean `DIR/pipeline.yaml`?

        error: 1 problem in the manifests; nothing was created
    "#]]
    .assert_eq(&outcome.stderr);
}

#[tokio::test]
async fn missing_entrypoint() {
    check(
        &workflow(MAIN),
        expect![[r#"
            error: spec.entrypoint is required
             --> DIR/w.yaml:4:1
              |
            4 | spec:
              | ^^^^
            hint: add `entrypoint: main`

            error: 1 problem in the manifests; nothing was created
        "#]],
    )
    .await;
}

#[tokio::test]
async fn unknown_template() {
    let steps = "  entrypoint: main\n  templates:\n  - name: main\n    steps:\n    - - name: a\n        template: trian\n  - name: train\n    container: {image: alpine}\n";
    check(
        &workflow(steps),
        expect![[r#"
        error: template name 'trian' undefined
          --> DIR/w.yaml:10:19
           |
        10 |         template: trian
           |                   ^^^^^
        hint: did you mean `train`?

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
}

#[tokio::test]
async fn cycle() {
    let dag = "  entrypoint: main\n  templates:\n  - name: main\n    dag:\n      tasks:\n      - {name: a, template: t, depends: b}\n      - {name: b, template: t, depends: a}\n  - name: t\n    container: {image: alpine}\n";
    check(
        &workflow(dag),
        expect![[r#"
        error: templates.main dependency cycle detected: a -> b -> a
          --> DIR/w.yaml:10:41
           |
        10 |       - {name: a, template: t, depends: b}
           |                                         ^
        hint: one of them must not depend on the next

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
}

#[tokio::test]
async fn unresolved_parameter() {
    let script = "  entrypoint: main\n  templates:\n  - name: main\n    inputs:\n      parameters: [{name: rate, value: 1}]\n    script:\n      image: alpine\n      source: |\n        echo start\n        echo {{inputs.parameters.rat}}\n";
    check(
        &workflow(script),
        expect![[r#"
        error: failed to resolve {{inputs.parameters.rat}}
          --> DIR/w.yaml:14:14
           |
        14 |         echo {{inputs.parameters.rat}}
           |              ^^^^^^^^^^^^^^^^^^^^^^^^^
        hint: did you mean `inputs.parameters.rate`?

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
}

#[tokio::test]
async fn duplicate_names() {
    let twice = format!("  entrypoint: main\n{MAIN}  - name: main\n    container: {{image: alpine}}\n");
    check(
        &workflow(&twice),
        expect![[r#"
        error: template name 'main' is not unique
         --> DIR/w.yaml:9:11
          |
        9 |   - name: main
          |           ^^^^
        hint: give one of the two another name

        error: 1 problem in the manifests; nothing was created
    "#]],
    )
    .await;
}
