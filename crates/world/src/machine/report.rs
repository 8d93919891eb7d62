//! What a virtual machine tells the API: that it is there, what its pods do, and how they ended.

use argo::exec::{Orders, REPORT_COMPLETED_LABEL, WORKFLOW_LABEL};
use controller::Failure;
use controller::backoff::Backoff;
use controller::projections::{NODES, PODS};
use controller::write::{Verb, Write};
use meta::{ObjectKey, Quantity, Timestamp};
use serde_json::{Value, json};

use super::Machine;
use super::process::{Process, Stage};
use crate::broken::Broken;
use crate::ledger::End;
use crate::program::Ending;

impl Machine {
    /// Makes the Node.
    pub(super) async fn register(&self) {
        let name = &self.spec.name;
        let key = ObjectKey::new("", name);
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {},
        });
        self.until_done(&Write::create(NODES, key.clone(), node)).await;
        let amounts = self.amounts();
        let status = json!({"status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }});
        self.until_done(&Write::merge(NODES, key, status).on("status"))
            .await;
    }

    fn amounts(&self) -> Value {
        let twice = self.broken == Broken::OffersTooMuch;
        let amount = |text: &String| {
            let amount = text.parse().unwrap_or(Quantity::ZERO);
            let amount = if twice { amount + amount } else { amount };
            amount.to_string()
        };
        let offers = self.spec.offers.iter();
        offers
            .map(|(name, text)| (name.clone(), Value::from(amount(text))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Takes the pod's object away, as kubelet does once nothing of the pod is left.
    pub(super) async fn remove(self, key: ObjectKey, uid: String) {
        let mut write = Write::delete(PODS, key, &uid);
        if let Verb::Delete(options) = &mut write.verb {
            options["gracePeriodSeconds"] = 0.into();
        }
        self.until_done(&write).await;
    }

    pub(super) async fn patch(&self, process: &Process, uid: &str, status: Value) {
        let write = Write::merge(PODS, process.key.clone(), json!({"status": status}));
        self.until_done(&write.on("status").only(uid, None)).await;
    }

    /// Writes until the API has it, or has what it is about no more.
    pub(super) async fn until_done(&self, write: &Write) {
        let mut backoff = Backoff::default();
        while let Err(failure) = self.context.executor.write(write).await {
            match failure {
                // Of a patch: an injected conflict, or the uid of another pod, which the next try tells.
                Failure::Conflict(_) if backoff.failures() < 20 => {}
                Failure::Unavailable(_) => {}
                _ => return,
            }
            tokio::time::sleep(backoff.wait()).await;
        }
    }
}

fn containers(process: &Process, state: &Value, ready: bool) -> Value {
    let containers = process.pod["spec"]["containers"].as_array();
    let status = |container: &Value| {
        json!({"name": container["name"], "image": container["image"], "imageID": "", "ready": ready,
               "restartCount": 0, "state": state})
    };
    containers.into_iter().flatten().map(status).collect()
}

pub(super) fn pulling(process: &Process) -> Value {
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}});
    json!({
        "phase": "Pending",
        "startTime": meta::time::seconds(process.accepted),
        "containerStatuses": containers(process, &waiting, false),
    })
}

pub(super) fn running(process: &Process) -> Value {
    let since = match process.stage {
        Stage::Running { since, .. } | Stage::Ended { since, .. } => since,
        Stage::Accepted => process.accepted,
    };
    let since = meta::time::seconds(since);
    json!({
        "phase": "Running",
        "startTime": since,
        "containerStatuses": containers(process, &json!({"running": {"startedAt": since}}), true),
    })
}

/// The status of a pod whose process has ended; `well` makes that up.
pub(super) fn ended(process: &Process, well: bool) -> Value {
    let Stage::Ended { since, at, how } = process.stage else {
        return json!({});
    };
    if process.course.ending == Ending::Evicted && matches!(how, End::Natural(_)) && !well {
        return json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory.",
            "startTime": meta::time::seconds(process.accepted), "containerStatuses": []});
    }
    let code = if well { 0 } else { process.code() };
    let reason = match how {
        _ if code == 0 => "Completed",
        End::Lost => "ContainerStatusUnknown",
        End::Natural(_) if process.course.ending == Ending::OutOfMemory => "OOMKilled",
        _ => "Error",
    };
    let time = |time: Timestamp| meta::time::seconds(time);
    let terminated = json!({"terminated": {"exitCode": code, "reason": reason,
        "startedAt": time(since), "finishedAt": time(at)}});
    json!({
        "phase": if code == 0 { "Succeeded" } else { "Failed" },
        "startTime": time(since),
        "containerStatuses": containers(process, &terminated, false),
    })
}

/// What `plimsoll exec` would report.
pub(super) fn task_result(orders: &Orders, process: &Process) -> (ObjectKey, Value) {
    let value = |name: &str| process.course.parameters.get(name);
    let parameters: Vec<Value> = orders
        .output_parameters
        .iter()
        .filter_map(|parameter| Some(json!({"name": parameter.name, "value": value(&parameter.name)?})))
        .collect();
    let mut outputs = json!({"exitCode": process.code().to_string()});
    if !parameters.is_empty() {
        outputs["parameters"] = parameters.into();
    }
    if orders.include_result {
        outputs["result"] = process.course.result.clone().into();
    }
    let object = json!({
        "apiVersion": argo::API_VERSION,
        "kind": "WorkflowTaskResult",
        "metadata": {
            "namespace": orders.namespace,
            "name": orders.node_id,
            "labels": {WORKFLOW_LABEL: orders.workflow, REPORT_COMPLETED_LABEL: "true"},
            "ownerReferences": [{"apiVersion": argo::API_VERSION, "kind": "Workflow",
                                 "name": orders.workflow, "uid": orders.workflow_uid}],
        },
        "outputs": outputs,
    });
    (ObjectKey::new(&orders.namespace, &orders.node_id), object)
}
