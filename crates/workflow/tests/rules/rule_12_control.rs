//! Rule 12. Stop lets exit handlers run and Terminate does not; each kind of node says in its own words that it was
//! ended. (Retry and resubmit are commands: their rules are tested with them.)

use serde_json::json;

use super::{check, expect, patch, start};

#[test]
fn every_kind_of_node_says_how_it_was_ended() {
    for how in ["Stop", "Terminate"] {
        let mut world = start(
            "
  templates:
  - name: main
    dag:
      tasks:
      - {name: long, template: work}
      - {name: ask, template: wait}
      - {name: longer, template: alone}
      - {name: zlocked, template: alone}
      - {name: long-again, template: again}
  - name: alone
    synchronization: {mutexes: [{name: door}]}
    container: {image: i, command: [c]}
  - name: again
    retryStrategy: {limit: 2}
    container: {image: i, command: [c]}",
        );
        world.run();
        patch(&mut world, &json!({"spec": {"shutdown": how}}));
        world.run();
        expect(
            &world,
            &format!(
                "
                workflow: Failed: Stopped with strategy '{how}'
                wf: Failed
                wf.long: Failed: workflow shutdown with strategy:  {how}
                wf.ask: Failed: Stopped with strategy '{how}'
                wf.zlocked: Failed: Stopped with strategy '{how}'
                wf.long-again(0): Failed: workflow shutdown with strategy:  {how}
                wf.long-again(1): none
                wf.long-again: Failed: Stopped with strategy '{how}'"
            ),
        );
    }
}

#[test]
fn terminate_ends_what_stop_had_started() {
    let mut world = start(
        "
  onExit: main
  templates:
  - name: main
    steps: [[{name: long, template: work}]]",
    );
    world.run();
    patch(&mut world, &json!({"spec": {"shutdown": "Stop"}}));
    world.run();
    expect(&world, "workflow: Running\nwf.onExit[0].long: Running");
    patch(&mut world, &json!({"spec": {"shutdown": "Terminate"}}));
    world.run();
    expect(
        &world,
        "
        workflow: Failed: Stopped with strategy 'Terminate'
        wf.onExit[0].long: Failed: workflow shutdown with strategy:  Terminate",
    );
}

#[test]
fn a_suspend_node_resumes_by_itself_or_is_told_so() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: a, template: nap}], [{name: b, template: work}]]
  - name: nap
    suspend: {duration: '20'}",
        "workflow: Succeeded\nwf[0].a: Succeeded",
    );
    check(
        "
  templates:
  - name: main
    suspend: {duration: 1s}
    outputs: {parameters: [{name: answer, valueFrom: {supplied: {}}}]}",
        "wf: Error: raw output parameter 'answer' has not been set and does not have a default value",
    );
    check(
        "
  templates:
  - name: main
    suspend: {duration: 1s}
    outputs: {parameters: [{name: answer, valueFrom: {supplied: {}, default: 'no'}}]}",
        "wf: Succeeded",
    );
}

#[test]
fn the_workflows_deadline() {
    check(
        "
  activeDeadlineSeconds: 30
  onExit: work
  templates:
  - name: main
    dag: {tasks: [{name: long, template: again}, {name: ask, template: wait}, {name: stuck, template: work}]}
  - name: again
    retryStrategy: {limit: 2}
    container: {image: i, command: [c]}",
        "
        workflow: Failed
        wf.long(0): Failed: Step exceeded its deadline
        wf.long: Failed: retry exceeded workflow deadline 2026-01-01 00:00:30 +0000 UTC
        wf.long(1): none
        wf.ask: Failed: Step exceeded its deadline
        wf.stuck: Failed: Step exceeded its deadline
        wf.onExit: Succeeded",
    );
}
