//! Which `{{names}}` are known where.
//!
//! Rule: `resolveAllVariables` of `validate.go`. Tags of other prefixes are other programs' business (Helm's, say) and
//! let through; so are expressions, which may handle absence themselves.

use std::collections::BTreeSet;

use argo::Template;
use expr::template::{Kind, tags_in};
use serde_json::Value;

use super::{Check, Problem, suggest};

/// The first parts of names that are ours.
const PREFIXES: [&str; 7] = [
    "item.",
    "steps.",
    "inputs.",
    "outputs.",
    "pod.",
    "workflow.",
    "tasks.",
];

/// Names that are only known when the workflow runs.
const LATE: [&str; 7] = [
    "outputs.",
    "workflow.creationTimestamp",
    "workflow.scheduledTime",
    "workflow.duration",
    "tasks.name",
    "steps.name",
    "workflow.mainEntrypoint",
];

/// Known names, and prefixes below which every name is.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    names: BTreeSet<String>,
    open: BTreeSet<String>,
}

impl Scope {
    pub(super) fn add(&mut self, name: impl Into<String>) {
        self.names.insert(name.into());
    }

    /// Every name that begins so is known.
    pub(super) fn open(&mut self, prefix: impl Into<String>) {
        self.open.insert(prefix.into());
    }

    fn knows(&self, name: &str) -> bool {
        self.names.contains(name)
            || self
                .open
                .iter()
                .chain(LATE.map(str::to_owned).iter())
                .any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// The known names that begin like `name`, for suggestions.
    fn near(&self, name: &str) -> String {
        let first = name.split('.').next().unwrap_or_default();
        let known: Vec<&str> = self
            .names
            .iter()
            .map(String::as_str)
            .filter(|known| known.split('.').next() == Some(first))
            .collect();
        suggest(name, &known)
    }

    /// What a step or task gives, once it has run. `called` is none if its template is not at hand.
    pub(super) fn add_call(&mut self, prefix: &str, called: Option<&Template>, repeated: bool) {
        for fact in [
            "id",
            "status",
            "startedAt",
            "finishedAt",
            "hostNodeName",
            "exitCode",
            "ip",
        ] {
            self.add(format!("{prefix}.{fact}"));
        }
        let Some(template) = called else {
            self.open(format!("{prefix}.outputs."));
            return;
        };
        if template.steps.is_empty() && template.dag.is_none() && template.suspend.is_none() {
            self.add(format!("{prefix}.outputs.result"));
        }
        if template.steps.is_empty() && template.dag.is_none() && template.outputs.result.is_some() {
            self.add(format!("{prefix}.outputs.result"));
        }
        for parameter in &template.outputs.parameters {
            self.add(format!("{prefix}.outputs.parameters.{}", parameter.name));
        }
        for artifact in &template.outputs.artifacts {
            self.add(format!("{prefix}.outputs.artifacts.{}", artifact.name));
        }
        if repeated {
            self.add(format!("{prefix}.outputs.parameters"));
            self.add(format!("{prefix}.outputs.result"));
        }
    }
}

/// What is known everywhere in a workflow.
pub(super) struct Globals {
    pub(super) scope: Scope,
}

impl Globals {
    pub(super) fn new(check: &Check<'_>) -> Self {
        let mut scope = Scope::default();
        for name in [
            "name",
            "namespace",
            "uid",
            "serviceAccountName",
            "parameters",
            "parameters.json",
            "labels.json",
            "annotations.json",
            "labels",
            "annotations",
            "priority",
        ] {
            scope.add(format!("workflow.{name}"));
        }
        let referred = check.referred();
        let specs = || std::iter::once(check.spec).chain(referred);
        for parameter in specs().flat_map(|spec| &spec.arguments.parameters) {
            scope.add(format!("workflow.parameters.{}", parameter.name));
        }
        for artifact in specs().flat_map(|spec| &spec.arguments.artifacts) {
            scope.add(format!("workflow.artifacts.{}", artifact.name));
        }
        // The parameters may be those of the workflow that refers to the template.
        if !check.runs || check.spec.workflow_template_ref.is_some() {
            scope.open("workflow.parameters.");
            scope.open("workflow.labels.");
            scope.open("workflow.annotations.");
        }
        // How it went is known where something runs at its end.
        if !check.spec.on_exit.is_empty() || !check.spec.hooks.is_empty() || !check.runs {
            scope.add("workflow.status");
            scope.add("workflow.failures");
        }
        add_metadata(check, &mut scope);
        add_outputs(check, &mut scope);
        Self { scope }
    }
}

/// Labels and annotations, given or made from the spec.
fn add_metadata(check: &Check<'_>, scope: &mut Scope) {
    for (field, made) in [
        ("labels", "labels"),
        ("annotations", "annotations"),
        ("labels", "labelsFrom"),
    ] {
        let given = check.object.pointer(&format!("/metadata/{field}"));
        let from_spec = check.raw.pointer(&format!("/workflowMetadata/{made}"));
        for map in [given, from_spec]
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
        {
            for key in map.keys() {
                scope.add(format!("workflow.{field}.{key}"));
            }
        }
    }
}

/// Global outputs, of any template: whether one has run before is not known.
fn add_outputs(check: &Check<'_>, scope: &mut Scope) {
    let mut elsewhere = check.spec.workflow_template_ref.is_some() && check.referred().is_none();
    let referred = check
        .referred()
        .map(|spec| spec.templates.as_slice())
        .unwrap_or_default();
    for template in check.spec.templates.iter().chain(referred) {
        let parameters = template
            .outputs
            .parameters
            .iter()
            .map(|parameter| ("parameters", &parameter.global_name));
        let artifacts = template
            .outputs
            .artifacts
            .iter()
            .map(|artifact| ("artifacts", &artifact.global_name));
        for (kind, name) in parameters.chain(artifacts).filter(|(_, name)| !name.is_empty()) {
            if super::names::has_tag(name) {
                scope.open(format!("workflow.outputs.{kind}."));
            } else {
                scope.add(format!("workflow.outputs.{kind}.{name}"));
            }
        }
        let calls_elsewhere = |step: &argo::WorkflowStep| step.template_ref.is_some();
        elsewhere |= template.steps.iter().flatten().any(calls_elsewhere);
        elsewhere |= template
            .dag
            .iter()
            .flat_map(|dag| &dag.tasks)
            .any(|task| task.template_ref.is_some());
    }
    if elsewhere {
        scope.open("workflow.outputs.");
    }
}

impl Check<'_> {
    /// Every tag below `raw`, which lies at `pointer`, is known in `scope`.
    pub(super) fn resolve(&mut self, raw: &Value, pointer: &str, scope: &Scope) {
        for located in tags_in(raw) {
            let name = located.tag.name();
            let ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            // A tag within a tag is made when the workflow runs.
            if located.tag.kind == Kind::Expression || !ours || name.contains("{{") || scope.knows(name) {
                continue;
            }
            let part = format!("{{{{{}}}}}", located.tag.text);
            self.problems.push(Problem {
                pointer: format!("{pointer}{}", located.pointer),
                message: format!("failed to resolve {part}"),
                hint: scope.near(name),
                part,
            });
        }
    }
}
