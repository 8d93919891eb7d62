//! A suspend node: it waits until somebody resumes it, or for its duration.
//! Rule: workflow/controller/operator.go, `executeSuspend`.

use argo::{AnyString, Parameter, Template};
use meta::Timestamp;

use super::nodes::Ix;
use super::plan::Plan;
use super::{Machine, just_after, mark};
use crate::phase::{RUNNING, SUCCEEDED};

impl Machine {
    /// What a new suspend node asks for: its supplied outputs, and choices in its inputs.
    pub(super) fn init_suspend(&mut self, ix: Ix, template: &Template) {
        let supplied: Vec<Parameter> = template
            .outputs
            .parameters
            .iter()
            .filter(|p| p.value_from.as_ref().is_some_and(|f| f.supplied.is_some()))
            .map(|p| with_input_default(p, template))
            .collect();
        self.apply(ix, |status, _| {
            if !supplied.is_empty() {
                status.outputs.get_or_insert_default().parameters = supplied;
            }
            for input in status.inputs.iter_mut().flat_map(|i| &mut i.parameters) {
                offer_choices(input);
            }
        });
    }

    pub(super) fn evaluate_suspend(&mut self, ix: Ix, template: Box<Template>) -> Result<Plan, String> {
        if let Some(until) = self.suspended_until(ix, &template)? {
            if self.now > until {
                return self.resume_by_itself(ix);
            }
            // A node resumes once its time has passed, not when it comes.
            self.timers.set(just_after(until), ix);
        }
        self.mark_phase(ix, RUNNING);
        Ok(Plan::Suspend(template))
    }

    /// When a suspend node resumes by itself.
    pub(super) fn suspended_until(&self, ix: Ix, template: &Template) -> Result<Option<Timestamp>, String> {
        let duration = template.suspend.as_ref().map_or("", |s| s.duration.as_str());
        if duration.is_empty() {
            return Ok(None);
        }
        let wait = meta::duration::parse_or_seconds(duration)?;
        let started = self.nodes.status(ix).started_at.map_or(self.now, |t| t.0);
        Ok(started.checked_add(wait).ok())
    }

    fn resume_by_itself(&mut self, ix: Ix) -> Result<Plan, String> {
        let mut outputs = self.nodes.status(ix).outputs.clone();
        for output in outputs.iter_mut().flat_map(|o| &mut o.parameters) {
            if output.value.is_some() {
                continue;
            }
            let default = output.value_from.as_mut().and_then(|f| f.default.take());
            let default = default.ok_or_else(|| {
                let name = &output.name;
                format!("raw output parameter '{name}' has not been set and does not have a default value")
            })?;
            output.value = Some(default);
            output.value_from = None;
        }
        self.apply(ix, |status, now| {
            status.outputs = outputs;
            mark(status, now, SUCCEEDED, None);
        });
        Ok(Plan::Idle)
    }
}

/// An output without a default takes that of the input of the same name.
fn with_input_default(output: &Parameter, template: &Template) -> Parameter {
    let mut output = output.clone();
    let from = output.value_from.get_or_insert_default();
    if from.default.is_none() {
        let input = template.inputs.parameter(&output.name);
        from.default = input.and_then(|i| i.default.clone());
    }
    output
}

/// An input whose value is a parameter as JSON offers that parameter's choices.
fn offer_choices(input: &mut Parameter) {
    let Some(value) = &input.value else { return };
    let Ok(described) = serde_json::from_str::<Parameter>(value.as_str()) else {
        return;
    };
    let Some(first) = described.r#enum.first().cloned() else {
        return;
    };
    input.default.get_or_insert(AnyString(first.0));
    input.r#enum = described.r#enum;
}
