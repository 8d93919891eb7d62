//! Resource and http templates: pods whose executor does the work.

use serde_json::{Value, json};

use super::{expect, node, patch, run, start};

const MAIN: &str = "
  templates:
  - name: main
    steps: [[{name: a, template: made}, {name: b, template: asked}]]
  - name: made
    resource:
      action: create
      setOwnerReference: true
      manifest: '{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}'
    outputs: {parameters: [{name: out, valueFrom: {jqFilter: .kind}}]}
  - name: asked
    http:
      url: http://{{workflow.name}}/
      headers: [{name: a, value: b}, {name: key, valueFrom: {secretKeyRef: {name: s, key: k}}}]
";

fn pod(world: &super::World, node: &str) -> Value {
    let of = |p: &&Value| p["metadata"]["annotations"]["workflows.argoproj.io/node-name"] == node;
    world.pods.values().find(of).cloned().unwrap()
}

/// What the executor of a node's pod is told.
fn orders(world: &super::World, node: &str) -> Value {
    let pod = pod(world, node);
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap().clone();
    let orders = env.iter().find(|v| v["name"] == "PLIMSOLL_ORDERS").unwrap();
    serde_json::from_str(orders["value"].as_str().unwrap()).unwrap()
}

#[test]
fn the_executor_does_the_work() {
    let world = run(MAIN);
    expect(
        &world,
        "workflow: Succeeded\nwf[0].a: Succeeded\nwf[0].b: Succeeded",
    );
    assert_eq!(node(&world, "wf[0].a")["type"], "Pod");
    assert_eq!(node(&world, "wf[0].b")["type"], "HTTP");
    assert_eq!(node(&world, "wf[0].b")["outputs"]["exitCode"], Value::Null);
    let resource = orders(&world, "wf[0].a")["resource"].clone();
    let manifest: Value = serde_json::from_str(resource["manifest"].as_str().unwrap()).unwrap();
    assert_eq!(manifest["metadata"]["ownerReferences"][0]["uid"], "UID");
    assert_eq!(orders(&world, "wf[0].a")["outputParameters"][0]["name"], "out");
    assert_eq!(orders(&world, "wf[0].b")["http"]["url"], "http://wf/");
    let acts = |node| pod(&world, node)["metadata"]["annotations"]["plimsoll.dev/acts"].clone();
    assert_eq!((acts("wf[0].a"), acts("wf[0].b")), (json!("true"), Value::Null));
    let asked = pod(&world, "wf[0].b");
    let container = &asked["spec"]["containers"][0];
    let secret =
        json!({"name": "PLIMSOLL_HEADER_1", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}});
    assert!(
        container["env"].as_array().unwrap().contains(&secret),
        "{container}"
    );
    assert_eq!(
        container["command"],
        json!(["/var/run/plimsoll/plimsoll", "exec", "--"])
    );
}

#[test]
fn they_end_when_the_workflow_is_stopped() {
    let mut world = start(&MAIN.replace("name: b,", "name: longb,"));
    world.run();
    expect(&world, "workflow: Running\nwf[0].longb: Running");
    patch(&mut world, &json!({"spec": {"shutdown": "Terminate"}}));
    world.run();
    expect(
        &world,
        "workflow: Failed: Stopped with strategy 'Terminate'
         wf[0].longb: Failed: workflow shutdown with strategy:  Terminate",
    );
}
