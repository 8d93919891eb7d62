//! Workflows run again and pauses ended by hand, and templates that only the server has.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use cli::Exit;
use common::{Bench, Outcome};
use kinds::kube::Api;
use kinds::kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};

async fn create(bench: &Bench, kind: (&str, &str), object: Value) {
    let (group, version) = kind.0.split_once('/').unwrap_or(("", kind.0));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind.1));
    let api: Api<DynamicObject> = Api::default_namespaced_with(bench.client.clone(), &resource);
    let mut object = object;
    object["apiVersion"] = kind.0.into();
    object["kind"] = kind.1.into();
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

const WORKFLOW: (&str, &str) = ("argoproj.io/v1alpha1", "Workflow");

/// A workflow of one step that failed, and its pod.
async fn failed() -> Bench {
    let bench = Bench::new().await;
    let root = json!({"id": "wf", "name": "wf", "displayName": "wf", "type": "Steps", "phase": "Failed",
        "templateName": "main", "children": ["wf-1"], "outboundNodes": ["wf-2"]});
    let group = json!({"id": "wf-1", "name": "wf[0]", "displayName": "[0]", "type": "StepGroup", "phase": "Failed",
        "boundaryID": "wf", "children": ["wf-2"]});
    let pod = json!({"id": "wf-2", "name": "wf[0].a", "displayName": "a", "type": "Pod", "phase": "Failed",
        "boundaryID": "wf", "templateName": "work"});
    let object = json!({
        "metadata": {"name": "wf", "labels": {"workflows.argoproj.io/completed": "true"}},
        "spec": {"entrypoint": "main", "shutdown": "Stop", "templates": []},
        "status": {"phase": "Failed", "message": "m", "finishedAt": "2026-11-24T05:59:40Z",
                   "nodes": {"wf": root, "wf-1": group, "wf-2": pod}},
    });
    create(&bench, WORKFLOW, object).await;
    let container = json!({"name": "main", "image": "i"});
    let name = format!("wf-work-{}", meta::hash::fnv1a_32(b"wf[0].a"));
    create(
        &bench,
        ("v1", "Pod"),
        json!({"metadata": {"name": name}, "spec": {"containers": [container]}}),
    )
    .await;
    bench
}

async fn run(bench: &Bench, line: &str, exit: Exit, expected: &str) {
    let Outcome {
        exit: found,
        stdout,
        stderr,
    } = bench.run(line).await;
    assert_eq!(format!("{stdout}{stderr}"), expected, "{line}");
    assert_eq!(found, exit, "{line}");
}

#[tokio::test]
async fn a_retry_takes_the_workflow_back_and_its_failed_pods_away() {
    let bench = failed().await;
    run(&bench, "retry wf -o name", Exit::Success, "wf\n").await;
    let retried = bench.workflows().get("wf").await.unwrap();
    let (spec, status) = (&retried.data["spec"], &retried.data["status"]);
    assert_eq!(spec.get("shutdown"), None);
    assert_eq!(
        [
            status.get("phase"),
            status.get("message"),
            status.get("finishedAt")
        ],
        [None; 3]
    );
    let names: Vec<&String> = status["nodes"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["wf", "wf-1"]);
    assert_eq!(status["nodes"]["wf-1"]["phase"], "Running");
    assert_eq!(status["nodes"]["wf-1"].get("children"), None);
    assert_eq!(bench.count("v1", "Pod").await, 0);
    let refused = "error: workflow wf: Cannot retry a workflow in phase \n";
    run(&bench, "retry wf", Exit::Failed, refused).await;
}

#[tokio::test]
async fn a_resubmission_is_a_workflow_of_its_own() {
    let bench = failed().await;
    let Outcome { exit, stdout, .. } = bench.run("resubmit wf -o json --priority 3").await;
    assert_eq!(exit, Exit::Success);
    let new: Value = serde_json::from_str(&stdout).unwrap();
    assert!(new["metadata"]["name"].as_str().unwrap().starts_with("wf-"));
    assert_eq!(new["spec"], json!({"entrypoint": "main", "priority": 3}));
    assert_eq!(new.get("status"), None);
    let Outcome { stdout, .. } = bench.run("resubmit --memoized wf -o json").await;
    let new: Value = serde_json::from_str(&stdout).unwrap();
    let name = new["metadata"]["name"].as_str().unwrap();
    assert_eq!(new["status"]["nodes"][name]["phase"], "Pending");
}

#[tokio::test]
async fn pauses_are_chosen_by_their_fields() {
    let bench = Bench::new().await;
    let pause = |name: &str| {
        json!({"id": name, "name": name, "displayName": name, "type": "Suspend", "phase": "Running",
               "outputs": {"parameters": [{"name": "answer", "valueFrom": {"supplied": {}}}]}})
    };
    let nodes = json!({"a": pause("a"), "b": pause("b"), "c": pause("c")});
    let status = json!({"phase": "Running", "nodes": nodes});
    create(
        &bench,
        WORKFLOW,
        json!({"metadata": {"name": "wf"}, "spec": {}, "status": status}),
    )
    .await;
    let set = "node set wf --node-field-selector displayName=a -p answer=yes --message ok";
    run(&bench, set, Exit::Success, "workflow wf values set\n").await;
    run(&bench, set, Exit::Failed, "error: workflow wf: cannot set output parameter 'answer' because it does not use valueFrom.raw or it was already set\n").await;
    run(
        &bench,
        "resume wf --node-field-selector id=a",
        Exit::Success,
        "workflow wf resumed\n",
    )
    .await;
    let stop = "stop wf --node-field-selector id=b --message no";
    run(&bench, stop, Exit::Success, "workflow wf stopped\n").await;
    let workflow = bench.workflows().get("wf").await.unwrap();
    let node = |id: &str, field: &str| workflow.data["status"]["nodes"][id][field].clone();
    assert_eq!(
        (node("a", "phase"), node("a", "message")),
        (json!("Succeeded"), json!("ok"))
    );
    assert_eq!(
        node("a", "outputs")["parameters"],
        json!([{"name": "answer", "value": "yes"}])
    );
    assert_eq!(
        (node("b", "phase"), node("b", "message")),
        (json!("Failed"), json!("no"))
    );
    assert_eq!(node("c", "phase"), "Running");
    let nobody = "error: workflow wf: raw output parameter 'answer' has not been set and does not have a default value\n";
    run(&bench, "resume wf", Exit::Failed, nobody).await;
}

#[tokio::test]
async fn templates_that_only_the_server_has_are_looked_up() {
    let bench = Bench::new().await;
    let manifest = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {name: w}\nspec: {workflowTemplateRef: {name: there}}\n";
    bench.file("w.yaml", manifest);
    let found = bench.run("lint DIR/w.yaml").await;
    assert_eq!(found.exit, Exit::Usage);
    assert!(found.stderr.contains("`there`"), "{}", found.stderr);
    let container = json!({"image": "i", "command": ["c"]});
    let spec = json!({"entrypoint": "main", "templates": [{"name": "main", "container": container}]});
    let kind = ("argoproj.io/v1alpha1", "WorkflowTemplate");
    create(&bench, kind, json!({"metadata": {"name": "there"}, "spec": spec})).await;
    run(&bench, "lint DIR/w.yaml", Exit::Success, "no problems found\n").await;
    assert_eq!(bench.run("lint --offline DIR/w.yaml").await.exit, Exit::Usage);
}
