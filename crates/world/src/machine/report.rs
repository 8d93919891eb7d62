//! What a virtual machine tells the API: that it is there, what its pods do, and how they ended.

use std::time::Duration;

use argo::exec::{Orders, REPORT_COMPLETED_LABEL, WORKFLOW_LABEL};
use controller::Failure;
use controller::backoff::Backoff;
use controller::projections::{NODES, PODS, TASK_RESULTS};
use controller::write::{Verb, Write};
use meta::{ObjectKey, Timestamp};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Machine, Process, UNKNOWN};
use crate::clock::millis;

impl Machine {
    /// Makes the Node.
    pub(super) async fn register(&self) {
        let key = ObjectKey::new("", &self.name);
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self.name, "labels": {"kubernetes.io/hostname": self.name}},
            "spec": {},
        });
        self.until_done(&Write::create(NODES, key.clone(), node)).await;
        let amounts = json!({"cpu": self.cpus.to_string(), "memory": "64Gi", "pods": "110"});
        let status = json!({"status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        }});
        self.until_done(&Write::merge(NODES, key, status).on("status"))
            .await;
    }

    /// Follows a process to its end, and tells the API of it.
    pub(super) async fn accompany(self, uid: String) {
        let Some(process) = self.processes.get(&uid) else {
            return;
        };
        if process.ends > self.context.host.now() {
            self.patch(&process, &uid, running(&process)).await;
        }
        self.until_ended(&uid).await;
        let Some(process) = self.processes.get(&uid) else {
            return;
        };
        self.ledger.ended(&uid, process.outcome.exit);
        let now = millis(self.context.host.now());
        self.log.line(
            now,
            &format!(
                "{} ended {} with {}",
                self.name, process.key.name, process.outcome.exit
            ),
        );
        if let Some(orders) = process.orders.as_ref().filter(|_| process.natural) {
            let result = task_result(orders, &process);
            self.until_done(&Write::create(TASK_RESULTS, result.0, result.1))
                .await;
        }
        self.patch(&process, &uid, ended(&process)).await;
        if let Some(process) = self.processes.lock().get_mut(&uid) {
            process.reported = true;
        }
        let pods = self.context.informers.get::<super::WholePod>();
        if pods.get(&process.key).is_some_and(|pod| pod.metadata.deleting) {
            self.remove(process.key, uid).await;
        }
    }

    async fn until_ended(&self, uid: &str) {
        loop {
            let interrupted = self.interrupted.notified();
            let Some(process) = self.processes.get(uid) else {
                return;
            };
            let left = process.ends.duration_since(self.context.host.now());
            let Ok(left) = Duration::try_from(left) else {
                return;
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = interrupted => {}
                () = tokio::time::sleep_until(Instant::now() + left) => {}
            }
        }
    }

    /// Takes the pod's object away, as kubelet does once nothing of the pod is left.
    pub(super) async fn remove(self, key: ObjectKey, uid: String) {
        let mut write = Write::delete(PODS, key, &uid);
        if let Verb::Delete(options) = &mut write.verb {
            options["gracePeriodSeconds"] = 0.into();
        }
        self.until_done(&write).await;
    }

    async fn patch(&self, process: &Process, uid: &str, status: Value) {
        let write = Write::merge(PODS, process.key.clone(), json!({"status": status}));
        self.until_done(&write.on("status").only(uid, None)).await;
    }

    /// Writes until the API has it, or has what it is about no more.
    async fn until_done(&self, write: &Write) {
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

fn containers(process: &Process, state: impl Fn() -> Value, ready: bool) -> Value {
    let containers = process.pod["spec"]["containers"].as_array();
    let status = |container: &Value| {
        json!({"name": container["name"], "image": container["image"], "imageID": "", "ready": ready,
               "restartCount": 0, "state": state()})
    };
    containers.into_iter().flatten().map(status).collect()
}

fn running(process: &Process) -> Value {
    let since = meta::time::seconds(process.started);
    json!({
        "phase": "Running",
        "startTime": since,
        "containerStatuses": containers(process, || json!({"running": {"startedAt": since}}), true),
    })
}

fn ended(process: &Process) -> Value {
    let exit = process.outcome.exit;
    let reason = match exit {
        0 => "Completed",
        UNKNOWN => "ContainerStatusUnknown",
        _ => "Error",
    };
    let time = |time: Timestamp| meta::time::seconds(time);
    let terminated = json!({"terminated": {"exitCode": exit, "reason": reason,
        "startedAt": time(process.started), "finishedAt": time(process.ends)}});
    json!({
        "phase": if exit == 0 { "Succeeded" } else { "Failed" },
        "startTime": time(process.started),
        "containerStatuses": containers(process, || terminated.clone(), false),
    })
}

/// What `plimsoll exec` would report.
fn task_result(orders: &Orders, process: &Process) -> (ObjectKey, Value) {
    let value = |name: &str| process.outcome.parameters.get(name);
    let parameters: Vec<Value> = orders
        .output_parameters
        .iter()
        .filter_map(|parameter| Some(json!({"name": parameter.name, "value": value(&parameter.name)?})))
        .collect();
    let mut outputs = json!({"exitCode": process.outcome.exit.to_string()});
    if !parameters.is_empty() {
        outputs["parameters"] = parameters.into();
    }
    if orders.include_result {
        outputs["result"] = process.outcome.result.clone().into();
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
