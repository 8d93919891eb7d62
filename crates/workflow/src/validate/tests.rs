//! Small workflows, each with one thing wrong.

use serde_json::{Value, json};

use super::{Rules, validate};
use crate::contract::Library;

fn problems(spec: &Value) -> Vec<(String, String, String)> {
    let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"}, "spec": spec});
    let found = validate(
        &object,
        &Library::default(),
        Rules {
            submit: true,
            ..Rules::default()
        },
    );
    found
        .into_iter()
        .map(|problem| (problem.pointer, problem.message, problem.hint))
        .collect()
}

fn check(spec: &Value, pointer: &str, message: &str, hint: &str) {
    assert_eq!(
        problems(spec),
        [(pointer.to_owned(), message.to_owned(), hint.to_owned())]
    );
}

fn container(name: &str, args: &Value) -> Value {
    json!({"name": name, "container": {"image": "alpine", "command": ["echo"], "args": args}})
}

#[test]
fn a_sound_workflow_has_no_problems() {
    let main = json!({"name": "main", "dag": {"tasks": [
        {"name": "a", "template": "one"},
        {"name": "b", "template": "one", "depends": "a.Succeeded || a.Failed", "withItems": [1],
         "arguments": {"parameters": [{"name": "x", "value": "{{item}} {{tasks.a.outputs.result}} {{workflow.name}}"}]}},
    ]}});
    let one = json!({"name": "one", "inputs": {"parameters": [{"name": "x", "default": "1"}]},
        "container": {"image": "alpine", "args": ["{{inputs.parameters.x}} {{= inputs.nothing }} {{ .Values.helm }}"]}});
    assert_eq!(
        problems(&json!({"entrypoint": "main", "templates": [main, one]})),
        []
    );
}

#[test]
fn entrypoints_and_templates_must_exist() {
    check(
        &json!({"templates": [container("main", &json!([]))]}),
        "/spec/entrypoint",
        "spec.entrypoint is required",
        "add `entrypoint: main`",
    );
    check(
        &json!({"entrypoint": "mian", "templates": [container("main", &json!([]))]}),
        "/spec/entrypoint",
        "template name 'mian' undefined",
        "did you mean `main`?",
    );
    check(
        &json!({"entrypoint": "main", "templates": [{"name": "main", "steps": [[{"name": "s", "template": "oen"}]]}, container("one", &json!([]))]}),
        "/spec/templates/0/steps/0/0/template",
        "template name 'oen' undefined",
        "did you mean `one`?",
    );
}

#[test]
fn cycles_are_shown_whole_and_once() {
    let task = |name: &str, needs: &[&str]| json!({"name": name, "template": "one", "dependencies": needs});
    let main = json!({"name": "main", "dag": {"tasks": [task("a", &["c"]), task("b", &["a"]), task("c", &["b"]), task("d", &["a"])]}});
    check(
        &json!({"entrypoint": "main", "templates": [main, container("one", &json!([]))]}),
        "/spec/templates/0/dag/tasks/0/dependencies",
        "templates.main dependency cycle detected: a -> c -> b -> a",
        "one of them must not depend on the next",
    );
}

#[test]
fn names_in_tags_must_be_known() {
    check(
        &json!({"entrypoint": "main", "templates": [container("main", &json!(["{{workflow.nmae}}"]))]}),
        "/spec/templates/0/container/args/0",
        "failed to resolve {{workflow.nmae}}",
        "did you mean `workflow.name`?",
    );
    let steps = json!({"name": "main", "steps": [[{"name": "a", "template": "one"}, {"name": "b", "template": "one", "when": "{{steps.a.status}} == Succeeded"}]]});
    let found = problems(&json!({"entrypoint": "main", "templates": [steps, container("one", &json!([]))]}));
    assert_eq!(
        found[0].1, "failed to resolve {{steps.a.status}}",
        "steps of one group know nothing of each other"
    );
}

#[test]
fn inputs_must_be_supplied_and_names_unique() {
    let one =
        json!({"name": "one", "inputs": {"parameters": [{"name": "x"}]}, "container": {"image": "alpine"}});
    check(
        &json!({"entrypoint": "main", "templates": [{"name": "main", "steps": [[{"name": "s", "template": "one"}]]}, one]}),
        "/spec/templates/0/steps/0/0/arguments/parameters",
        "inputs.parameters.x of template `one` was not supplied",
        "add `{name: x, value: ...}` to arguments.parameters",
    );
    let main = container("main", &json!([]));
    check(
        &json!({"entrypoint": "main", "templates": [main, main]}),
        "/spec/templates/1/name",
        "template name 'main' is not unique",
        "give one of the two another name",
    );
}

#[test]
fn the_workflow_that_runs_needs_values_for_its_arguments() {
    check(
        &json!({"entrypoint": "main", "arguments": {"parameters": [{"name": "x"}]}, "templates": [container("main", &json!([]))]}),
        "/spec/arguments/parameters/0/value",
        "spec.arguments.x.value or spec.arguments.x.valueFrom is required",
        "give it with `-p x=VALUE`",
    );
}
