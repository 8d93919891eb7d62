//! What is wrong with a workflow before it runs: as Argo's linter judges, but everything at once, each with its place.
//!
//! ```text
//! spec       entrypoint, names of templates, arguments
//! template   one type, inputs, outputs          calls   steps and tasks: what they call, with which arguments
//! dag        dependencies, cycles               scope   which {{names}} are known where
//! ```
//!
//! Rule: `workflow/validate/validate.go` of Argo Workflows. Works on the JSON of the object, so that places are those of
//! the document. What depends on templates that are not at hand is let through, unless [`Rules::whole`].

mod calls;
mod dag;
mod names;
mod parts;
mod scope;
mod spec;
mod template;

use argo::{Template, WorkflowSpec};
use serde_json::Value;

use crate::contract::Library;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: a JSON pointer (RFC 6901) into the object. If there is nothing there, something is missing there.
    pub pointer: String,
    /// The part of the text there that it is about; empty for all of it.
    pub part: String,
    /// What, without a final period.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// How strict to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Templates of other objects that are not in the library are problems: there is nowhere else for them to be.
    pub whole: bool,
    /// The workflow is about to run: its arguments need values.
    pub submit: bool,
}

/// Everything wrong with a Workflow, WorkflowTemplate, ClusterWorkflowTemplate or CronWorkflow, in document order
/// of templates. Other kinds, and specs whose fields have wrong types (which schemas find), have no problems here.
#[must_use]
pub fn validate(object: &Value, library: &Library, rules: Rules) -> Vec<Problem> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let base = match kind {
        "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" => "/spec",
        "CronWorkflow" => "/spec/workflowSpec",
        _ => return Vec::new(),
    };
    let Some(raw) = object.pointer(base) else {
        return Vec::new();
    };
    let Ok(spec) = serde_json::from_value::<WorkflowSpec>(raw.clone()) else {
        return Vec::new();
    };
    let mut check = Check {
        object,
        raw,
        base,
        spec: &spec,
        library,
        rules,
        runs: kind == "Workflow" || kind == "CronWorkflow",
        problems: Vec::new(),
    };
    check.spec();
    check.problems
}

/// The object being checked and what was found.
struct Check<'a> {
    object: &'a Value,
    raw: &'a Value,
    /// Where the spec lies in the object.
    base: &'a str,
    spec: &'a WorkflowSpec,
    library: &'a Library,
    rules: Rules,
    /// Whether it is run as it is, and not only referred to.
    runs: bool,
    problems: Vec<Problem>,
}

/// A template that a step, task or hook calls.
enum Called<'a> {
    /// It is at hand.
    Known(&'a Template),
    /// It is elsewhere, or its name is not known before the workflow runs.
    Elsewhere,
    /// There is none of that name.
    Missing,
}

impl<'a> Check<'a> {
    fn problem(&mut self, pointer: String, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem {
            pointer,
            part: String::new(),
            message: message.into(),
            hint: hint.into(),
        });
    }

    /// The spec that `workflowTemplateRef` names, if it is at hand.
    fn referred(&self) -> Option<&'a WorkflowSpec> {
        let reference = self.spec.workflow_template_ref.as_ref()?;
        self.object_spec(&reference.name, reference.cluster_scope)
    }

    fn object_spec(&self, name: &str, cluster: bool) -> Option<&'a WorkflowSpec> {
        let library = self.library;
        let specs = if cluster {
            &library.cluster_templates
        } else {
            &library.templates
        };
        specs.get(name).map(AsRef::as_ref)
    }

    /// The template of that name in this spec, or in the one it refers to.
    fn template(&self, name: &str) -> Called<'a> {
        let own = self.spec.templates.iter().find(|template| template.name == name);
        let referred = || {
            self.referred()?
                .templates
                .iter()
                .find(|template| template.name == name)
        };
        match own.or_else(referred) {
            Some(template) => Called::Known(template),
            None if names::has_tag(name) => Called::Elsewhere,
            None if self.spec.workflow_template_ref.is_some() && self.referred().is_none() => {
                Called::Elsewhere
            }
            None => Called::Missing,
        }
    }

    /// The names of all templates at hand, for suggestions.
    fn template_names(&self) -> Vec<&'a str> {
        let referred = self.referred().map(|spec| spec.templates.iter());
        let all = self.spec.templates.iter().chain(referred.into_iter().flatten());
        all.map(|template| template.name.as_str())
            .filter(|name| !name.is_empty())
            .collect()
    }
}

/// `did you mean X?`, or else the names there are.
fn suggest(name: &str, known: &[&str]) -> String {
    const MANY: usize = 12;
    match meta::suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None if known.len() <= MANY => format!("there are {}", known.join(", ")),
        None => format!(
            "there are {} and {} more",
            known[..MANY].join(", "),
            known.len() - MANY
        ),
    }
}

#[cfg(test)]
mod tests;
