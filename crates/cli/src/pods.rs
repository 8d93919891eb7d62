//! The pods of a workflow's nodes, and what they log.

use anstream::adapter::strip_str;
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::api::LogParams;
use kinds::kube::{Api, Client};

use crate::tree::view::NodeView;

/// The container that runs a step's own program.
pub const MAIN: &str = "main";

/// The name of the pod of a workflow's node.
#[must_use]
pub fn name_of(workflow: &str, node: &NodeView) -> String {
    let template = if node.template_ref.template.is_empty() {
        &node.template_name
    } else {
        &node.template_ref.template
    };
    workflow::names::pod_name(workflow, &node.name, template)
}

/// The last lines that the main container of a pod logged; none where they cannot be had, which is no
/// reason to fail.
pub async fn tail(client: &Client, namespace: &str, pod: &str, lines: i64) -> Vec<String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let params = LogParams {
        container: Some(MAIN.to_owned()),
        tail_lines: Some(lines),
        ..LogParams::default()
    };
    let text = api.logs(pod, &params).await.unwrap_or_default();
    // Colours would spoil a picture.
    text.lines().map(|line| strip_str(line).to_string()).collect()
}
