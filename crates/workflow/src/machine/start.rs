//! Starting the work that a template says, by its kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use argo::Template;
use meta::Timestamp;

use super::Machine;
use super::nodes::Ix;
use super::plan::{Call, Frame, Plan, PodPlan, StepsPlan, Stop};
use crate::phase::{PENDING, RUNNING, kind};
use crate::template::{Base, Work, work};
use crate::vars::{self, Refs, VarMap};

impl Machine {
    /// Starts the work of a template whose tags are replaced, or takes it up again.
    pub(super) fn begin_work(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        inner: Base,
        template: &Arc<Template>,
        deadline: Option<Timestamp>,
    ) -> Result<Ix, Stop> {
        match work(template) {
            Some(Work::Container | Work::Script | Work::ContainerSet | Work::Resource) => {
                self.begin_pod(call, known, template, deadline, kind::POD)
            }
            Some(Work::Http) => self.begin_pod(call, known, template, deadline, kind::HTTP),
            Some(Work::Suspend) => self.begin_suspend(call, known, template),
            Some(Work::Steps) => self.begin_steps(call, known, inner, template),
            Some(Work::Dag) => self.begin_dag(call, known, inner, template),
            other => {
                let what = match other {
                    Some(Work::Data) => "data",
                    Some(Work::Plugin) => "plugin",
                    _ => "such",
                };
                let message = format!("Template '{}': {what} templates are not supported", template.name);
                self.error_node(known, call, &message);
                Err(Stop::Error(message))
            }
        }
    }

    fn begin_pod(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        template: &Arc<Template>,
        deadline: Option<Timestamp>,
        kind: &str,
    ) -> Result<Ix, Stop> {
        let ix = known.unwrap_or_else(|| self.executable(call, kind, PENDING, template));
        let mut limits = self.time_limits(ix, template).map_err(|e| self.errored(ix, e))?;
        if call.flag.as_ref().is_some_and(|f| f.retried) {
            // Argo looks at the retry node's phase here, which is never pending.
            limits.pending = None;
        }
        let plan = PodPlan {
            template: template.clone(),
            on_exit: call.on_exit,
            include_result: self.result_is_wanted(call),
            deadline,
            limits,
        };
        self.nodes.get_mut(ix).plan = Plan::Pod(Box::new(plan));
        self.start_now(ix)
    }

    /// Marks a node as failed by its own doing and gives the error for its caller.
    fn errored(&mut self, ix: Ix, message: String) -> Stop {
        self.mark(ix, crate::phase::ERROR, &message);
        Stop::Error(message)
    }

    fn begin_suspend(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        template: &Arc<Template>,
    ) -> Result<Ix, Stop> {
        let ix = match known {
            Some(ix) => ix,
            None => {
                let ix = self.executable(call, kind::SUSPEND, PENDING, template);
                self.init_suspend(ix, template);
                ix
            }
        };
        self.nodes.get_mut(ix).plan = Plan::Suspend(Box::new((**template).clone()));
        self.start_now(ix)
    }

    fn begin_steps(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        inner: Base,
        template: &Arc<Template>,
    ) -> Result<Ix, Stop> {
        let ix = known.unwrap_or_else(|| self.executable(call, kind::STEPS, RUNNING, template));
        let plan = StepsPlan {
            template: template.clone(),
            frame: Arc::new(frame(ix, call, inner, template, "steps")),
            current: 0,
            groups: Vec::new(),
        };
        self.boundaries.insert(ix, template.clone());
        self.nodes.get_mut(ix).plan = Plan::Steps(Box::new(plan));
        self.start_now(ix)
    }

    fn begin_dag(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        inner: Base,
        template: &Arc<Template>,
    ) -> Result<Ix, Stop> {
        let ix = known.unwrap_or_else(|| self.executable(call, kind::DAG, RUNNING, template));
        let frame = frame(ix, call, inner, template, "tasks");
        let plan = super::dag_plan::plan(template, frame).map_err(|e| self.errored(ix, e))?;
        self.boundaries.insert(ix, template.clone());
        self.nodes.get_mut(ix).plan = Plan::Dag(Box::new(plan));
        self.start_now(ix)
    }

    /// Whether a step's output is referred to as `outputs.result` in the template around it.
    fn result_is_wanted(&mut self, call: &Call) -> bool {
        let Some(boundary) = call.boundary else {
            return false;
        };
        let Some(template) = self.boundaries.get(&boundary) else {
            return false;
        };
        let wanted = self.results_wanted.entry(boundary).or_insert_with(|| {
            let json = serde_json::to_string(&**template).unwrap_or_default();
            Arc::new(results_referred_to(&json))
        });
        wanted.contains(crate::names::step_of(&call.name))
    }
}

/// What the steps or tasks of a node share.
fn frame(ix: Ix, call: &Call, base: Base, template: &Template, prefix: &'static str) -> Frame {
    let mut inputs = VarMap::new();
    for input in &template.inputs.parameters {
        let value = input.value.as_ref().map_or("", |v| v.as_str());
        inputs.insert(format!("inputs.parameters.{}", input.name), vars::text(value));
    }
    for input in &template.inputs.artifacts {
        let name = format!("inputs.artifacts.{}", input.name);
        inputs.insert(name, vars::artifact(input));
    }
    Frame {
        boundary: ix,
        base,
        on_exit: call.on_exit,
        inputs,
        refs: Refs::new(prefix),
        level: call.level + 1,
    }
}

/// The steps whose `outputs.result` a template's JSON refers to: `steps.NAME.outputs.result`, or
/// `steps["NAME"].outputs.result` in an expression, whose quotes are escaped there.
fn results_referred_to(json: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in json.match_indices(".outputs.result") {
        let before = json[..at].trim_end_matches(['"', '\'', '\\', ']']);
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let start = before.rfind(|c| !word(c)).map_or(0, |i| i + 1);
        names.insert(before[start..].to_owned());
    }
    names
}
