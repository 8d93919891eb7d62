//! What is easily wrong besides: loops, time limits, templates of other objects, container sets, names.

use serde_json::{Value, json};

use super::{Config, args, check, expect, node, run, start, start_with};

#[test]
fn loops() {
    check(
        "
  templates:
  - name: main
    steps:
    - - {name: none, template: work, withParam: '[]'}
      - {name: maps, template: take, withItems: [{b: 1, a: x}], arguments: {parameters: [{name: p, value: '{{item.a}}'}]}}
      - {name: down, template: work, withSequence: {start: 2, end: 0, format: 'n%02X'}}
      - {name: some, template: work, withItems: [1, 2], when: '{{item}} == 2'}",
        "
        workflow: Succeeded
        wf[0].none: Skipped: Skipped, empty params
        wf[0].maps(0:a:x,b:1): Succeeded
        wf[0].down(0:n02): Succeeded
        wf[0].down(2:n00): Succeeded
        wf[0].some(0:1): Skipped: when '1 == 2' evaluated false
        wf[0].some(1:2): Succeeded",
    );
}

#[test]
fn only_turns_that_succeeded_are_gathered_in_their_order() {
    let world = run("
  templates:
  - name: main
    dag:
      tasks:
      - {name: each, template: inner, withItems: [a, bad, c], continueOn: {failed: true}, arguments: {parameters: [{name: p, value: '{{item}}'}]}}
      - {name: sum, template: take, dependencies: [each], arguments: {parameters: [{name: p, value: '{{tasks.each.outputs.parameters}} {{tasks.each.outputs.parameters.out}}'}]}}
  - name: inner
    inputs: {parameters: [{name: p}]}
    outputs: {parameters: [{name: out, valueFrom: {parameter: '{{steps.give.outputs.parameters.out}}'}}]}
    steps: [[{name: give, template: give}, {name: bad, template: work, when: '{{inputs.parameters.p}} == bad'}]]");
    let list = "[{\"out\":\"of give\"},{\"out\":\"of give\"}] [\"of give\",\"of give\"]";
    assert_eq!(args(&world, "wf.sum"), json!([list]));
}

#[test]
fn lists_that_are_none() {
    for (param, message) in [
        (
            "{\"a\": 1}",
            "withParam value could not be parsed as a JSON list: {\"a\": 1}: json: cannot unmarshal object into Go value of type []v1alpha1.Item",
        ),
        (
            "x",
            "withParam value could not be parsed as a JSON list: x: invalid character 'x' looking for beginning of value",
        ),
    ] {
        check(
            &format!(
                "
  templates:
  - name: main
    steps: [[{{name: a, template: work, withParam: '{param}'}}]]"
            ),
            &format!("workflow: Failed: {message}\nwf[0]: Error: {message}"),
        );
        check(
            &format!(
                "
  templates:
  - name: main
    dag: {{tasks: [{{name: a, template: work, withParam: '{param}'}}]}}"
            ),
            &format!("workflow: Error\nwf.a: Error: {message}"),
        );
        check(
            &format!(
                "
  templates:
  - name: main
    steps: [[{{name: a, template: work, when: 'false', withParam: '{param}'}}]]"
            ),
            "workflow: Succeeded",
        );
    }
}

#[test]
fn an_error_in_a_group_of_steps_fails_the_steps() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: odd, template: give}]]",
        &format!(
            "wf[0]: Failed: child '{0}' failed\nworkflow: Failed: child '{0}' failed",
            id("wf[0].odd")
        ),
    );
    let wrong =
        "Invalid 'when' expression 'a b': Cannot transition token types from VARIABLE [a] to VARIABLE [b]";
    check(
        "
  templates:
  - name: main
    steps: [[{name: a, template: work, when: 'a b'}]]",
        &format!(
            "wf[0]: Error: failed to resolve references: {wrong}\nwf: Failed: failed to resolve references: {wrong}"
        ),
    );
}

fn id(name: &str) -> String {
    format!("wf-{}", meta::hash::fnv1a_32(name.as_bytes()))
}

#[test]
fn time_limits_of_templates() {
    for limit in ["timeout", "pendingTimeout"] {
        let work = format!(
            "
  - name: quick
    {limit}: 30s
    container: {{image: i, command: [c]}}
  - name: retried
    {limit}: 30s
    retryStrategy: {{limit: 1}}
    container: {{image: i, command: [c]}}"
        );
        check(
            &format!("\n  templates:\n  - name: main\n    steps: [[{{name: stuck, template: quick}}]]{work}"),
            "wf[0].stuck: Failed: timeout\nwf[0]: Failed: timeout\nworkflow: Failed: timeout",
        );
        check(
            &format!(
                "\n  templates:\n  - name: main\n    dag: {{tasks: [{{name: stuck, template: quick}}]}}{work}"
            ),
            "wf.stuck: Failed: timeout\nworkflow: Failed",
        );
        check(
            &format!(
                "\n  entrypoint: main\n  templates:\n  - name: main\n    {limit}: 30s\n    container: {{image: i, command: [c]}}"
            ),
            "workflow: Succeeded",
        );
        // Argo looks at the retry node, which is never pending.
        check(
            &format!(
                "\n  templates:\n  - name: main\n    steps: [[{{name: stuck, template: retried}}]]{work}"
            ),
            "wf[0].stuck: Running\nwf[0].stuck(0): Pending",
        );
    }
    let world =
        start("\n  templates:\n  - name: main\n    timeout: 30s\n    container: {image: i, command: [c]}");
    let pod = world.pods.values().next().unwrap();
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 30);
    let world = start(
        "\n  templates:\n  - name: main\n    pendingTimeout: 30s\n    container: {image: i, command: [c]}",
    );
    let pod = world.pods.values().next().unwrap();
    assert!(pod["spec"]["activeDeadlineSeconds"].is_null());
}

#[test]
fn a_node_that_waits_for_a_lock_times_out_too() {
    check(
        "
  templates:
  - name: main
    steps: [[{name: long, template: alone}, {name: b, template: hasty}]]
  - name: alone
    synchronization: {mutexes: [{name: door}]}
    container: {image: i, command: [c]}
  - name: hasty
    timeout: 1m
    synchronization: {mutexes: [{name: door}]}
    container: {image: i, command: [c]}",
        "wf[0].b: Failed: timeout\nwf[0]: Failed: timeout",
    );
}

#[test]
fn calls_may_nest_but_not_for_ever() {
    let world = run("
  templates:
  - name: main
    steps: [[{name: a, template: main}]]");
    assert_eq!(world.phase(), "Failed");
    let deepest = world.machine.nodes().map(|n| n.name.matches(".a").count()).max();
    assert_eq!(deepest, Some(99));
    let told = |n: &argo::NodeStatus| n.message.starts_with("Maximum recursion depth exceeded.");
    assert!(world.machine.nodes().any(told));
}

#[test]
fn defaults_of_templates_are_merged_under_them() {
    let world = start(
        "
  templateDefaults:
    timeout: 40s
    metadata: {labels: {a: default, b: default}}
    container: {image: other, env: [{name: E, value: default}, {name: F, value: default}]}
  templates:
  - name: main
    metadata: {labels: {a: own}}
    container: {image: i, command: [c], env: [{name: E, value: own}]}",
    );
    let pod = world.pods.values().next().unwrap();
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 40);
    let labels = &pod["metadata"]["labels"];
    assert_eq!((&labels["a"], &labels["b"]), (&json!("own"), &json!("default")));
    let main = &pod["spec"]["containers"][0];
    assert_eq!(main["image"], "i");
    let env = |name: &str| {
        let all = main["env"].as_array().unwrap();
        all.iter().find(|e| e["name"] == name).map(|e| e["value"].clone())
    };
    assert_eq!((env("E"), env("F")), (Some(json!("own")), Some(json!("default"))));
}

#[test]
fn the_workflow_over_its_template_over_the_defaults() {
    let template = "
kind: WorkflowTemplate
metadata: {name: t}
spec:
  entrypoint: of-template
  serviceAccountName: of-template
  priority: 5
  arguments: {parameters: [{name: a, value: template}, {name: b, value: template}]}
  templates:
  - name: of-template
    container: {image: i, command: [c], args: ['{{workflow.parameters.a}} {{workflow.parameters.b}} {{workflow.parameters.c}} {{workflow.serviceAccountName}} {{workflow.priority}}']}";
    let defaults = json!({
        "serviceAccountName": "of-defaults", "priority": 1, "parallelism": 7,
        "arguments": {"parameters": [{"name": "a", "value": "defaults"}, {"name": "c", "value": "defaults"}]},
    });
    let config = Config {
        workflow_defaults: serde_json::from_value(defaults).unwrap(),
        ..Config::default()
    };
    let mut world = start_with(
        "\n  workflowTemplateRef: {name: t}\n  entrypoint: of-template\n  priority: 9\n  arguments: {parameters: [{name: a, value: workflow}]}",
        template,
        config,
    );
    world.run();
    assert_eq!(
        args(&world, "wf"),
        json!(["workflow template defaults of-template 9"])
    );
    let stored = &world.workflow["status"]["storedWorkflowTemplateSpec"];
    assert_eq!(
        (&stored["parallelism"], &stored["priority"]),
        (&json!(7), &json!(9))
    );
    assert_eq!(
        world.workflow["metadata"]["labels"]["workflows.argoproj.io/workflow-template"],
        "t"
    );
}

#[test]
fn templates_of_other_objects_are_kept_as_they_were_called() {
    let others = "
kind: ClusterWorkflowTemplate
metadata: {name: shared}
spec:
  templates:
  - name: outer
    steps: [[{name: inner, template: inner}]]
  - name: inner
    container: {image: i, command: [c]}";
    let mut world = start_with(
        "
  templates:
  - name: main
    steps: [[{name: a, templateRef: {name: shared, template: outer, clusterScope: true}}], [{name: b, inline: {container: {image: i, command: [c]}}}]]",
        others,
        Config::default(),
    );
    world.run();
    expect(
        &world,
        "workflow: Succeeded\nwf[0].a[0].inner: Succeeded\nwf[1].b: Succeeded",
    );
    assert_eq!(
        node(&world, "wf[0].a[0].inner")["templateScope"],
        "cluster/shared"
    );
    let stored = world.workflow["status"]["storedTemplates"].as_object().unwrap();
    assert!(stored.contains_key("cluster/shared/outer"), "{:?}", stored.keys());
}

#[test]
fn container_sets() {
    let world = run("
  templates:
  - name: main
    containerSet:
      volumeMounts: [{name: shared, mountPath: /s}]
      containers:
      - {name: a, image: i, command: [c]}
      - {name: bad, image: i, command: [c], dependencies: [a]}
      - {name: main, image: i, command: [c], dependencies: [a]}
    volumes: [{name: shared, emptyDir: {}}]");
    expect(
        &world,
        "
        workflow: Failed: bad: Error (exit code 1)
        wf.a: Succeeded
        wf.bad: Failed: bad: Error (exit code 1): $
        wf.main: Succeeded",
    );
    assert_eq!(node(&world, "wf.bad")["boundaryID"], "wf");
    let pod = world.pods.values().next().unwrap();
    for container in pod["spec"]["containers"].as_array().unwrap() {
        let mounts = container["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|m| m["mountPath"] == "/s"), "{container}");
    }
}

/// Which containers the executor of a set's main one waits for before it collects an output at `path`.
fn gathered(path: &str) -> Value {
    let world = run(&format!(
        "
  templates:
  - name: main
    containerSet:
      volumeMounts: [{{name: shared, mountPath: /s}}]
      containers:
      - {{name: main, image: i, command: [c]}}
      - {{name: b, image: i, command: [c]}}
    outputs: {{artifacts: [{{name: o, path: {path}}}]}}
    volumes: [{{name: shared, emptyDir: {{}}}}]"
    ));
    let pod = world.pods.values().next().unwrap();
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let orders = env.iter().find(|v| v["name"] == argo::exec::ORDERS_ENV).unwrap();
    let orders: Value = serde_json::from_str(orders["value"].as_str().unwrap()).unwrap();
    orders["peers"]["gather"].clone()
}

#[test]
fn outputs_on_a_sets_volume_are_collected_once_all_its_containers_have_ended() {
    assert_eq!(gathered("/s/out"), json!(["b"]));
    assert_eq!(gathered("/share/out"), Value::Null);
}

#[test]
fn a_template_may_name_the_nodes_that_run_it() {
    let world = run("
  templates:
  - name: main
    steps: [[{name: a, template: named, withItems: [x]}]]
  - name: named
    annotations: {workflows.argoproj.io/display-name: 'the-{{workflow.name}}'}
    container: {image: i, command: [c]}");
    assert_eq!(node(&world, "wf[0].a(0:x)")["displayName"], "the-wf");
}

#[test]
fn labels_of_the_workflow() {
    let world = run("
  arguments: {parameters: [{name: who, value: me}]}
  workflowMetadata:
    labels: {fixed: yes-it-is}
    annotations: {note: '{{workflow.name}}'}
    labelsFrom: {computed: {expression: workflow.parameters.who}}
  templates:
  - name: main
    container: {image: i, command: [c], args: ['{{workflow.labels.computed}}']}");
    let labels = &world.workflow["metadata"]["labels"];
    assert_eq!(
        (&labels["fixed"], &labels["computed"]),
        (&json!("yes-it-is"), &json!("me"))
    );
    assert_eq!(args(&world, "wf"), json!(["me"]));
    let world = run("
  workflowMetadata: {labelsFrom: {n: {expression: '1'}}}
  templates:
  - name: main
    container: {image: i, command: [c]}");
    expect(
        &world,
        "workflow: Error: failed to evaluate label \"n\" expression \"1\" evaluted to int but must be a string",
    );
}
