//! Rule 8. The workflow's parallelism counts its active pods; a template's its active children; with `failFast`
//! nothing new starts after a failure, and the template fails once none of its pods is active.

use super::{World, check, expect, node, run, start};

const FAST: &str = "template has failed or errored children and failFast enabled";

/// The most pods that were active at one time.
fn most(mut world: World) -> usize {
    let mut most = 0;
    for _ in 0..5_000 {
        let active =
            |p: &&serde_json::Value| matches!(p["status"]["phase"].as_str(), Some("Pending" | "Running"));
        most = most.max(world.pods.values().filter(active).count());
        if !world.queue.is_empty() {
            world.deliver(0);
        } else if !world.advance(|_| 0) && !world.sleep() {
            break;
        }
    }
    assert_eq!(world.phase(), "Succeeded");
    most
}

#[test]
fn no_more_pods_than_the_workflow_allows() {
    for (limit, expected) in [(1, 1), (3, 3), (50, 8)] {
        let world = start(&format!(
            "
  parallelism: {limit}
  templates:
  - name: main
    dag: {{tasks: [{{name: a, template: inner, withItems: [1, 2, 3, 4]}}]}}
  - name: inner
    steps: [[{{name: b, template: work}}, {{name: c, template: work}}]]"
        ));
        assert_eq!(most(world), expected);
    }
}

#[test]
fn no_more_children_than_a_template_allows() {
    let world = start(
        "
  templates:
  - name: main
    parallelism: 2
    steps: [[{name: a, template: inner, withItems: [1, 2, 3, 4]}]]
  - name: inner
    steps: [[{name: b, template: work}, {name: c, template: work}]]",
    );
    assert_eq!(most(world), 4);
}

#[test]
fn a_step_that_is_skipped_needs_no_place() {
    check(
        "
  templates:
  - name: main
    parallelism: 1
    steps: [[{name: long, template: work}, {name: a, template: work, when: 'false'}, {name: b, template: work}]]",
        "
        wf[0].a: Skipped: when 'false' evaluated false
        wf[0].b: none",
    );
}

#[test]
fn with_fail_fast_nothing_new_starts() {
    check(
        "
  templates:
  - name: main
    failFast: true
    parallelism: 1
    steps: [[{name: a, template: work}, {name: bad, template: work}, {name: b, template: work}]]",
        &format!("workflow: Failed: {FAST}\nwf[0]: Failed: {FAST}\nwf[0].b: none"),
    );
    check(
        "
  templates:
  - name: main
    failFast: true
    parallelism: 1
    dag: {tasks: [{name: a, template: work}, {name: bad, template: work}, {name: c, template: work}]}",
        &format!("workflow: Failed: {FAST}\nwf.c: none"),
    );
}

#[test]
fn fail_fast_does_not_wait_for_another_attempt() {
    check(
        "
  templates:
  - name: main
    failFast: true
    dag: {tasks: [{name: bad, template: again}]}
  - name: again
    retryStrategy: {limit: 3}
    container: {image: i, command: [c]}",
        &format!("workflow: Failed: {FAST}\nwf.bad(1): none"),
    );
}

#[test]
fn what_is_inside_of_a_node_that_is_over_starts_nothing() {
    // Two steps of a group: one is an error at once, the other would go on.
    let world = run("
  templates:
  - name: main
    steps: [[{name: outer, template: outer, continueOn: {failed: true}}], [{name: last, template: wait}]]
  - name: outer
    steps: [[{name: inner, template: inner}, {name: wrong, template: take, arguments: {parameters: [{name: p, valueFrom: {configMapKeyRef: {name: none, key: k}}}]}}]]
  - name: inner
    steps: [[{name: a, template: work}], [{name: b, template: work}]]");
    assert_eq!(node(&world, "wf[0].outer[0]")["phase"], "Error");
    expect(
        &world,
        "wf[0].outer[0].inner[0].a: Succeeded\nwf[0].outer[0].inner[1].b: none",
    );
    let world = run("
  templates:
  - name: main
    steps: [[{name: outer, template: outer, continueOn: {failed: true}}], [{name: last, template: wait}]]
  - name: outer
    failFast: true
    dag: {tasks: [{name: bad, template: work}, {name: inner, template: inner}]}
  - name: inner
    steps: [[{name: long, template: work}]]");
    expect(
        &world,
        &format!("wf[0].outer: Failed: {FAST}\nwf[0].outer.inner: Running\nwf[1].last: Running"),
    );
}
