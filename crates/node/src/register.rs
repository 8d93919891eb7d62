//! The Node object and its Lease: what the node offers, and that it is there.

use std::collections::BTreeMap;
use std::time::Duration;

use kinds::k8s::api::coordination::v1::Lease;
use kinds::k8s::api::core::v1::Node;
use kinds::kube::api::{Patch, PatchParams, PostParams};
use kinds::kube::{Api, Client, Error};
use meta::{Timestamp, time};
use serde_json::{Map, Value, json};
use spawner::protocol::Abilities;

use crate::config::{Capacity, NodeConfig};
use crate::gpus::Gpus;

/// kubelet's intervals: of the Lease, and of a status that did not change.
const LEASE_EVERY: Duration = Duration::from_secs(10);
const STATUS_EVERY: u32 = 30;
/// Seconds until others may hold the node for lost.
const LEASE_SECONDS: i32 = 40;
/// The label of nodes that stand for machines which are not there.
pub const SIMULATED: &str = "plimsoll.dev/simulated";
const LEASES: &str = "kube-node-lease";
/// kubelet's default of pods a node runs at once.
const PODS: i64 = 110;

/// Capacity with nothing left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Thousandths of a processor.
    pub(crate) cpu_millis: i64,
    /// Bytes.
    pub(crate) memory: i64,
    /// Pods at once.
    pub(crate) pods: i64,
}

impl Offer {
    /// What is configured, or what this machine has.
    pub(crate) fn new(capacity: Capacity) -> Self {
        let processors = || std::thread::available_parallelism().map_or(1, |count| count.get() as i64);
        Self {
            cpu_millis: capacity.cpu_millis.unwrap_or_else(|| processors() * 1000),
            memory: capacity.memory.unwrap_or_else(memory),
            pods: capacity.pods.unwrap_or(PODS),
        }
    }
}

/// The machine's memory in bytes.
fn memory() -> i64 {
    let info = rustix::system::sysinfo();
    i64::try_from(info.totalram as u64 * u64::from(info.mem_unit)).unwrap_or(i64::MAX)
}

/// Tells the API server about the node, once and then regularly.
#[derive(Clone)]
pub(crate) struct Registrar {
    /// The API server.
    pub(crate) client: Client,
    /// The node's configuration.
    pub(crate) config: NodeConfig,
    /// What the spawner can do here.
    pub(crate) abilities: Abilities,
    /// What the node offers.
    pub(crate) offer: Offer,
    /// The kernel's identifier of this boot.
    pub(crate) boot: String,
}

impl Registrar {
    /// Creates or updates the Node object.
    pub(crate) async fn register(&self) -> Result<(), Error> {
        let nodes = Api::<Node>::all(self.client.clone());
        let meta = json!({"name": self.config.name, "labels": self.labels()});
        let node = serde_json::from_value(json!({"metadata": meta})).map_err(Error::SerdeError)?;
        match nodes.create(&PostParams::default(), &node).await {
            Err(Error::Api(answer)) if answer.code == 409 => {
                let labels = json!({"metadata": {"labels": self.labels()}});
                nodes
                    .patch(&self.config.name, &PatchParams::default(), &Patch::Merge(&labels))
                    .await?;
            }
            result => drop(result?),
        }
        self.write_status().await
    }

    async fn write_status(&self) -> Result<(), Error> {
        let status = json!({"status": self.status(self.config.host.now())});
        let nodes = Api::<Node>::all(self.client.clone());
        nodes
            .patch_status(&self.config.name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .map(drop)
    }

    /// Renews the Lease for ever.
    pub(crate) async fn keep_alive(self) {
        let mut ticks = tokio::time::interval(LEASE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for round in 1_u32.. {
            ticks.tick().await;
            let mut result = self.renew().await;
            if round % STATUS_EVERY == 0 {
                result = result.and(self.write_status().await);
            }
            if let Err(error) = result {
                tracing::warn!(%error, "the node's lease was not renewed");
            }
        }
    }

    async fn renew(&self) -> Result<(), Error> {
        let leases = Api::<Lease>::namespaced(self.client.clone(), LEASES);
        let now = time::micros(self.config.host.now());
        let renewal = json!({"spec": {"renewTime": now}});
        match leases
            .patch(
                &self.config.name,
                &PatchParams::default(),
                &Patch::Merge(&renewal),
            )
            .await
        {
            Err(Error::Api(answer)) if answer.code == 404 => {}
            result => return result.map(drop),
        }
        let lease = serde_json::from_value(json!({
            "metadata": {"name": self.config.name},
            "spec": {"holderIdentity": self.config.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now},
        }));
        let lease = lease.map_err(Error::SerdeError)?;
        leases.create(&PostParams::default(), &lease).await.map(drop)
    }

    fn labels(&self) -> BTreeMap<&'static str, String> {
        let yes = |value: bool| value.to_string();
        let mut labels = BTreeMap::from([
            ("kubernetes.io/hostname", self.config.name.clone()),
            ("kubernetes.io/os", "linux".to_owned()),
            ("kubernetes.io/arch", architecture().to_owned()),
            ("plimsoll.dev/runtime", "process".to_owned()),
            (
                "plimsoll.dev/sandbox",
                yes(self.abilities.sandbox && self.config.sandbox),
            ),
            ("plimsoll.dev/volume-mounts", yes(self.abilities.sandbox)),
            (
                "plimsoll.dev/process-ids",
                yes(self.abilities.process_ids && self.config.sandbox),
            ),
            ("plimsoll.dev/other-users", yes(self.abilities.other_users)),
            ("plimsoll.dev/memory-limits", yes(self.abilities.memory_shares)),
            ("plimsoll.dev/cpu-limits", yes(self.abilities.cpu_shares)),
        ]);
        if self.config.simulated {
            labels.insert(SIMULATED, yes(true));
        }
        labels.extend(self.config.gpus.iter().flat_map(Gpus::labels));
        labels
    }

    fn status(&self, now: Timestamp) -> Value {
        let system = rustix::system::uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        let resources = self.resources();
        json!({
            "capacity": resources,
            "allocatable": resources,
            "conditions": conditions(now),
            "addresses": [
                {"type": "InternalIP", "address": self.config.address},
                {"type": "Hostname", "address": self.config.name},
            ],
            "nodeInfo": {
                "architecture": architecture(),
                "bootID": self.boot,
                "machineID": "",
                "systemUUID": "",
                "kernelVersion": text(system.release()),
                "osImage": text(system.sysname()),
                "operatingSystem": "linux",
                "containerRuntimeVersion": concat!("process://", env!("CARGO_PKG_VERSION")),
                "kubeletVersion": concat!("v1.35.0+plimsoll.", env!("CARGO_PKG_VERSION")),
                "kubeProxyVersion": "",
            },
        })
    }
}

impl Registrar {
    fn resources(&self) -> Map<String, Value> {
        let amounts = [
            ("cpu", meta::Quantity::millis(self.offer.cpu_millis).to_string()),
            ("memory", self.offer.memory.to_string()),
            ("pods", self.offer.pods.to_string()),
        ];
        let amounts = amounts.map(|(name, amount)| (name.to_owned(), json!(amount)));
        let mut resources = Map::from_iter(amounts);
        if let Some(gpus) = &self.config.gpus {
            gpus.offer(&mut resources);
        }
        resources
    }
}

fn conditions(now: Timestamp) -> Vec<Value> {
    let now = time::seconds(now);
    let all = [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        (
            "Ready",
            "True",
            "KubeletReady",
            "the node runs pods as processes of this machine",
        ),
    ];
    let condition = |(kind, status, reason, message): &(&str, &str, &str, &str)| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    all.iter().map(condition).collect()
}

/// The machine's architecture as Go names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
