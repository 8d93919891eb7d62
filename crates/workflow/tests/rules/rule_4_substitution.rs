//! Rule 4. Globals and inputs first, and what is unknown stays; then steps and tasks, which must be known, but
//! for a step that will not run. Values are escaped for JSON; tags of a later moment stay in place.

use serde_json::json;
use workflow::contract::WaitReason;

use super::{args, expect, run, start};

/// The arguments of the step `a` of a workflow whose arguments are `one: x"y` and `two: '{"k": [1, "é"]}'`.
fn said(value: &str) -> serde_json::Value {
    let value = value.replace('\'', "''");
    let world = run(&format!(
        "
  arguments: {{parameters: [{{name: one, value: 'x\"y'}}, {{name: two, value: '{{\"k\": [1, \"é\"]}}'}}, {{name: three, value: one}}]}}
  templates:
  - name: main
    steps: [[{{name: give, template: give}}], [{{name: a, template: take, arguments: {{parameters: [{{name: p, value: '{value}'}}]}}}}]]"
    ));
    args(&world, "wf[1].a")
}

#[test]
fn tags_and_expressions() {
    for (value, expected) in [
        ("{{workflow.parameters.one}}", "x\"y"),
        ("{{workflow.parameters.two}}", "{\"k\": [1, \"é\"]}"),
        ("{{ workflow.name }}-{{workflow.namespace}}", "wf-ns"),
        ("{{steps.give.outputs.parameters.out}}", "of give"),
        ("{{=workflow.parameters.one + '!'}}", "x\"y!"),
        ("{{=jsonpath(workflow.parameters.two, '$.k[1]')}}", "é"),
        ("{{=steps.give.outputs.parameters.out | upper()}}", "OF GIVE"),
        ("{{=steps['give'].status}}", "Succeeded"),
        ("{{workflow.parameters.{{workflow.parameters.three}}}}", "x\"y"),
        ("{{unknown.thing}}", "{{unknown.thing}}"),
        ("{{item}}", "{{item}}"),
        ("{{retries}}", "{{retries}}"),
    ] {
        assert_eq!(said(value), json!([expected]), "{value}");
    }
}

#[test]
fn a_variable_that_no_step_gives_is_waited_for_and_named() {
    for (kind, spec) in [
        (
            "steps",
            "steps: [[{name: a, template: work}], [{name: b, template: take, arguments: {parameters: [{name: p, value: '{{steps.a.outputs.result}}'}]}}]]",
        ),
        (
            "tasks",
            "dag: {tasks: [{name: a, template: work}, {name: b, template: take, depends: a, arguments: {parameters: [{name: p, value: '{{tasks.a.outputs.result}}'}]}}]}",
        ),
    ] {
        let world = super::start_with(
            &format!("\n  templates:\n  - name: main\n    {spec}"),
            "",
            super::Config::default(),
        );
        let mut world = world;
        world.script = Box::new(|_| super::Outcome::default());
        world.run();
        let waiting = world.machine.report().waiting;
        let named = waiting.iter().any(|w| matches!(&w.reason, WaitReason::Variable { tag } if tag.contains(&format!("{kind}.a.outputs.result"))));
        assert!(named, "{waiting:?}");
    }
}

#[test]
fn what_a_step_that_will_not_run_refers_to_need_not_be_there() {
    let mut world = start(
        "
  templates:
  - name: main
    steps: [[{name: a, template: work, when: 'false'}], [{name: b, template: take, when: '{{steps.a.status}} == Succeeded', arguments: {parameters: [{name: p, value: '{{steps.a.outputs.result}}'}]}}]]",
    );
    world.run();
    expect(
        &world,
        "
        workflow: Succeeded
        wf[1].b: Skipped: when 'Skipped == Succeeded' evaluated false",
    );
}
