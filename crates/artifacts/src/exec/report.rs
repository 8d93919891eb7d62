//! The one object an executor writes: a WorkflowTaskResult named after its node.

use std::time::Duration;

use argo::exec::{Orders, REPORT_COMPLETED_LABEL, WORKFLOW_LABEL};
use argo::{API_VERSION, GROUP, NodeResult, VERSION};
use http::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Failure;
use super::api::{Answer, Api, JSON, MERGE_PATCH, Request};

/// The first pause between tries; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a server on the network is tried for: Argo counts a result as lost after ten minutes.
const PATIENCE: Duration = Duration::from_secs(600);

/// Writes the result, until the server has it. A result that exists, from an attempt of this same pod that
/// did not live to see the answer, is brought up to date.
pub(super) async fn send(api: &Api, orders: &Orders, result: &NodeResult) -> Result<(), Failure> {
    let object = task_result(orders, result);
    let began = Instant::now();
    let collection = format!(
        "/apis/{GROUP}/{VERSION}/namespaces/{}/workflowtaskresults",
        orders.namespace
    );
    let own = format!("{collection}/{}", orders.node_id);
    let mut request = Request::write(Method::POST, collection, JSON, &object);
    let mut pause = FIRST_PAUSE;
    loop {
        let problem = match api.send(&request).await {
            Answer::Done => return Ok(()),
            Answer::Exists => {
                request = Request::write(Method::PATCH, own.clone(), MERGE_PATCH, &object);
                continue;
            }
            Answer::Refused(problem) => return Err(Failure(format!("failed to report outputs: {problem}"))),
            Answer::Later(problem) => problem,
        };
        if !api.is_worth_waiting_for() || (api.is_remote() && began.elapsed() > PATIENCE) {
            return Err(Failure(format!("failed to report outputs: {problem}")));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn task_result(orders: &Orders, result: &NodeResult) -> Value {
    let mut object = json!({
        "apiVersion": API_VERSION,
        "kind": "WorkflowTaskResult",
        "metadata": {
            "name": orders.node_id,
            "namespace": orders.namespace,
            "labels": { WORKFLOW_LABEL: orders.workflow, REPORT_COMPLETED_LABEL: "true" },
            "ownerReferences": [{
                "apiVersion": API_VERSION,
                "kind": "Workflow",
                "name": orders.workflow,
                "uid": orders.workflow_uid,
            }],
        },
    });
    if let (Some(object), Ok(Value::Object(result))) = (object.as_object_mut(), serde_json::to_value(result))
    {
        object.extend(result);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_argos() {
        let orders = Orders {
            workflow: "wf".into(),
            workflow_uid: "u".into(),
            namespace: "ns".into(),
            node_id: "wf-1".into(),
            ..Orders::default()
        };
        let outputs = argo::Outputs {
            result: Some("42".into()),
            ..Default::default()
        };
        let object = task_result(
            &orders,
            &NodeResult {
                outputs: Some(outputs),
                ..NodeResult::default()
            },
        );
        let expected = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "WorkflowTaskResult",
            "metadata": {
                "name": "wf-1",
                "namespace": "ns",
                "labels": {
                    "workflows.argoproj.io/workflow": "wf",
                    "workflows.argoproj.io/report-outputs-completed": "true",
                },
                "ownerReferences": [{
                    "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "wf", "uid": "u",
                }],
            },
            "outputs": { "result": "42" },
        });
        assert_eq!(object, expected);
    }
}
