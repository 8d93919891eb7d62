//! Nodes that do not exist: Node objects of ours, and kwok, which plays kubelet for them.
//!
//! They are tainted, so that only pods that ask for them go there; `tests/rig/kwok/stages.yaml` tells how pods end.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::control_plane::flags;
use super::folder::Folder;
use super::kubectl::Kubectl;
use super::process;
use crate::go::KWOK;

/// The name of kwok's process.
pub(crate) const PROGRAM: &str = "kwok";
/// How long a thousand nodes may take to be ready on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// The label, and the taint, of a fake node.
const MARK: &str = "rig.plimsoll.dev/fake";

/// Which nodes there are to be.
#[derive(Args, Clone, Copy)]
pub(crate) struct FakeNodes {
    /// Nodes that do not exist, whose pods end as their annotations tell.
    #[arg(long, value_name = "N", default_value_t = 0)]
    nodes: u32,
    /// GPUs of each of them.
    #[arg(long, value_name = "N", default_value_t = 0)]
    gpus: u32,
}

impl FakeNodes {
    /// Registers them, and waits until all are ready.
    pub(crate) fn up(self, folder: &Folder, kubectl: &Kubectl) -> Result<()> {
        if self.nodes == 0 {
            return Ok(());
        }
        start(folder)?;
        let objects: Vec<Value> = (0..self.nodes).map(|index| node(index, self.gpus)).collect();
        kubectl.apply(&objects).context("cannot register the nodes")?;
        let (selector, wanted) = (format!("{MARK}=true"), objects.len());
        let ready = || kubectl.nodes(&selector).is_ok_and(|nodes| nodes.ready >= wanted);
        process::wait_until(folder, PROGRAM, READY_WITHIN, ready)
    }
}

fn node(index: u32, gpus: u32) -> Value {
    let name = format!("fake-{index:05}");
    let mut capacity = json!({"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"});
    if gpus > 0 {
        capacity["nvidia.com/gpu"] = gpus.to_string().into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                MARK: "true",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            },
        },
        "spec": {"taints": [{"key": MARK, "value": "true", "effect": "NoSchedule"}]},
        "status": {"capacity": capacity, "allocatable": capacity},
    })
}

fn start(folder: &Folder) -> Result<()> {
    let stages = crate::workspace_root().join("tests/rig/kwok/stages.yaml");
    let kubeconfig = folder.kubeconfig("admin");
    let arguments = flags(&[
        ("config", &stages.display().to_string()),
        ("kubeconfig", &kubeconfig.display().to_string()),
        ("manage-nodes-with-annotation-selector", "kwok.x-k8s.io/node=fake"),
        ("node-lease-duration-seconds", "40"),
    ]);
    process::start(folder, PROGRAM, Command::new(KWOK.one(PROGRAM)?).args(arguments))
}
