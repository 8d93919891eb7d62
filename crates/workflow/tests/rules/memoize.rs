//! Memoized steps: outputs of an earlier run with the same key stand for a run.

use serde_json::{Value, json};

use super::{Config, args, expect, node, run, start_with};

const MEMO: &str = "
  - name: memo
    inputs: {parameters: [{name: p}]}
    memoize: {key: 'k-{{inputs.parameters.p}}', cache: {configMap: {name: cache}}}
    outputs: {parameters: [{name: out, valueFrom: {path: /o}}]}
    container: {image: i, command: [c]}
  - name: around
    inputs: {parameters: [{name: p}]}
    memoize: {key: 'a-{{inputs.parameters.p}}', cache: {configMap: {name: cache}}}
    steps: [[{name: inner, template: memo, arguments: {parameters: [{name: p, value: x}]}}]]
    outputs: {parameters: [{name: of, valueFrom: {parameter: '{{steps.inner.outputs.parameters.out}}'}}]}
  - name: again
    inputs: {parameters: [{name: p}]}
    retryStrategy: {limit: 2}
    memoize: {key: 'r-{{inputs.parameters.p}}', cache: {configMap: {name: cache}}}
    container: {image: i, command: [c]}
  - name: alone
    inputs: {parameters: [{name: p}]}
    synchronization: {mutexes: [{name: m}]}
    memoize: {key: 'l-{{inputs.parameters.p}}', cache: {configMap: {name: cache}}}
    container: {image: i, command: [c]}
";

fn call(name: &str, template: &str, p: &str) -> String {
    format!("{{name: {name}, template: {template}, arguments: {{parameters: [{{name: p, value: {p}}}]}}}}")
}

fn spec(steps: &[&[String]]) -> String {
    let groups: Vec<String> = steps
        .iter()
        .map(|group| format!("[{}]", group.join(", ")))
        .collect();
    format!(
        "\n  templates:\n  - name: main\n    steps: [{}]{MEMO}",
        groups.join(", ")
    )
}

fn hit(world: &super::World, name: &str) -> Value {
    node(world, name)["memoizationStatus"]["hit"].clone()
}

#[test]
fn outputs_of_an_earlier_run_stand_for_a_run() {
    let take = "{name: take, template: take, arguments: {parameters: [{name: p, value: '{{steps.second.outputs.parameters.out}}'}]}}";
    let world = run(&spec(&[
        &[call("first", "memo", "x")],
        &[call("second", "memo", "x"), call("other", "memo", "y")],
        &[take.to_owned()],
    ]));
    expect(
        &world,
        "workflow: Succeeded
         wf[0].first: Succeeded
         wf[1].second: Succeeded",
    );
    assert_eq!(world.created, ["wf[0].first", "wf[1].other", "wf[2].take"]);
    assert_eq!(hit(&world, "wf[1].second"), json!(true));
    assert_eq!(
        node(&world, "wf[0].first")["memoizationStatus"],
        json!({"cacheName": "cache", "hit": false, "key": "k-x"})
    );
    assert_eq!(args(&world, "wf[2].take"), json!(["of first"]));
}

#[test]
fn steps_retried_and_locked_ones_are_recalled_as_a_whole() {
    for template in ["around", "again", "alone"] {
        let world = run(&spec(&[
            &[call("first", template, "x")],
            &[call("second", template, "x")],
        ]));
        expect(
            &world,
            "workflow: Succeeded\nwf[0].first: Succeeded\nwf[1].second: Succeeded",
        );
        assert_eq!(world.created.len(), 1, "{template}: {:?}", world.created);
        assert_eq!(hit(&world, "wf[1].second"), json!(true), "{template}");
        assert!(node(&world, "wf[1].second")["children"].is_null(), "{template}");
    }
}

#[test]
fn what_failed_is_not_kept() {
    let world = run(&spec(&[
        &[call("bad", "memo", "x").replace("{name: bad", "{continueOn: {failed: true}, name: bad")],
        &[call("second", "memo", "x")],
    ]));
    assert_eq!(world.created, ["wf[0].bad", "wf[1].second"]);
}

/// Runs one memoized step on a cache that is there, and gives the world.
fn with_cache(kind: &str, entry: &Value, memoize: &str) -> super::World {
    let others = format!(
        "{{kind: ConfigMap, metadata: {{name: cache, labels: {{workflows.argoproj.io/configmap-type: {kind}}}}}, data: {{k: '{entry}'}}}}"
    );
    let spec = format!(
        "\n  entrypoint: memo\n  templates:\n  - name: memo\n    memoize: {{{memoize}, cache: {{configMap: {{name: cache}}}}}}\n    container: {{image: i, command: [c]}}"
    );
    let mut world = start_with(&spec, &others, Config::default());
    world.run();
    world
}

#[test]
fn entries_are_used_while_they_are_young() {
    let check = |entry: Value, memoize: &str, expected: Value| {
        let world = with_cache("Cache", &entry, memoize);
        assert_eq!(
            node(&world, "wf")["memoizationStatus"]["hit"],
            expected,
            "{entry} {memoize}"
        );
    };
    let made = |at: &str| json!({"nodeID": "n", "outputs": {"result": "r"}, "creationTimestamp": at});
    check(made("2025-12-31T23:59:50Z"), "key: k", json!(true));
    check(made("2025-12-31T23:59:50Z"), "key: k, maxAge: 10s", json!(true));
    check(made("2025-12-31T23:59:49Z"), "key: k, maxAge: 10s", json!(false));
    check(made("2025-12-31T23:59:50Z"), "key: other", json!(false));
    check(
        json!({"creationTimestamp": "2025-12-31T23:59:50Z"}),
        "key: k",
        json!(false),
    );
}

#[test]
fn what_cannot_be_used_is_said() {
    let check = |kind: &str, memoize: &str, expected: &str| {
        let world = with_cache(kind, &json!({"nodeID": "n"}), memoize);
        expect(&world, &format!("wf: Error: {expected}"));
    };
    check("Cache", "key: 'a b'", "invalid cache key: a b");
    check(
        "Cache",
        "key: k, maxAge: soon",
        "invalid maxAge: time: invalid duration \"soon\"",
    );
    check(
        "Parameter",
        "key: k",
        "memoization configmap doesn't have label workflows.argoproj.io/configmap-type = Cache, refusing to use it",
    );
}
