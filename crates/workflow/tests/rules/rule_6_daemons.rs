//! Rule 6. A daemon serves once it runs and is ready; what depends on it may start then; it ends with the node
//! around it; one that ends by itself has failed.

use super::{check, expect, node, run, start};

#[test]
fn steps_and_tasks_go_on_while_it_serves_and_it_ends_with_them() {
    for work in [
        "steps: [[{name: served, template: serve}], [{name: b, template: take, arguments: {parameters: [{name: p, value: '{{steps.served.ip}}'}]}}]]",
        "dag: {tasks: [{name: served, template: serve}, {name: b, template: take, depends: served, arguments: {parameters: [{name: p, value: '{{tasks.served.ip}}'}]}}]}",
    ] {
        let world = run(&format!("\n  templates:\n  - name: main\n    {work}"));
        let (served, b) = if work.starts_with("dag") {
            ("wf.served", "wf.b")
        } else {
            ("wf[0].served", "wf[1].b")
        };
        expect(
            &world,
            &format!("workflow: Succeeded\n{served}: Succeeded\n{b}: Succeeded"),
        );
        assert_eq!(super::args(&world, b), serde_json::json!(["10.0.0.1"]));
        assert!(node(&world, served).get("daemoned").is_none());
    }
}

#[test]
fn one_that_ends_by_itself_has_failed() {
    for (name, message) in [("ends", ""), ("bad", ": main: Error (exit code 1)")] {
        check(
            &format!(
                "
  templates:
  - name: main
    steps: [[{{name: {name}, template: serve}}], [{{name: long, template: work}}]]"
            ),
            &format!("wf[0].{name}: Failed{message}"),
        );
    }
}

#[test]
fn one_that_is_retried_serves_as_its_retry_node_does() {
    let mut world = start(
        "
  templates:
  - name: main
    steps: [[{name: served, template: again}], [{name: wait, template: wait}]]
  - name: again
    daemon: true
    retryStrategy: {limit: 1}
    container: {image: i, command: [c]}",
    );
    world.run();
    expect(
        &world,
        "wf[0].served: Running\nwf[0].served(0): Running\nwf[1].wait: Running",
    );
    assert_eq!(node(&world, "wf[0].served")["daemoned"], true);
}

#[test]
fn a_failed_template_ends_its_daemons_too() {
    check(
        "
  templates:
  - name: main
    dag: {tasks: [{name: served, template: serve}, {name: bad, template: work, depends: served}]}",
        "
        workflow: Failed
        wf.served: Succeeded",
    );
}
