//! Rule 9. (Whose turn it is between workflows is told in `workflow::locks`.) All of a template's locks or none; who waits says for what; a semaphore's size
//! comes from a ConfigMap; a lock is free when its node is over.

use super::{Config, check, expect, node, start, start_with};

#[test]
fn one_after_the_other() {
    let mut world = start(
        "
  templates:
  - name: main
    steps: [[{name: long, template: alone}, {name: b, template: alone}]]
  - name: alone
    synchronization: {mutexes: [{name: door}]}
    container: {image: i, command: [c]}",
    );
    world.run();
    expect(
        &world,
        "wf[0].b: Pending: Waiting for ns/Mutex/door lock. Lock status: 0/1",
    );
    assert_eq!(
        node(&world, "wf[0].b")["synchronizationStatus"]["waiting"],
        "ns/Mutex/door"
    );
    let held = &world.workflow["status"]["synchronization"]["mutex"]["holding"][0];
    assert_eq!(held["mutex"], "ns/Mutex/door");
}

#[test]
fn semaphores_have_the_size_that_a_config_map_says() {
    let spec = "
  templates:
  - name: main
    steps: [[{name: long, template: some, withItems: [1, 2, 3]}]]
  - name: some
    synchronization: {semaphores: [{configMapKeyRef: {name: sizes, key: two}}]}
    container: {image: i, command: [c]}";
    let sizes = "{kind: ConfigMap, metadata: {name: sizes}, data: {two: '2', none: '0'}}";
    let mut world = start_with(spec, sizes, Config::default());
    world.run();
    expect(
        &world,
        "
        wf[0].long(0:1): Running
        wf[0].long(1:2): Running
        wf[0].long(2:3): Pending: Waiting for ns/ConfigMap/sizes/two lock. Lock status: 0/2",
    );
    let mut world = start_with(&spec.replace("key: two", "key: none"), sizes, Config::default());
    world.run();
    expect(
        &world,
        "
        workflow: Failed: step group deemed errored due to child wf[0].long(0:1) error: failed to initialize semaphore ns/ConfigMap/sizes/none with limit
        wf[0].long(0:1): Error: failed to initialize semaphore ns/ConfigMap/sizes/none with limit",
    );
}

#[test]
fn a_lock_is_free_whatever_its_holder_ended_in() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: bad, template: alone, continueOn: {failed: true}}, {name: b, template: alone}, {name: c, template: both}]]
  - name: alone
    synchronization: {mutexes: [{name: door}]}
    container: {image: i, command: [c]}
  - name: both
    synchronization: {mutexes: [{name: door}, {name: window}]}
    container: {image: i, command: [c]}",
        "
        workflow: Succeeded
        wf[0].b: Succeeded
        wf[0].c: Succeeded",
    );
}

#[test]
fn a_workflow_waits_for_its_own_locks() {
    let spec = "
  synchronization: {mutexes: [{name: door}]}
  templates:
  - name: main
    steps: [[{name: a, template: work}]]";
    let mut world = start(spec);
    // Another workflow has it.
    world.queue.clear();
    world.desk = workflow::locks::Desk::default();
    world
        .desk
        .reset("ns/other", &[("ns/other".to_owned(), "ns/Mutex/door".to_owned())]);
    world.machine = workflow::Machine::rebuild(world.inputs(), world.now);
    world.carry_out();
    world.run();
    expect(
        &world,
        "workflow: Pending: Waiting for ns/Mutex/door lock. Lock status: 0/1\nwf: none",
    );
    let waiting = &world.workflow["status"]["synchronization"]["mutex"]["waiting"][0];
    assert_eq!(
        (&waiting["mutex"], &waiting["holder"]),
        (&"ns/Mutex/door".into(), &"ns/other".into())
    );
    assert!(world.workflow["status"].get("startedAt").is_none());
    let wake = world.desk.release("ns/other");
    assert!(wake.contains("ns/wf"));
    world.queue.push(workflow::contract::Event::LocksFree);
    world.run();
    expect(&world, "workflow: Succeeded\nwf[0].a: Succeeded");
    assert!(world.workflow["status"].get("synchronization").is_none());
}

#[test]
fn terminate_ends_a_workflow_that_waits_to_start_and_stop_does_not() {
    for (how, expected) in [
        (
            "Stop",
            "workflow: Pending: Waiting for ns/Mutex/door lock. Lock status: 0/1",
        ),
        ("Terminate", "workflow: Failed: Stopped with strategy 'Terminate'"),
    ] {
        let mut world = start(
            "
  synchronization: {mutexes: [{name: door}]}
  templates:
  - name: main
    steps: [[{name: a, template: work}]]",
        );
        world.queue.clear();
        world.desk = workflow::locks::Desk::default();
        world
            .desk
            .reset("ns/other", &[("ns/other".to_owned(), "ns/Mutex/door".to_owned())]);
        world.machine = workflow::Machine::rebuild(world.inputs(), world.now);
        world.carry_out();
        world.run();
        super::patch(&mut world, &serde_json::json!({"spec": {"shutdown": how}}));
        world.run();
        expect(&world, expected);
    }
}

#[test]
fn a_size_that_is_none_fails_a_workflow() {
    check(
        "
  synchronization: {semaphores: [{configMapKeyRef: {name: none, key: k}}]}
  templates:
  - name: main
    steps: [[{name: a, template: work}]]",
        "workflow: Failed: Failed to acquire the synchronization lock. failed to initialize semaphore ns/ConfigMap/none/k with limit",
    );
}

#[test]
fn what_locks_cannot_be_is_said() {
    for (synchronization, message) in [
        (
            "mutexes: [{name: a}, {name: a}]",
            "requested configuration is invalid: duplicate synchronization item found",
        ),
        (
            "semaphores: [{database: {key: k}}]",
            "database session is not available for semaphore ns/Database/k",
        ),
        (
            "mutexes: [{name: m, database: true}]",
            "database session is not available for mutex ns/Database/m",
        ),
    ] {
        check(
            &format!(
                "
  templates:
  - name: main
    synchronization: {{{synchronization}}}
    container: {{image: i, command: [c]}}"
            ),
            &format!("wf: Error: {message}\nworkflow: Error: error in entry template execution: {message}"),
        );
    }
}
