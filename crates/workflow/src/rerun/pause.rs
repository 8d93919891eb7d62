//! Pauses: what a person does to nodes that wait for one.
//! Rule: workflow/util/util.go, `ResumeWorkflow` and `updateSuspendedNode`.

use argo::{AnyString, NodeStatus, Outputs, Parameter, Time, Workflow};
use meta::Timestamp;

use super::NodeSelector;
use crate::phase::{self, RUNNING, SUCCEEDED, kind};

/// What is set of nodes that pause.
#[derive(Clone, Debug, Default)]
pub struct NodeChange {
    /// Their phase, if it changes: an ended one ends the pause.
    pub phase: Option<String>,
    /// Their message, unless it is empty.
    pub message: String,
    /// Values of supplied outputs, by name.
    pub outputs: Vec<(String, String)>,
}

/// Lets a held workflow go on and ends all its pauses; none if there is neither.
///
/// # Errors
/// A pause has an output that was not supplied and has no default.
pub fn resume(workflow: &Workflow, now: Timestamp) -> Result<Option<Workflow>, String> {
    let mut new = workflow.clone();
    let mut changed = new.spec.suspend.take() == Some(true);
    for node in new.status.nodes.values_mut().filter(|node| pauses(node)) {
        for output in node
            .outputs
            .iter_mut()
            .flat_map(|outputs| &mut outputs.parameters)
        {
            take_default(output)?;
        }
        end(node, SUCCEEDED, now);
        changed = true;
    }
    Ok(changed.then_some(new))
}

/// Changes the pauses that are selected.
///
/// # Errors
/// Argo's messages: none is selected, or an output is not one to be supplied.
pub fn set(
    workflow: &Workflow,
    selector: &NodeSelector,
    change: &NodeChange,
    now: Timestamp,
) -> Result<Workflow, String> {
    let mut new = workflow.clone();
    let selected = new
        .status
        .nodes
        .values_mut()
        .filter(|node| pauses(node) && selector.matches(node));
    let (mut globals, mut any) = (Vec::new(), false);
    for node in selected {
        any = true;
        if let Some(phase) = &change.phase {
            end(node, phase, now);
        }
        if !change.message.is_empty() {
            node.message.clone_from(&change.message);
        }
        for (name, value) in &change.outputs {
            globals.push(supply(node, name, value)?.clone());
        }
    }
    if !any {
        return Err(
            "currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector"
                .to_owned(),
        );
    }
    for parameter in globals
        .iter()
        .filter(|parameter| !parameter.global_name.is_empty())
    {
        export(new.status.outputs.get_or_insert_default(), parameter);
    }
    Ok(new)
}

/// Whether a node pauses now.
fn pauses(node: &NodeStatus) -> bool {
    node.r#type == kind::SUSPEND && node.phase == RUNNING
}

fn end(node: &mut NodeStatus, phase: &str, now: Timestamp) {
    phase.clone_into(&mut node.phase);
    if phase::over(phase) {
        node.finished_at = Some(Time(Timestamp::from_second(now.as_second()).unwrap_or(now)));
    }
}

/// An output that nobody supplied takes its default.
fn take_default(output: &mut Parameter) -> Result<(), String> {
    let supplied = output.value_from.as_mut().filter(|from| from.supplied.is_some());
    let Some(from) = supplied else { return Ok(()) };
    let default = from.default.take().ok_or_else(|| {
        let name = &output.name;
        format!("raw output parameter '{name}' has not been set and does not have a default value")
    })?;
    output.value = Some(default);
    output.value_from = None;
    Ok(())
}

fn supply<'n>(node: &'n mut NodeStatus, name: &str, value: &str) -> Result<&'n Parameter, String> {
    let outputs = node.outputs.as_mut();
    let outputs =
        outputs.ok_or("cannot set output parameters because node is not expecting any raw parameters")?;
    let output = outputs.parameters.iter_mut().find(|output| output.name == name);
    let output = output.ok_or_else(|| format!("node is not expecting output parameter '{name}'"))?;
    if output
        .value_from
        .as_ref()
        .is_none_or(|from| from.supplied.is_none())
    {
        return Err(format!(
            "cannot set output parameter '{name}' because it does not use valueFrom.raw or it was already set"
        ));
    }
    output.value = Some(AnyString(value.to_owned()));
    output.value_from = None;
    Ok(output)
}

/// Sets one of the workflow's own outputs.
fn export(outputs: &mut Outputs, parameter: &Parameter) {
    let known = outputs
        .parameters
        .iter_mut()
        .find(|known| known.name == parameter.global_name);
    match known {
        Some(known) => known.value.clone_from(&parameter.value),
        None => outputs.parameters.push(Parameter {
            name: parameter.global_name.clone(),
            value: parameter.value.clone(),
            ..Parameter::default()
        }),
    }
}
