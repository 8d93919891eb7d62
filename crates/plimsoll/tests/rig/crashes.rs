//! The controller dies, and pods go while it is away: nothing that ran runs again, nothing is forgotten.

use crate::cluster::{Cluster, eventually, phase};
use crate::manifests::{chain, template};

#[tokio::test]
async fn pods_deleted_while_the_controller_is_down_do_not_run_again() {
    let Some(cluster) = Cluster::new("deleted").await else {
        return;
    };
    let controller = cluster.controller("a");
    cluster.submit("wf", chain(3, &template("step", "3s", 0))).await;
    let second = async || {
        (cluster.nodes_in("wf", "Running").await >= 2 && cluster.nodes_in("wf", "Succeeded").await >= 2)
            .then_some(())
    };
    eventually(second).await.expect("the second step runs");
    controller.kill();
    cluster.until_pods_succeeded().await;
    assert!(cluster.delete_pods(|pod| phase(pod) == "Succeeded").await >= 1);
    let _controller = cluster.controller("b");
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    cluster.each_pod_was_made_once(3);
    let gone = async || {
        let pods = cluster.pods().list(&Default::default()).await.expect("a list");
        let deleted = pods
            .items
            .iter()
            .any(|pod| pod.metadata.deletion_timestamp.is_some());
        (!deleted).then_some(())
    };
    eventually(gone).await.expect("nothing holds what was deleted");
    cluster.remove().await;
}

#[tokio::test]
async fn a_killed_controller_is_taken_up_where_it_was() {
    let Some(cluster) = Cluster::new("killed").await else {
        return;
    };
    cluster
        .submit("wf", chain(6, &template("step", "300ms", 0)))
        .await;
    for done in [2, 4] {
        let controller = cluster.controller("a");
        // The pods, and the groups of steps around them.
        let reached = async || (cluster.nodes_in("wf", "Succeeded").await >= 2 * done).then_some(());
        eventually(reached).await.expect("the chain goes on");
        controller.kill();
    }
    let _controller = cluster.controller("a");
    let workflow = cluster.ended("wf").await;
    assert_eq!(workflow["status"]["phase"], "Succeeded");
    cluster.each_pod_was_made_once(6);
    cluster.remove().await;
}
