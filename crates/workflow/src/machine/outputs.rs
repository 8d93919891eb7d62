//! What nodes give: as variables for others, as outputs of the node around them, as outputs of the workflow.
//! Rule: workflow/controller/scope.go, and `buildLocalScope` and its like in operator.go.

use argo::{Artifact, DagTask, Outputs, Parameter, Template, ValueFrom};
use meta::time::seconds;

use super::Machine;
use super::nodes::Ix;
use super::plan::{Frame, holder};
use crate::glue;
use crate::phase::{self, OMITTED, SKIPPED};
use crate::subst::{self, Failure, Unknown};
use crate::template::Base;
use expr::lang::Value;

use crate::vars::{self, VarMap, Vars};

impl Machine {
    /// What `steps.NAME.` or `tasks.NAME.` may be followed by. A retry node answers with its last attempt.
    pub(super) fn node_vars(&self, ix: Ix) -> VarMap {
        let status = self.nodes.status(self.last_attempt(ix).unwrap_or(ix));
        let mut vars = VarMap::new();
        let mut set = |key: &str, value: &str| {
            if !value.is_empty() {
                vars.insert(key.to_owned(), vars::text(value));
            }
        };
        set("id", &status.id);
        set(
            "startedAt",
            &status.started_at.map(|t| seconds(t.0)).unwrap_or_default(),
        );
        set(
            "finishedAt",
            &status.finished_at.map(|t| seconds(t.0)).unwrap_or_default(),
        );
        set("ip", &status.pod_ip);
        set("status", &status.phase);
        set("hostNodeName", &status.host_node_name);
        if let Some(outputs) = &status.outputs {
            vars.extend(output_vars(outputs));
        }
        vars
    }

    /// The outputs of a loop's turns as one.
    pub(super) fn loop_vars(&self, turns: &[Ix]) -> Result<VarMap, String> {
        crate::aggregate::loop_outputs(turns.iter().map(|t| self.nodes.status(*t)).collect())
    }

    /// A node that did not run gives the defaults of its outputs, and nil for those without.
    pub(super) fn skipped_outputs(
        &mut self,
        vars: &mut VarMap,
        ix: Ix,
        task: &DagTask,
        base: &Base,
        with_artifacts: bool,
    ) {
        let status = self.nodes.status(ix);
        if status.outputs.is_some() || !matches!(status.phase.as_str(), SKIPPED | OMITTED) {
            return;
        }
        let Ok((_, template)) = self.templates.resolve(base, &holder(task)) else {
            return;
        };
        for output in &template.outputs.parameters {
            let default = output.value_from.as_ref().and_then(|f| f.default.as_ref());
            let var = default.map_or(Value::Nil, |d| vars::text(d.as_str()));
            vars.insert(format!("outputs.parameters.{}", output.name), var);
        }
        if with_artifacts {
            for output in &template.outputs.artifacts {
                let var = vars::artifact(&Artifact::default());
                vars.insert(format!("outputs.artifacts.{}", output.name), var);
            }
        }
    }

    /// The artifact that `from` or `fromExpression` means, under the name of the one that asks.
    pub(super) fn artifact(&self, wanted: &Artifact, frame: &Frame) -> Result<Artifact, String> {
        let vars = self.vars(&frame.inputs, Some(&frame.refs));
        let mut found = if wanted.from_expression.is_empty() {
            by_tag(&wanted.from, vars)?
        } else {
            glue::artifact(&wanted.from_expression, vars)?
        };
        if !wanted.sub_path.is_empty() {
            let path = subst::in_text(&wanted.sub_path, vars, Unknown::Keep).map_err(Failure::message)?;
            if !found.location.append_to_key(&path) && !found.optional {
                return Err("key unsupported: cannot append to the key of the artifact".to_owned());
            }
        }
        wanted.name.clone_into(&mut found.name);
        Ok(found)
    }

    /// The outputs of a steps or dag template, from what its steps or tasks gave.
    pub(super) fn outputs_from_scope(
        &self,
        template: &Template,
        frame: &Frame,
    ) -> Result<Option<Outputs>, String> {
        if template.outputs.is_empty() {
            return Ok(None);
        }
        let mut outputs = Outputs::default();
        for parameter in &template.outputs.parameters {
            outputs.parameters.push(self.output_parameter(parameter, frame)?);
        }
        for artifact in &template.outputs.artifacts {
            if artifact.from.is_empty() && artifact.from_expression.is_empty() {
                continue;
            }
            match self.artifact(artifact, frame) {
                Ok(mut found) => {
                    artifact.global_name.clone_into(&mut found.global_name);
                    outputs.artifacts.push(found);
                }
                Err(e) if artifact.optional && e.contains("Unable to resolve") => {}
                Err(e) => return Err(format!("unable to resolve outputs from scope: {e}")),
            }
        }
        Ok(Some(outputs))
    }

    fn output_parameter(&self, parameter: &Parameter, frame: &Frame) -> Result<Parameter, String> {
        let Some(from) = &parameter.value_from else {
            return Err("output parameters must have a valueFrom specified".to_owned());
        };
        let value = match (self.scope_value(from, frame), &from.default) {
            (Ok(Some(value)), _) => value,
            (_, Some(default)) => default.0.clone(),
            (Err(message), None) => return Err(message),
            (Ok(None), None) => {
                return Err(format!(
                    "output parameter \"{}\": \"{}\" is an absent optional (skipped/omitted node output with no default)",
                    parameter.name, from.parameter
                ));
            }
        };
        let mut given = parameter.clone();
        given.value = Some(value.into());
        given.value_from = None;
        Ok(given)
    }

    /// The value that an output of a steps or dag template is taken from; none for an absent optional.
    fn scope_value(&self, from: &ValueFrom, frame: &Frame) -> Result<Option<String>, String> {
        let vars = self.vars(&frame.inputs, Some(&frame.refs));
        if !from.expression.is_empty() {
            return glue::text(&from.expression, vars).map(Some);
        }
        if from.parameter.is_empty() {
            return Ok(Some(String::new()));
        }
        let tag = from
            .parameter
            .trim_start_matches("{{")
            .trim_end_matches("}}")
            .trim();
        if let Some(expression) = tag.strip_prefix('=') {
            return glue::text(expression, vars).map(Some);
        }
        match vars.get(tag) {
            Some(Value::String(text)) => Ok(Some(text.to_string())),
            Some(Value::Nil) => Ok(None),
            _ => Err(format!("Unable to resolve: \"{tag}\"")),
        }
    }

    /// Outputs with a `globalName` become outputs of the workflow.
    pub(super) fn export_outputs(&mut self, ix: Ix) {
        let status = self.nodes.status(ix);
        if !phase::completed(&status.phase) {
            return;
        }
        let Some(outputs) = status.outputs.clone() else {
            return;
        };
        for parameter in outputs.parameters.iter().filter(|p| !p.global_name.is_empty()) {
            self.export_parameter(parameter);
        }
        for artifact in outputs.artifacts.iter().filter(|a| !a.global_name.is_empty()) {
            self.export_artifact(artifact);
        }
    }

    fn export_parameter(&mut self, parameter: &Parameter) {
        if let Some(value) = &parameter.value {
            let name = format!("workflow.outputs.parameters.{}", parameter.global_name);
            self.globals.insert(name, vars::text(value.as_str()));
        }
        let all = &mut self.status.outputs.get_or_insert_default().parameters;
        match all.iter_mut().find(|p| p.name == parameter.global_name) {
            Some(known) => {
                if parameter.value.is_some() {
                    known.value.clone_from(&parameter.value);
                }
            }
            None => all.push(Parameter {
                name: parameter.global_name.clone(),
                value: parameter.value.clone(),
                ..Parameter::default()
            }),
        }
    }

    fn export_artifact(&mut self, artifact: &Artifact) {
        let mut global = artifact.clone();
        global.name = std::mem::take(&mut global.global_name);
        global.path.clear();
        let name = format!("workflow.outputs.artifacts.{}", global.name);
        self.globals.insert(name, vars::artifact(&global));
        let all = &mut self.status.outputs.get_or_insert_default().artifacts;
        match all.iter_mut().find(|a| a.name == global.name) {
            Some(known) => *known = global,
            None => all.push(global),
        }
    }
}

fn output_vars(outputs: &Outputs) -> VarMap {
    let mut vars = VarMap::new();
    if let Some(result) = &outputs.result {
        vars.insert("outputs.result".to_owned(), vars::text(result.as_str()));
    }
    if let Some(code) = &outputs.exit_code {
        vars.insert("exitCode".to_owned(), vars::text(code.as_str()));
    }
    for parameter in &outputs.parameters {
        if let Some(value) = &parameter.value {
            vars.insert(
                format!("outputs.parameters.{}", parameter.name),
                vars::text(value.as_str()),
            );
        }
    }
    for artifact in &outputs.artifacts {
        let var = vars::artifact(artifact);
        vars.insert(format!("outputs.artifacts.{}", artifact.name), var);
    }
    vars
}

fn by_tag(from: &str, vars: Vars<'_>) -> Result<Artifact, String> {
    let tag = from.trim_start_matches("{{").trim_end_matches("}}").trim();
    if let Some(expression) = tag.strip_prefix('=') {
        return glue::artifact(expression, vars);
    }
    match vars.get(tag) {
        Some(value) => {
            vars::as_artifact(value).ok_or_else(|| format!("Variable {{{{{tag}}}}} is not an artifact"))
        }
        None => Err(format!("Unable to resolve: \"{tag}\"")),
    }
}
