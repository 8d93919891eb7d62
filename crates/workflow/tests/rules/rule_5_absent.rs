//! Rule 5. Of a producer that did not run: its `valueFrom.default`; else the consumer's default, where the
//! argument is nothing but the reference; else `??`; else it is an error.

use serde_json::json;

use super::{args, check, expect, run};

const ABSENT: &str = "inputs.parameters.p: argument references an absent optional (skipped/omitted node output with no default)";

fn steps(from: &str, to: &str, value: &str) -> String {
    format!(
        "
  templates:
  - name: main
    steps: [[{{name: a, template: {from}, when: 'false'}}], [{{name: b, template: {to}, arguments: {{parameters: [{{name: p, value: \"{value}\"}}]}}}}]]"
    )
}

fn tasks(from: &str, to: &str, value: &str) -> String {
    format!(
        "
  templates:
  - name: main
    dag: {{tasks: [{{name: a, template: {from}, when: 'false'}}, {{name: b, template: {to}, depends: a, arguments: {{parameters: [{{name: p, value: \"{value}\"}}]}}}}]}}"
    )
}

#[test]
fn the_order_of_defaults() {
    let of_step = "{{steps.a.outputs.parameters.out}}";
    for (from, to, value, expected) in [
        ("given", "take", of_step, "spare"),
        ("given", "taken", of_step, "spare"),
        ("give", "taken", of_step, "own"),
        (
            "give",
            "take",
            "{{=steps.a.outputs.parameters.out ?? 'else'}}",
            "else",
        ),
        (
            "given",
            "take",
            "{{=steps.a.outputs.parameters.out ?? 'else'}}",
            "spare",
        ),
    ] {
        let world = run(&steps(from, to, value));
        assert_eq!(args(&world, "wf[1].b"), json!([expected]), "{from} {to} {value}");
        let world = run(&tasks(from, to, &value.replace("steps.", "tasks.")));
        assert_eq!(args(&world, "wf.b"), json!([expected]), "{from} {to} {value}");
    }
}

#[test]
fn without_any_it_is_an_error_of_tasks_and_a_failure_of_steps() {
    check(
        &tasks("give", "take", "{{tasks.a.outputs.parameters.out}}"),
        &format!("workflow: Error\nwf: Error\nwf.b: Error: task 'wf.b' errored: {ABSENT}"),
    );
    let said = format!("step group deemed errored due to child wf[1].b error: {ABSENT}");
    check(
        &steps("give", "take", "{{steps.a.outputs.parameters.out}}"),
        &format!("workflow: Failed: {said}\nwf[1]: Error: {said}\nwf[1].b: Error: {ABSENT}"),
    );
}

#[test]
fn a_reference_among_other_text_is_not_rescued() {
    let world = run(&tasks("give", "taken", "x-{{tasks.a.outputs.parameters.out}}"));
    let told = super::node(&world, "wf.b");
    assert_eq!(told["phase"], "Error");
    assert!(
        told["message"].as_str().unwrap().contains("absent optional"),
        "{told}"
    );
}

#[test]
fn outputs_of_the_template_around_take_their_own_default() {
    let spec = |default: &str| {
        format!(
            "
  templates:
  - name: main
    outputs: {{parameters: [{{name: all, valueFrom: {{parameter: '{{{{steps.a.outputs.parameters.out}}}}'{default}}}}}]}}
    steps: [[{{name: a, template: give, when: 'false'}}]]"
        )
    };
    let world = run(&spec(", default: mine"));
    assert_eq!(
        super::node(&world, "wf")["outputs"]["parameters"][0]["value"],
        "mine"
    );
    let said = "output parameter \"all\": \"{{steps.a.outputs.parameters.out}}\" is an absent optional (skipped/omitted node output with no default)";
    expect(&run(&spec("")), &format!("wf: Error: {said}"));
}
