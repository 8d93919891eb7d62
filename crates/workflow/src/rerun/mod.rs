//! What people do to a workflow beside suspending and stopping it: run its failed parts again (`retry`), or all of it as a
//! new one (`resubmit`), and end its pauses (`resume`, `set`). Pure: the whole Workflow goes in, an edited one comes out.
//!
//! ```text
//!   graph      nodes, their parents and what lies below them
//!   reset      which nodes go and which start again
//!   retry      the same Workflow, taken back to where it can go on
//!   patch      what is written of it
//!   pause      nodes that wait for a person
//!   resubmit   a new Workflow, with what succeeded marked as done
//!   selector   which nodes a user means
//! ```
//!
//! Rule: workflow/util/util.go, `FormulateRetryWorkflow` and `FormulateResubmitWorkflow`. Nodes must be in `status.nodes`:
//! who stores them otherwise unpacks them first.

mod graph;
mod patch;
mod pause;
mod reset;
mod resubmit;
mod retry;
mod selector;

use argo::{AnyString, Parameter, Workflow};

pub use patch::{patch, patch_nodes};
pub use pause::{NodeChange, resume, set};
pub use resubmit::{ResubmitOptions, resubmit};
pub use retry::{Retried, RetryOptions, retry};
pub use selector::NodeSelector;

/// Says how far the archiving of a workflow is.
const LABEL_ARCHIVING: &str = "workflows.argoproj.io/workflow-archiving-status";

/// Gives arguments other values, before those that stay.
fn override_parameters(workflow: &mut Workflow, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        return;
    }
    let kept = std::mem::take(&mut workflow.spec.arguments.parameters);
    let kept = kept
        .into_iter()
        .filter(|kept| parameters.iter().all(|(name, _)| *name != kept.name));
    let new = parameters.iter().map(|(name, value)| Parameter {
        name: name.clone(),
        value: Some(AnyString(value.clone())),
        ..Parameter::default()
    });
    workflow.spec.arguments.parameters = new.chain(kept).collect();
    if let Some(stored) = &mut workflow.status.stored_workflow_template_spec {
        stored
            .arguments
            .parameters
            .clone_from(&workflow.spec.arguments.parameters);
    }
}

/// A deadline of zero is how older versions terminated a workflow.
fn clear_shutdown(workflow: &mut Workflow) {
    workflow.spec.shutdown.clear();
    if workflow.spec.active_deadline_seconds == Some(0) {
        workflow.spec.active_deadline_seconds = None;
    }
}
