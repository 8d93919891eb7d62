//! Pods met again after a crash: no attempt starts twice.

use serde_json::{Value, json};

use super::tests::{at, describe, simple, summary, view};
use super::unit::Terminated;
use super::*;

/// The only container, as an earlier node reported it with one restart; what the spawner knows; whether the machine
/// went down. What it comes to, and what is decided.
fn check(
    state: &Value,
    left: Option<(u32, Result<i64, i32>)>,
    rebooted: bool,
    expected: &str,
    effects: &[&str],
) {
    let pod = json!({"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": simple("OnFailure")});
    let status = json!({"phase": "Running", "containerStatuses": [
        {"name": "c", "image": "", "imageID": "", "ready": true, "restartCount": 1, "state": state},
    ]});
    let status = serde_json::from_value(status).unwrap();
    let left: Vec<_> = left
        .into_iter()
        .map(|(attempt, state)| known(attempt, state))
        .collect();
    let mut machine = Machine::recovered(view(&pod), Some(&status), &left, rebooted, at(100));
    let mut decided = machine.step(Event::Tick, at(100));
    if decided == [Effect::SetUp] {
        decided.extend(machine.step(Event::SetUp, at(100)));
    }
    let status = machine.status("127.0.0.1", at(100));
    assert_eq!(summary(&status).lines().nth(1), Some(expected), "{state}");
    assert_eq!(
        decided.iter().map(describe).collect::<Vec<_>>(),
        effects,
        "{state}"
    );
}

fn known(attempt: u32, state: Result<i64, i32>) -> Left {
    let failed = |exit_code| Terminated {
        exit_code,
        reason: "Error".into(),
        message: None,
        started_at: None,
        finished_at: at(50),
    };
    Left {
        container: "c".into(),
        attempt,
        state: state.map(at).map_err(failed),
    }
}

fn running() -> Value {
    json!({"running": {"startedAt": "1970-01-01T00:00:01Z"}})
}

fn waiting() -> Value {
    json!({"waiting": {"reason": "ContainerCreating"}})
}

const RESTARTED: [&str; 2] = ["set up", "start c/2"];

#[test]
fn what_runs_is_adopted() {
    check(
        &running(),
        Some((1, Ok(1))),
        false,
        "c running 1 last null ready",
        &[],
    );
    check(
        &running(),
        Some((2, Ok(1))),
        false,
        "c running 2 last 137 ready",
        &[],
    );
    check(
        &waiting(),
        Some((1, Ok(1))),
        false,
        "c running 1 last null ready",
        &[],
    );
}

#[test]
fn what_ended_is_not_started_again() {
    check(
        &running(),
        Some((1, Err(3))),
        false,
        "c waiting ContainerCreating 2 last 3",
        &RESTARTED,
    );
    check(
        &running(),
        Some((1, Err(0))),
        false,
        "c terminated Error 1 last null",
        &[],
    );
    let done = json!({"terminated": {"exitCode": 0, "reason": "Completed"}});
    check(&done, None, false, "c terminated Completed 1 last null", &[]);
    check(&done, None, true, "c terminated Completed 1 last null", &[]);
}

#[test]
fn what_nobody_knows_is_unknown() {
    check(
        &running(),
        None,
        false,
        "c waiting ContainerCreating 2 last 137",
        &RESTARTED,
    );
    check(
        &waiting(),
        None,
        true,
        "c waiting ContainerCreating 2 last 137",
        &RESTARTED,
    );
}

#[test]
fn what_never_started_starts() {
    check(
        &waiting(),
        None,
        false,
        "c waiting ContainerCreating 1 last null",
        &["set up", "start c/1"],
    );
}
