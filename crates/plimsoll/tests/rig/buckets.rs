//! Artifacts of steps on the real kubelet in a bucket: the same manifests as on a laptop.

use kinds::kube::api::PostParams;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::outputs::has_image;
use crate::servers::s3::{ACCESS_KEY, S3, SECRET_KEY};

/// The machine as pods reach it.
const MACHINE: [u8; 4] = [10, 253, 0, 1];

#[tokio::test]
async fn artifacts_go_through_the_bucket_that_the_namespace_names() {
    let Some(cluster) = Cluster::new("bucket").await else {
        return;
    };
    if !has_image(&cluster).await {
        return cluster.remove().await;
    }
    let Some(server) = S3::start(MACHINE.into()) else {
        return cluster.remove().await;
    };
    let manifest = include_str!("../buckets.yaml")
        .replace("ENDPOINT", &server.endpoint())
        .replace("ACCESS_KEY", ACCESS_KEY)
        .replace("SECRET_KEY", SECRET_KEY);
    let documents: Vec<Value> = serde_saphyr::from_multiple(&manifest).expect("YAML");
    let _controller = cluster.controller("a");
    for document in documents {
        if document["kind"] == "Workflow" {
            cluster
                .submit_as_it_is("through-a-bucket", document["spec"].clone())
                .await;
        } else {
            let kind = document["kind"].as_str().unwrap_or_default().to_owned();
            let object = serde_json::from_value(document).expect("an object");
            let made = cluster
                .of_core(&kind)
                .create(&PostParams::default(), &object)
                .await;
            made.expect("accepted");
        }
    }
    let workflow = cluster.ended("through-a-bucket").await;
    assert_eq!(
        workflow["status"]["phase"], "Succeeded",
        "{:#}",
        workflow["status"]
    );
    assert!(server.object("kept/through-a-bucket/data.tgz").is_file());
    cluster.remove().await;
}
