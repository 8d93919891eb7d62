//! Rule 7. `onExit` is the hook `exit`; the workflow's runs after the deadline and Stop, not after Terminate; its
//! failure counts only where the workflow succeeded. Named hooks run once, beside their node, and are waited for.

use super::{args, check, expect, node, run, start};
use serde_json::json;

#[test]
fn how_the_exit_handler_ends_counts_if_the_workflow_succeeded() {
    for (main, exit, phase) in [
        ("a", "fine", "Succeeded"),
        ("a", "fails", "Failed: main: Error (exit code 1)"),
        ("a", "errs", "Error: lost"),
        ("bad", "fine", "Failed: child 'wf-MAIN' failed"),
        ("bad", "errs", "Failed: child 'wf-MAIN' failed"),
    ] {
        let mut world = start(&format!(
            "
  onExit: last
  templates:
  - name: main
    steps: [[{{name: {main}, template: work}}]]
  - name: last
    outputs: {{parameters: [{{name: out, valueFrom: {{path: /o}}}}]}}
    container: {{image: i, command: [c]}}"
        ));
        let how = exit.to_owned();
        world.script = Box::new(move |name| match (name, how.as_str()) {
            ("wf.onExit", "fails") => super::outcome("bad"),
            ("wf.onExit", "errs") => super::outcome("odd"),
            (name, _) => super::outcome(name),
        });
        world.run();
        let id = node(&world, &format!("wf[0].{main}"))["id"]
            .as_str()
            .unwrap()
            .to_owned();
        expect(&world, &format!("workflow: {}", phase.replace("wf-MAIN", &id)));
    }
}

#[test]
fn the_exit_handler_sees_how_the_workflow_ended() {
    let world = run("
  hooks: {exit: {template: last}}
  templates:
  - name: main
    steps: [[{name: bad, template: work}]]
  - name: last
    container: {image: i, command: [c], args: ['{{workflow.status}}', '{{workflow.failures}}']}");
    let said = args(&world, "wf.onExit");
    assert_eq!(said[0], "Failed");
    let inner: String = serde_json::from_str(said[1].as_str().unwrap()).unwrap();
    let failures: serde_json::Value = serde_json::from_str(&inner).unwrap();
    let of_bad = failures
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["displayName"] == "bad")
        .unwrap();
    assert_eq!(of_bad["message"], "main: Error (exit code 1)");
    assert_eq!(of_bad["templateName"], "work");
}

#[test]
fn exit_handlers_of_steps_and_tasks_come_before_what_follows() {
    let world = run("
  templates:
  - name: main
    steps: [[{name: a, template: give, hooks: {exit: {template: take, arguments: {parameters: [{name: p, value: '{{steps.a.outputs.parameters.out}}'}]}}}}], [{name: b, template: work}]]");
    expect(&world, "wf[0].a.onExit: Succeeded\nwf[1].b: Succeeded");
    assert_eq!(args(&world, "wf[0].a.onExit"), json!(["of a"]));
    let order: Vec<&str> = world.created.iter().map(String::as_str).collect();
    assert_eq!(order, ["wf[0].a", "wf[0].a.onExit", "wf[1].b"]);
    let world = run("
  templates:
  - name: main
    dag: {tasks: [{name: a, template: work, onExit: wait}, {name: b, template: work, depends: a}]}");
    expect(&world, "wf.a.onExit: Running\nwf.b: none");
}

#[test]
fn an_exit_handler_that_fails_does_not_fail_its_step() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: bad, template: work, continueOn: {failed: true}, onExit: failing}], [{name: b, template: work}]]
  - name: failing
    steps: [[{name: bad, template: work}]]",
        "
        workflow: Succeeded
        wf[1].b: Succeeded",
    );
}

#[test]
fn named_hooks_of_workflow_steps_and_tasks() {
    check(
        "
  hooks:
    running: {template: work, expression: workflow.status == \"Running\"}
    failed: {template: work, expression: workflow.status == \"Failed\"}
  templates:
  - name: main
    steps: [[{name: inner, template: inner, hooks: {ok: {template: work, expression: 'steps.inner.status == \"Succeeded\"'}, no: {template: work, expression: 'steps.inner.status == \"Failed\"'}}}]]
  - name: inner
    dag: {tasks: [{name: a, template: work, hooks: {going: {template: work, expression: 'tasks.a.status == \"Running\"'}}}]}",
        "
        workflow: Succeeded
        wf.hooks.running: Succeeded
        wf.hooks.failed: none
        wf[0].inner.hooks.ok: Succeeded
        wf[0].inner.hooks.no: none
        wf[0].inner.a.hooks.going: Succeeded",
    );
}

#[test]
fn a_pending_entrypoint_is_a_pending_workflow_to_hooks() {
    check(
        "
  entrypoint: work
  hooks:
    pending: {template: work, expression: workflow.status == \"Pending\"}
    running: {template: work, expression: workflow.status == \"Running\"}
  templates:",
        "
        workflow: Succeeded
        wf.hooks.pending: Succeeded
        wf.hooks.running: Succeeded",
    );
}

#[test]
fn steps_that_do_not_run_have_no_hooks_and_tasks_do() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: a, template: work, when: 'false', hooks: {h: {template: work, expression: 'true'}, exit: {template: work}}}]]",
        "
        workflow: Succeeded
        wf[0].a.hooks.h: none
        wf[0].a.onExit: none",
    );
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: a, template: work, when: 'false', hooks: {h: {template: work, expression: 'tasks.a.status == \"Skipped\"'}, exit: {template: work}}}]}",
        "
        workflow: Succeeded
        wf.a.hooks.h: Succeeded
        wf.a.onExit: none",
    );
}

#[test]
fn loops_of_steps_run_hooks_for_each_turn_and_those_of_tasks_for_the_whole() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: a, template: work, withItems: [x, z], hooks: {exit: {template: take, arguments: {parameters: [{name: p, value: '{{item}}'}]}}}}]]",
        "
        workflow: Succeeded
        wf[0].a(0:x).onExit: Succeeded
        wf[0].a(1:z).onExit: Succeeded",
    );
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: a, template: work, withItems: [x, z], hooks: {h: {template: work, expression: 'tasks.a.status == \"Succeeded\"'}, exit: {template: work}}}]}",
        "
        workflow: Succeeded
        wf.a(0:x).onExit: Succeeded
        wf.a(1:z).onExit: Succeeded
        wf.a.onExit: Succeeded
        wf.a.hooks.h: Succeeded
        wf.a(0:x).hooks.h: none",
    );
}

#[test]
fn an_expression_that_cannot_be_evaluated() {
    // Of a step: the group; of a task in between: the task; of a target: the dag.
    let wrong = "{template: work, expression: 'nothing.there.at.all'}";
    let world = run(&format!(
        "
  templates:
  - name: main
    steps: [[{{name: a, template: work, hooks: {{h: {wrong}}}}}]]"
    ));
    assert_eq!(node(&world, "wf[0]")["phase"], "Error");
    let world = run(&format!(
        "
  templates:
  - name: main
    dag: {{tasks: [{{name: a, template: work, hooks: {{h: {wrong}}}}}, {{name: b, template: work, depends: a.Errored}}]}}"
    ));
    assert_eq!(node(&world, "wf.a")["phase"], "Error");
    let world = run(&format!(
        "
  templates:
  - name: main
    dag: {{tasks: [{{name: a, template: work, hooks: {{h: {wrong}}}}}]}}"
    ));
    assert_eq!(node(&world, "wf")["phase"], "Error");
    let world = run(&format!(
        "
  templates:
  - name: main
    dag: {{tasks: [{{name: a, template: work, hooks: {{exit: {wrong}}}}}]}}"
    ));
    expect(&world, "workflow: Succeeded\nwf.a: Succeeded");
}
