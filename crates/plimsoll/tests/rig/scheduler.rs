//! `plimsoll scheduler` on a real control plane: pods of the trace `openb` on fake nodes get the machines and devices that
//! the simulator gives them, recorded on the pods; and so does a scheduler that starts again.
//!
//! ```text
//!   PLIMSOLL_RIG_WHOLE=1 ...    all 1,213 machines and 10,866 pods, and not a sample of them
//! ```

use std::path::{Path, PathBuf};
use std::time::Instant;

use futures::stream::{self, StreamExt as _};
use kinds::k8s::api::core::v1::{Node, Pod};
use kinds::kube::Api;
use kinds::kube::api::{DeleteParams, ListParams, PostParams};
use meta::devices::Grant;
use replay::openb::{Arrivals, Trace, node_name};
use scheduler::packing::{Fleet, FutureFit, Planner, Ties};
use serde_json::{Value, json};

use crate::cluster::{Cluster, Controller, PATIENCE, eventually};
use crate::rights;

/// Requests at the same time.
const AT_ONCE: usize = 64;
/// Of how many machines one is in the sample, and how many arrivals: a little more than fit.
const EACH: usize = 20;
const ARRIVALS: usize = 600;
const SEED: u64 = 20_260;

/// A pod's name, and where it is: its node and devices.
type Place = (String, Option<(String, Option<String>)>);

#[tokio::test(flavor = "multi_thread")]
async fn it_places_as_the_simulator_does() {
    let Some(trace) = trace() else { return };
    let Some(cluster) = Cluster::new("scheduler").await else {
        return;
    };
    let name = cluster.namespace.clone();
    let (machines, arrivals) = sample(&trace);
    make_nodes(&cluster, &trace, &machines).await;
    let half = arrivals.0.len() / 2;
    let expected = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(expected.path(), history(&trace, &name).to_string()).expect("written");
    let credentials = install(&cluster).await;

    make_pods(&cluster, &trace, &arrivals.0[..half], 0).await;
    let begun = Instant::now();
    let first = start(&cluster, credentials.path(), expected.path());
    until_decided(&cluster, half).await;
    eprintln!("{half} pods in {:?}", begun.elapsed());
    // One that starts again knows from the pods what is taken.
    first.kill();
    make_pods(&cluster, &trace, &arrivals.0[half..], half).await;
    let second = start(&cluster, credentials.path(), expected.path());
    until_decided(&cluster, arrivals.0.len()).await;
    drop(second);

    let simulated = simulated(&trace, &machines, &arrivals);
    let found = places(&cluster).await;
    for (one, other) in simulated.iter().zip(&found) {
        assert_eq!(one, other);
    }
    assert_eq!(simulated.len(), found.len());
    remove(cluster).await;
}

fn trace() -> Option<Trace> {
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/traces/openb"
    ));
    if !folder.exists() {
        eprintln!("SKIPPED: the traces are not at {}", folder.display());
        return None;
    }
    Some(Trace::read(&folder, "default").expect("a trace"))
}

/// Some of the machines and arrivals, or all of them.
fn sample(trace: &Trace) -> (Vec<usize>, Arrivals) {
    let mut arrivals = Arrivals::generate(trace, SEED);
    let all = 0..trace.machines().len();
    if std::env::var_os("PLIMSOLL_RIG_WHOLE").is_some() {
        return (all.collect(), arrivals);
    }
    arrivals.0.truncate(ARRIVALS);
    (all.step_by(EACH).collect(), arrivals)
}

/// What a scheduler expects, as `kubectl get pods -o json` prints it: the pods of the trace.
fn history(trace: &Trace, scheduler: &str) -> Value {
    let pods = (0..trace.pods().len()).filter_map(|pod| trace.manifest(pod, &pod_name(pod), scheduler));
    json!({"apiVersion": "v1", "kind": "List", "items": pods.collect::<Vec<_>>()})
}

fn pod_name(number: usize) -> String {
    format!("openb-pod-{number:05}")
}

fn rank(place: usize) -> u32 {
    u32::try_from(place).expect("few machines")
}

fn simulated(trace: &Trace, machines: &[usize], arrivals: &Arrivals) -> Vec<Place> {
    let mut fleet = Fleet::new(0);
    for machine in machines {
        fleet.add(trace.machines()[*machine], &[]);
    }
    let policy = FutureFit::new(&trace.history(), &fleet);
    let mut planner = Planner::new(fleet, policy, Ties::Ranked(Vec::new()));
    let placements = replay::run(trace, arrivals, &mut planner).placements;
    let place = |(number, placement): (usize, Option<scheduler::packing::Placement>)| {
        let share = trace.pods()[arrivals.0[number]].request.share;
        let place = placement.map(|placement| {
            let numbers = placement
                .devices
                .iter()
                .filter_map(|device| u8::try_from(device).ok());
            let grant = Grant::new(numbers, share).map(|grant| grant.to_string());
            (node_name(rank(placement.machine.index())), grant)
        });
        (pod_name(number), place)
    };
    placements.into_iter().enumerate().map(place).collect()
}

/// Nodes given to the scheduler that is called like the namespace, and kept from others; they run what is bound to them.
async fn make_nodes(cluster: &Cluster, trace: &Trace, machines: &[usize]) {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let given = "plimsoll.dev/scheduler";
    let make = async |(place, machine): (usize, &usize)| {
        let mut node = trace.node(*machine, rank(place)).expect("a machine");
        node["metadata"]["labels"][given] = cluster.namespace.as_str().into();
        node["metadata"]["annotations"] = json!({"kwok.x-k8s.io/node": "fake"});
        let taint = json!({"key": given, "value": cluster.namespace, "effect": "NoSchedule"});
        node["spec"] = json!({"taints": [taint]});
        let node = serde_json::from_value(node).expect("a node");
        nodes.create(&PostParams::default(), &node).await.expect("made");
    };
    stream::iter(machines.iter().enumerate())
        .for_each_concurrent(AT_ONCE, make)
        .await;
    let own = ListParams::default().labels(&format!("{given}={}", cluster.namespace));
    let ready = async || {
        let list = nodes.list(&own).await.expect("a list");
        let settled = |node: &Node| {
            let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
            taints.is_some_and(|taints| taints.len() == 1)
        };
        let is_ready = |node: &Node| {
            let conditions = node
                .status
                .iter()
                .flat_map(|status| status.conditions.iter().flatten());
            conditions
                .into_iter()
                .any(|c| c.type_ == "Ready" && c.status == "True")
        };
        list.items
            .iter()
            .all(|node| settled(node) && is_ready(node))
            .then_some(())
    };
    eventually(ready).await.expect("fake nodes become ready");
}

/// In the order of arrival: one after the other, as who came first goes first.
async fn make_pods(cluster: &Cluster, trace: &Trace, arrivals: &[usize], from: usize) {
    for (number, arrival) in arrivals.iter().enumerate() {
        let manifest = trace.manifest(*arrival, &pod_name(from + number), &cluster.namespace);
        let pod = serde_json::from_value(manifest.expect("a pod")).expect("a pod");
        let made = cluster.pods().create(&PostParams::default(), &pod).await;
        made.expect("made");
    }
}

/// The scheduler's account and rights, and a kubeconfig for it. The process is the test's.
async fn install(cluster: &Cluster) -> tempfile::NamedTempFile {
    cluster.run(&["install", "--yes", "--components", "scheduler", "--replicas", "0"]);
    let account = rights::of_account(
        &cluster.client,
        &cluster.namespace,
        "plimsoll-scheduler",
        cluster.admin(),
    );
    let kubeconfig = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(kubeconfig.path(), account.await.to_string()).expect("written");
    kubeconfig
}

fn start(cluster: &Cluster, kubeconfig: &Path, expected: &Path) -> Controller {
    let expected = expected.display().to_string();
    let arguments = [
        "scheduler",
        "--no-listen",
        "--name",
        &cluster.namespace,
        "--expect",
        &expected,
    ];
    Controller::start(&mut cluster.plimsoll(kubeconfig, &arguments))
}

/// Waits until each of so many pods is bound, or was told why it waits.
async fn until_decided(cluster: &Cluster, pods: usize) {
    let decided = |pod: &Pod| {
        let conditions = pod
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        conditions.into_iter().any(|c| c.type_ == "PodScheduled")
    };
    let all = async || {
        let list = cluster.pods().list(&ListParams::default()).await.expect("a list");
        (list.items.len() == pods && list.items.iter().all(decided)).then_some(())
    };
    eventually(all)
        .await
        .unwrap_or_else(|| panic!("not all pods were decided on within {PATIENCE:?}"));
}

/// Where the pods are, in order of name.
async fn places(cluster: &Cluster) -> Vec<Place> {
    let list = cluster.pods().list(&ListParams::default()).await.expect("a list");
    let place = |pod: Pod| {
        let annotations = pod.metadata.annotations.unwrap_or_default();
        let devices = annotations.get(meta::devices::ANNOTATION).cloned();
        let node = pod.spec.and_then(|spec| spec.node_name);
        (
            pod.metadata.name.unwrap_or_default(),
            node.map(|node| (node, devices)),
        )
    };
    let mut places: Vec<Place> = list.items.into_iter().map(place).collect();
    places.sort();
    places
}

async fn remove(cluster: Cluster) {
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let own = ListParams::default().labels(&format!("plimsoll.dev/scheduler={}", cluster.namespace));
    let _ = nodes.delete_collection(&DeleteParams::default(), &own).await;
    cluster.remove().await;
}
