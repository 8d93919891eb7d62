//! The audit of a made-up cluster on a real control plane: it ends in seconds, its numbers are those of an independent
//! count, and its credentials let it do nothing but list.
//!
//! ```text
//!   PLIMSOLL_RIG_MACHINES=1000 PLIMSOLL_RIG_KUBECONFIG=... cargo test --package plimsoll --test rig audit
//! ```
//!
//! It wants a rig to itself: it counts whatever is there, and knows only its own kinds of pods.

use std::path::Path;
use std::time::Instant;

use futures::stream::{self, StreamExt as _};
use kinds::k8s::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kinds::kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kinds::kube::core::GroupVersionKind;
use kinds::kube::{Api, Client, api::ApiResource};
use serde_json::{Value, json};

use crate::cluster::{Cluster, eventually};
use crate::{count, made_up, rights};

/// Requests at the same time.
const AT_ONCE: usize = 64;
/// The mark of what the test made.
const MARK: &str = "plimsoll.dev/made-up";
/// Pods that wait, of a thousand machines.
const WAITING: usize = 100;

/// How many machines to make up.
fn machines() -> Option<usize> {
    let wanted = std::env::var("PLIMSOLL_RIG_MACHINES").ok()?.parse().ok();
    if wanted.is_none() {
        eprintln!("passed over: PLIMSOLL_RIG_MACHINES is no number");
    }
    wanted
}

#[tokio::test]
async fn it_agrees_with_a_count_and_only_lists() {
    let Some(machines) = machines() else {
        eprintln!("passed over: PLIMSOLL_RIG_MACHINES says of how many machines to make up a cluster");
        return;
    };
    let Some(cluster) = Cluster::new("audit").await else {
        return;
    };
    make_up(&cluster, machines).await;
    let kubeconfig = lister(&cluster).await;
    let report = eventually(async || audited(&cluster, kubeconfig.path()).await).await;
    let (report, nodes, pods) = report.expect("the cluster stands still for a moment");
    count::check(&nodes, &pods, &report);
    assert!(report["cluster"]["machines"].as_u64() >= u64::try_from(machines).ok());
    assert!(!report["wins"].as_array().expect("wins").is_empty());
    remove(&cluster).await;
}

/// An audit, and what there was before and after it; nothing if that is not the same.
async fn audited(cluster: &Cluster, kubeconfig: &Path) -> Option<(Value, Vec<Value>, Vec<Value>)> {
    let look = async || {
        (
            list(&cluster.client, "Node").await,
            list(&cluster.client, "Pod").await,
        )
    };
    let (nodes, pods) = look().await;
    let begun = Instant::now();
    let (printed, _) = cluster.run_as(kubeconfig, &["audit", "--output", "json"]);
    eprintln!(
        "audited {} machines and {} pods in {:?}",
        nodes.len(),
        pods.len(),
        begun.elapsed()
    );
    let stands = what_counts(&nodes, &pods) == what_counts_of(look().await);
    stands.then(|| (serde_json::from_str(&printed).expect("a report"), nodes, pods))
}

fn what_counts_of((nodes, pods): (Vec<Value>, Vec<Value>)) -> Vec<String> {
    what_counts(&nodes, &pods)
}

/// What of the objects the count looks at and others may change.
fn what_counts(nodes: &[Value], pods: &[Value]) -> Vec<String> {
    let node = |node: &Value| {
        format!(
            "{} {} {}",
            count::name(node),
            count::in_service(node),
            node["spec"]["taints"]
        )
    };
    let pod = |pod: &Value| {
        format!(
            "{} {} {}",
            count::name(pod),
            pod["spec"]["nodeName"],
            pod["status"]["phase"]
        )
    };
    nodes.iter().map(node).chain(pods.iter().map(pod)).collect()
}

async fn list(client: &Client, kind: &str) -> Vec<Value> {
    let all = Api::<DynamicObject>::all_with(client.clone(), &core(kind));
    let objects = all.list(&ListParams::default()).await.expect("a list");
    objects
        .into_iter()
        .map(|object| serde_json::to_value(object).expect("JSON"))
        .collect()
}

fn core(kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", kind))
}

/// Makes up a cluster of so many machines, and waits until they are ready.
async fn make_up(cluster: &Cluster, machines: usize) {
    let prefix = format!("{}-", cluster.namespace);
    let mut nodes = made_up::nodes(machines, &prefix, 1);
    let mut pods = made_up::pods(&nodes, WAITING * machines / 1000, 2);
    for node in &mut nodes {
        node["metadata"]["annotations"] = json!({"kwok.x-k8s.io/node": "fake"});
        node["metadata"]["labels"][MARK] = cluster.namespace.as_str().into();
    }
    for pod in &mut pods {
        // The collector would take what has owners that are not there; the scheduler would place what waits.
        pod["metadata"]["ownerReferences"] = json!([]);
        pod["metadata"]["namespace"] = cluster.namespace.as_str().into();
        pod["metadata"]["annotations"] = json!({"rig.plimsoll.dev/run-for": "24h"});
        pod["spec"]["schedulerName"] = "nobody".into();
    }
    create(Api::all_with(cluster.client.clone(), &core("Node")), nodes).await;
    create(cluster.of_core("Pod"), pods).await;
    let ready = async || {
        let ready = |node: &Value| {
            let conditions = node["status"]["conditions"].as_array();
            let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
            conditions.is_some_and(|all| all.iter().any(is_ready))
        };
        list(&cluster.client, "Node")
            .await
            .iter()
            .all(ready)
            .then_some(())
    };
    eventually(ready).await.expect("the machines become ready");
}

async fn create(api: Api<DynamicObject>, objects: Vec<Value>) {
    let make = |object: Value| {
        let api = api.clone();
        async move {
            let object = serde_json::from_value(object).expect("an object");
            api.create(&PostParams::default(), &object)
                .await
                .expect("accepted");
        }
    };
    stream::iter(objects)
        .map(make)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

/// A kubeconfig of an account that has the rights which the audit prints, and no others: to get and to list.
async fn lister(cluster: &Cluster) -> tempfile::NamedTempFile {
    let (printed, _) = cluster.run(&["audit", "--rights"]);
    let mut role: ClusterRole = serde_saphyr::from_str(&printed).expect("a ClusterRole");
    let rules = role.rules.clone().unwrap_or_default();
    let verbs: Vec<&String> = rules.iter().flat_map(|rule| &rule.verbs).collect();
    assert!(
        verbs.iter().all(|verb| *verb == "get" || *verb == "list"),
        "{verbs:?}"
    );
    role.metadata.name = Some(cluster.namespace.clone());
    let (client, params) = (&cluster.client, PostParams::default());
    Api::all(client.clone())
        .create(&params, &role)
        .await
        .expect("accepted");
    let account = json!({"metadata": {"name": "auditor"}});
    create(cluster.of_core("ServiceAccount"), vec![account]).await;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": cluster.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster.namespace},
        "subjects": [{"kind": "ServiceAccount", "name": "auditor", "namespace": cluster.namespace}],
    }))
    .expect("a binding");
    Api::all(client.clone())
        .create(&params, &binding)
        .await
        .expect("accepted");
    let kubeconfig = rights::of_account(client, &cluster.namespace, "auditor", cluster.admin()).await;
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), kubeconfig.to_string()).expect("written");
    file
}

/// Takes the machines, their pods and the rights away; the namespace's end takes the rest.
async fn remove(cluster: &Cluster) {
    let (client, params) = (cluster.client.clone(), DeleteParams::default());
    let (at_once, all) = (params.clone().grace_period(0), ListParams::default());
    let pods = cluster.pods();
    pods.delete_collection(&at_once, &all).await.expect("deleted");
    let made = ListParams::default().labels(&format!("{MARK}={}", cluster.namespace));
    let nodes = Api::<DynamicObject>::all_with(client.clone(), &core("Node"));
    nodes.delete_collection(&params, &made).await.expect("deleted");
    rights::revoke(&client, &cluster.namespace).await;
}
