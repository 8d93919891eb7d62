//! The reports of `plimsoll exec`, for pods of fake nodes: each gives every output parameter that is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use argo::exec::{Orders, REPORT_COMPLETED_LABEL, WORKFLOW_LABEL};
use futures::TryStreamExt as _;
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::api::{DynamicObject, PostParams};
use kinds::kube::runtime::{WatchStreamExt as _, watcher};
use kinds::kube::{Api, Error};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

/// How long after a failure a report is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Reports for every one of these pods that has orders to, until dropped.
pub(crate) fn of_all_pods(pods: Api<Pod>, results: Api<DynamicObject>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut seen = BTreeSet::new();
        let mut events = Box::pin(watcher(pods, watcher::Config::default()).default_backoff());
        loop {
            // What cannot be had now is listed again.
            if let Ok(Some(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod))) =
                events.try_next().await
                && let Some(orders) = orders(&pod)
                && seen.insert(pod.metadata.uid)
            {
                report(&results, &orders).await;
            }
        }
    }))
}

fn orders(pod: &Pod) -> Option<Orders> {
    let env = pod.spec.as_ref()?.containers.first()?.env.as_ref()?;
    let look_up = |name: &str| env.iter().find(|variable| variable.name == name)?.value.clone();
    Orders::from_env(look_up)?.ok()
}

async fn report(results: &Api<DynamicObject>, orders: &Orders) {
    let outputs: Vec<_> = orders
        .output_parameters
        .iter()
        .map(|parameter| json!({"name": parameter.name, "value": format!("of {}", orders.node_id)}))
        .collect();
    let result = json!({
        "apiVersion": argo::API_VERSION, "kind": "WorkflowTaskResult",
        "metadata": {
            "name": orders.node_id,
            "labels": {WORKFLOW_LABEL: orders.workflow, REPORT_COMPLETED_LABEL: "true"},
        },
        "outputs": {"parameters": outputs},
    });
    let result: DynamicObject = serde_json::from_value(result).expect("an object");
    loop {
        match results.create(&PostParams::default(), &result).await {
            Ok(_) => return,
            Err(Error::Api(status)) if status.code == 409 => return,
            // The API server may be away; the executor tries for ten minutes.
            Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
        }
    }
}
