//! What every world starts with: Argo's kinds and ours, and the scenario's Workflows.

use controller::Kind;
use controller::projections::WORKFLOWS;
use serde_json::Value;

use crate::scenario::Scenario;

const CRDS: Kind = Kind::cluster(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
);

/// The objects to create, in order.
pub(crate) fn objects(scenario: &Scenario) -> Vec<(Kind, Value)> {
    let crds = kinds::crds().into_iter().map(|crd| (CRDS, crd));
    let workflows = scenario
        .workflows
        .iter()
        .map(|workflow| (WORKFLOWS, workflow.clone()));
    crds.chain(workflows).collect()
}
