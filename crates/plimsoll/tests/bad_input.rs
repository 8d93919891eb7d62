//! Bad input: an `error:` with the place in the file, a `hint:`, exit code 2, and nothing created.

mod support;

use support::{User, text};

/// A Workflow whose one template runs `true`, with `spec` lines before the templates.
fn workflow(spec: &str, templates: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  generateName: bad-\nspec:\n{spec}  templates:\n{templates}"
    )
}

const FINE: &str = "    - name: main\n      container: {image: alpine, command: [\"true\"]}\n";

/// Runs and lints the manifest; expects exit code 2, `error:`, and each fragment on stderr.
#[track_caller]
fn check(manifest: &str, fragments: &[&str]) {
    let user = User::new();
    user.file("bad.yaml", manifest);
    for command in ["run", "lint"] {
        let output = user.run(&[command, "bad.yaml"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains("error:"), "{command}: {said}");
        for fragment in fragments {
            assert!(
                said.contains(fragment),
                "{command} does not say {fragment:?}:\n{said}"
            );
        }
    }
    assert!(
        !user.data_dir().join("store").exists(),
        "a platform was started for bad input"
    );
}

#[test]
fn broken_yaml() {
    check(
        "apiVersion: argoproj.io/v1alpha1\nkind: [Workflow\nmetadata: {}\n",
        &["bad.yaml:"],
    );
}

#[test]
fn unknown_field() {
    check(
        &workflow("  entryPoint: main\n", FINE),
        &[
            "unknown field",
            "entryPoint",
            "bad.yaml:6:3",
            "hint:",
            "entrypoint",
        ],
    );
}

#[test]
fn unknown_field_of_a_container() {
    let templates = "    - name: main\n      container: {image: alpine, comand: [\"true\"]}\n";
    check(
        &workflow("  entrypoint: main\n", templates),
        &["comand", "bad.yaml:9:", "hint:", "command"],
    );
}

#[test]
fn missing_entrypoint() {
    check(&workflow("", FINE), &["entrypoint", "bad.yaml:", "hint:"]);
}

#[test]
fn unknown_template() {
    check(
        &workflow("  entrypoint: mian\n", FINE),
        &["mian", "bad.yaml:6:15", "hint:", "main"],
    );
}

#[test]
fn cycle() {
    let templates = "    - name: main\n      dag:\n        tasks:\n          - {name: a, template: t, depends: b}\n          - {name: b, template: t, depends: a}\n    - name: t\n      container: {image: alpine, command: [\"true\"]}\n";
    check(
        &workflow("  entrypoint: main\n", templates),
        &["cycle", "bad.yaml:"],
    );
}

#[test]
fn unresolved_parameter() {
    let templates = "    - name: main\n      container: {image: alpine, command: [echo, \"{{inputs.parameters.nmae}}\"]}\n";
    check(
        &workflow("  entrypoint: main\n", templates),
        &["inputs.parameters.nmae", "bad.yaml:"],
    );
}

#[test]
fn duplicate_names() {
    check(
        &workflow("  entrypoint: main\n", &format!("{FINE}{FINE}")),
        &["main", "bad.yaml:"],
    );
}

#[test]
fn wrong_type() {
    check(
        &workflow("  entrypoint: main\n  parallelism: many\n", FINE),
        &["parallelism", "bad.yaml:7:16"],
    );
}

#[test]
fn one_bad_document_of_two() {
    let good = workflow("  entrypoint: main\n", FINE);
    let bad = workflow("  entrypoint: other\n", FINE);
    check(&format!("{good}---\n{bad}"), &["other", "bad.yaml:"]);
}

#[test]
fn a_file_that_is_missing() {
    let user = User::new();
    user.file("pipeline.yaml", &workflow("  entrypoint: main\n", FINE));
    let output = user.run(&["run", "pipelin.yaml"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error:") && said.contains("pipelin.yaml"), "{said}");
    assert!(said.contains("hint:") && said.contains("pipeline.yaml"), "{said}");
}

#[test]
fn usage() {
    let user = User::new();
    assert_eq!(user.run(&["run"]).status.code(), Some(2));
    assert_eq!(user.run(&["rnu", "x.yaml"]).status.code(), Some(2));
}
