//! Rule 3. One retry node owns the attempts; after a failure it is asked, in this order: shut down or over the
//! deadline, over the maximal duration, time to back off, policy, limit, expression.

use serde_json::json;

use super::{check, expect, node, run, start};

fn again(strategy: &str, step: &str) -> String {
    format!(
        "
  templates:
  - name: main
    steps: [[{{name: {step}, template: again}}]]
  - name: again
    retryStrategy: {strategy}
    outputs: {{parameters: [{{name: out, valueFrom: {{path: /o}}}}]}}
    container: {{image: i, command: [c]}}"
    )
}

#[test]
fn policies_limits_and_expressions() {
    let failed = "main: Error (exit code 1)";
    for (strategy, step, phase, attempts) in [
        ("{limit: 2}", "bad", "Failed: No more retries left", 3),
        ("{limit: 0}", "bad", "Failed: No more retries left", 1),
        ("{limit: '1'}", "bad", "Failed: No more retries left", 2),
        ("{limit: 2}", "shaky", "Succeeded", 2),
        ("{limit: 2}", "odd", "Error: lost", 1),
        (
            "{limit: 2, retryPolicy: OnError}",
            "odd",
            "Error: No more retries left",
            3,
        ),
        (
            "{limit: 2, retryPolicy: OnError}",
            "bad",
            &format!("Failed: {failed}"),
            1,
        ),
        (
            "{limit: 1, retryPolicy: Always}",
            "odd",
            "Error: No more retries left",
            2,
        ),
        (
            "{limit: 2, retryPolicy: OnTransientError}",
            "bad",
            &format!("Failed: {failed}"),
            1,
        ),
        (
            "{expression: 'asInt(retries) < 2'}",
            "odd",
            "Error: retryStrategy.expression evaluated to false",
            3,
        ),
        (
            "{limit: 5, expression: 'lastRetry.exitCode != \"1\"'}",
            "bad",
            "Failed: retryStrategy.expression evaluated to false",
            1,
        ),
        (
            "{limit: 1, expression: 'lastRetry.status == \"Failed\"'}",
            "bad",
            "Failed: No more retries left",
            2,
        ),
    ] {
        let world = run(&again(strategy, step));
        expect(
            &world,
            &format!("wf[0].{step}: {phase}\nwf[0].{step}({attempts}): none"),
        );
        let children = node(&world, &format!("wf[0].{step}"))["children"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(children, attempts, "{strategy}");
    }
}

#[test]
fn back_off_grows_up_to_its_cap() {
    let mut world = start(&again(
        "{limit: 3, backoff: {duration: 10s, factor: 3, cap: 1m}}",
        "bad",
    ));
    let mut said = Vec::new();
    for _ in 0..1000 {
        let message = node(&world, "wf[0].bad")["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if message.starts_with("Backoff") && said.last() != Some(&message) {
            said.push(message);
        }
        if !world.queue.is_empty() {
            world.deliver(0);
        } else if !world.advance(|_| 0) && !world.sleep() {
            break;
        }
    }
    assert_eq!(
        said,
        [
            "Backoff for 10 seconds",
            "Backoff for 30 seconds",
            "Backoff for 1 minute"
        ]
    );
    expect(&world, "wf[0].bad: Failed: No more retries left");
}

#[test]
fn without_a_limit_there_is_no_back_off() {
    let mut world = start(&again(
        "{expression: 'asInt(retries) < 1', backoff: {duration: 1h}}",
        "bad",
    ));
    let began = world.now;
    world.run();
    expect(
        &world,
        "wf[0].bad: Failed: retryStrategy.expression evaluated to false",
    );
    assert!(world.now.duration_since(began).as_secs() < 60);
}

#[test]
fn the_maximal_duration_ends_retries() {
    for (backoff, message) in [
        (
            "{duration: 10s, maxDuration: 5s}",
            "Backoff would exceed max duration limit",
        ),
        (
            "{duration: 1s, factor: 2, maxDuration: 8s}",
            "Max duration limit exceeded",
        ),
        ("{duration: 0s, maxDuration: 1s}", "Max duration limit exceeded"),
    ] {
        check(
            &again(&format!("{{limit: 9, backoff: {backoff}}}"), "bad"),
            &format!("wf[0].bad: Failed: {message}"),
        );
    }
}

#[test]
fn wrong_strategies_are_errors() {
    for (strategy, message) in [
        (
            "{limit: 1, backoff: {factor: 2}}",
            "no base duration specified for retryStrategy",
        ),
        (
            "{limit: 1, retryPolicy: Never}",
            "Never is not a valid RetryPolicy",
        ),
    ] {
        check(&again(strategy, "bad"), &format!("wf[0].bad: Error: {message}"));
    }
}

#[test]
fn attempts_see_how_the_last_one_ended() {
    let world = run("
  templates:
  - name: main
    steps: [[{name: bad, template: again}]]
  - name: again
    retryStrategy: {limit: 1}
    container: {image: i, command: [c], args: ['{{retries}} {{lastRetry.exitCode}} {{lastRetry.status}} {{lastRetry.message}}']}");
    assert_eq!(super::args(&world, "wf[0].bad(0)"), json!(["0 0  "]));
    assert_eq!(
        super::args(&world, "wf[0].bad(1)"),
        json!(["1 1 Failed main: Error (exit code 1)"])
    );
}

#[test]
fn a_strategy_of_the_workflow_wraps_every_template() {
    check(
        "
  retryStrategy: {limit: 1}
  templates:
  - name: main
    steps: [[{name: bad, template: work}]]",
        "
        workflow: Failed: No more retries left
        wf: Failed: No more retries left
        wf(1)[0].bad(1): Failed: main: Error (exit code 1)",
    );
}

#[test]
fn hooks_of_a_retried_step_are_no_attempts() {
    let world = run("
  templates:
  - name: main
    steps: [[{name: shaky, template: again, hooks: {exit: {template: work}, seen: {template: work, expression: 'steps.shaky.status == \"Running\"'}}}]]
  - name: again
    retryStrategy: {limit: 1}
    container: {image: i, command: [c]}");
    expect(
        &world,
        "
        wf[0].shaky: Succeeded
        wf[0].shaky(1): Succeeded
        wf[0].shaky(2): none
        wf[0].shaky.hooks.seen: Succeeded
        wf[0].shaky.onExit: Succeeded",
    );
}

#[test]
fn retries_keep_off_machines_where_attempts_failed() {
    let world = run(&again("{limit: 1, affinity: {nodeAntiAffinity: {}}}", "bad"));
    let of = |p: &&serde_json::Value| {
        p["metadata"]["annotations"]["workflows.argoproj.io/node-name"] == "wf[0].bad(1)"
    };
    let pod = world.pods.values().find(of).unwrap();
    let terms = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let wanted = json!({"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["machine"]},
    ]}]});
    assert_eq!(*terms, wanted);
}
