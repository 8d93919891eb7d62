//! Two replicas: one leads, and the other takes over when it stops, dies or leaves.

use kinds::k8s::api::coordination::v1::Lease;
use kinds::kube::Api;
use rustix::process::Signal;

use crate::cluster::{Cluster, eventually};
use crate::manifests::{chain, template};

async fn leads(cluster: &Cluster, identity: &str) -> i32 {
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let look = async || {
        let spec = leases.get_opt("plimsoll-controller").await.ok()??.spec?;
        let transitions = spec.lease_transitions.unwrap_or_default();
        (spec.holder_identity.as_deref() == Some(identity)).then_some(transitions)
    };
    eventually(look)
        .await
        .unwrap_or_else(|| panic!("{identity} never leads"))
}

#[tokio::test]
async fn another_replica_takes_over_from_one_that_stands_still() {
    let Some(cluster) = Cluster::new("replicas").await else {
        return;
    };
    let first = cluster.controller("first");
    leads(&cluster, "first").await;
    let second = cluster.controller("second");
    cluster.submit("wf", chain(4, &template("step", "1s", 0))).await;
    let begun = async || (cluster.nodes_in("wf", "Succeeded").await >= 2).then_some(());
    eventually(begun).await.expect("the first step ends");
    first.signal(Signal::STOP);
    assert_eq!(leads(&cluster, "second").await, 1);
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    // The one that stood still finds that its term is over, and writes nothing more.
    first.signal(Signal::CONT);
    cluster
        .submit("again", chain(2, &template("step", "1s", 0)))
        .await;
    assert_eq!(cluster.ended("again").await["status"]["phase"], "Succeeded");
    assert_eq!(leads(&cluster, "second").await, 1);
    let version = |workflow: &serde_json::Value| workflow["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&cluster.workflow("wf").await), version(&workflow));
    cluster.each_pod_was_made_once(6);
    // One that leaves in good order is followed at once.
    second.signal(Signal::TERM);
    assert!(second.wait(), "it ends in good order");
    assert_eq!(leads(&cluster, "first").await, 2);
    cluster.remove().await;
}

#[tokio::test]
async fn another_replica_takes_over_from_one_that_is_killed() {
    let Some(cluster) = Cluster::new("killed-leader").await else {
        return;
    };
    let first = cluster.controller("first");
    leads(&cluster, "first").await;
    let _second = cluster.controller("second");
    cluster.submit("wf", chain(4, &template("step", "1s", 0))).await;
    let begun = async || (cluster.nodes_in("wf", "Succeeded").await >= 2).then_some(());
    eventually(begun).await.expect("the first step ends");
    first.kill();
    assert_eq!(leads(&cluster, "second").await, 1);
    assert_eq!(cluster.ended("wf").await["status"]["phase"], "Succeeded");
    cluster.each_pod_was_made_once(4);
    cluster.remove().await;
}
