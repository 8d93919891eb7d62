//! A node goes while the controller is away: what completed on it counts, and does not run again.

use kinds::k8s::api::core::v1::Node;
use kinds::kube::Api;
use kinds::kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use crate::ALONE;
use crate::cluster::{Cluster, eventually};
use crate::manifests::template;

/// A fake node of the test's own.
async fn make_node(nodes: &Api<Node>, name: &str, pool: &str) {
    let capacity = json!({"cpu": "32", "memory": "256Gi", "pods": "110"});
    let node = json!({
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"rig.plimsoll.dev/pool": pool, "kubernetes.io/hostname": name},
        },
        "spec": {"taints": [{"key": "rig.plimsoll.dev/fake", "value": "true", "effect": "NoSchedule"}]},
        "status": {"capacity": capacity, "allocatable": capacity},
    });
    let node = serde_json::from_value(node).expect("a node");
    nodes
        .create(&PostParams::default(), &node)
        .await
        .expect("accepted");
}

/// Four at once, and then one.
fn four_and_one(pool: &str) -> Value {
    let main = json!({"name": "main", "steps": [
        [{"name": "item", "template": "step", "withSequence": {"count": "4"}}],
        [{"name": "after", "template": "step"}],
    ]});
    json!({
        "entrypoint": "main",
        "templates": [main, template("step", "3s", 0)],
        "nodeSelector": {"rig.plimsoll.dev/pool": pool},
        "tolerations": [{"key": "rig.plimsoll.dev/fake", "operator": "Exists"}],
    })
}

#[tokio::test]
async fn what_completed_on_a_node_that_went_does_not_run_again() {
    let _alone = ALONE.lock().await;
    let Some(cluster) = Cluster::new("lost-node").await else {
        return;
    };
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    let (before, after) = (
        format!("{}-before", cluster.namespace),
        format!("{}-after", cluster.namespace),
    );
    make_node(&nodes, &before, &cluster.namespace).await;
    let controller = cluster.controller("a");
    cluster
        .submit_as_it_is("wf", four_and_one(&cluster.namespace))
        .await;
    // The four, their group and the whole.
    let all_run = async || (cluster.nodes_in("wf", "Running").await >= 6).then_some(());
    eventually(all_run).await.expect("all four run");
    controller.kill();
    cluster.until_pods_succeeded().await;
    nodes
        .delete(&before, &DeleteParams::default())
        .await
        .expect("deleted");
    let collected = async || {
        let pods = cluster.pods().list(&ListParams::default()).await.ok()?;
        let gone = pods.iter().all(|pod| pod.metadata.deletion_timestamp.is_some());
        gone.then_some(())
    };
    eventually(collected)
        .await
        .expect("the pods of a node that is gone are deleted");
    make_node(&nodes, &after, &cluster.namespace).await;
    let _controller = cluster.controller("b");
    let workflow = cluster.ended("wf").await;
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{:#}",
        workflow["status"]
    );
    cluster.each_pod_was_made_once(5);
    let _ = nodes.delete(&after, &DeleteParams::default()).await;
    cluster.remove().await;
}
