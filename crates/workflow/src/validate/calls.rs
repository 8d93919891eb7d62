//! Steps, and what steps and tasks have in common: they call a template, with arguments, perhaps for many items.

use argo::template::{Sequence, TemplateRef};
use argo::{Arguments, Template, WorkflowStep};
use serde_json::Value;

use super::names::{bad_name, has_tag};
use super::scope::Scope;
use super::{Called, Check};

/// A step or a task.
pub(super) struct Call<'c> {
    pub(super) name: &'c str,
    pub(super) template: &'c str,
    pub(super) template_ref: Option<&'c TemplateRef>,
    pub(super) inline: Option<&'c Template>,
    pub(super) arguments: &'c Arguments,
    pub(super) on_exit: &'c str,
    pub(super) items: bool,
    pub(super) param: bool,
    pub(super) sequence: Option<&'c Sequence>,
}

impl<'c> From<&'c WorkflowStep> for Call<'c> {
    fn from(step: &'c WorkflowStep) -> Self {
        Self {
            name: &step.name,
            template: &step.template,
            template_ref: step.template_ref.as_ref(),
            inline: step.inline.as_deref(),
            arguments: &step.arguments,
            on_exit: &step.on_exit,
            items: !step.with_items.is_empty(),
            param: !step.with_param.is_empty(),
            sequence: step.with_sequence.as_ref(),
        }
    }
}

impl Call<'_> {
    /// Whether it is expanded for items.
    pub(super) fn repeats(&self) -> bool {
        self.items || self.param || self.sequence.is_some()
    }
}

impl<'a> Check<'a> {
    /// The steps of a template: those of a group know what the groups before it gave.
    pub(super) fn steps(&mut self, template: &'a Template, raw: &Value, pointer: &str, scope: &mut Scope) {
        let mut seen: Vec<&str> = Vec::new();
        for (group, steps) in template.steps.iter().enumerate() {
            let mut gives = Vec::new();
            for (at, step) in steps.iter().enumerate() {
                let pointer = format!("{pointer}/steps/{group}/{at}");
                let raw = raw
                    .pointer(&format!("/steps/{group}/{at}"))
                    .unwrap_or(&Value::Null);
                if seen.contains(&step.name.as_str()) && !has_tag(&step.name) {
                    let message = format!("step name '{}' is not unique", step.name);
                    self.problem(
                        format!("{pointer}/name"),
                        message,
                        "give one of the two another name",
                    );
                }
                seen.push(&step.name);
                let call = Call::from(step);
                let called = self.call(template, &call, raw, &pointer, scope);
                gives.push((format!("steps.{}", step.name), called, call.repeats()));
            }
            for (prefix, called, repeats) in gives {
                scope.add_call(&prefix, called, repeats);
            }
        }
    }

    /// Checks one call. Returns the template it calls, if that is at hand.
    pub(super) fn call(
        &mut self,
        template: &Template,
        call: &Call<'a>,
        raw: &Value,
        pointer: &str,
        scope: &Scope,
    ) -> Option<&'a Template> {
        if let Some(why) = bad_name(call.name) {
            let message = format!(
                "templates.{}: the name '{}' is invalid: {why}",
                template.name, call.name
            );
            self.problem(format!("{pointer}/name"), message, "give it another name");
        }
        let called = self.called(call, pointer);
        if let Some(called) = called {
            self.supplied(call, called, pointer);
        }
        if !call.on_exit.is_empty() && matches!(self.template(call.on_exit), Called::Missing) {
            self.no_template(format!("{pointer}/onExit"), call.on_exit);
        }
        self.repetition(call, pointer);
        self.call_arguments(call, pointer);
        let mut scope = scope.clone();
        if call.repeats() {
            scope.open("item.");
        }
        self.call_tags(call, raw, pointer, &scope);
        called
    }

    pub(super) fn called(&mut self, call: &Call<'a>, pointer: &str) -> Option<&'a Template> {
        if call.inline.is_some() {
            return call.inline;
        }
        if let Some(reference) = call.template_ref {
            return self.called_elsewhere(reference, pointer);
        }
        if call.template.is_empty() {
            let message = format!("'{}' calls no template", call.name);
            self.problem(format!("{pointer}/template"), message, "add `template: NAME`");
            return None;
        }
        match self.template(call.template) {
            Called::Known(template) => Some(template),
            Called::Elsewhere => None,
            Called::Missing => {
                self.no_template(format!("{pointer}/template"), call.template);
                None
            }
        }
    }

    fn called_elsewhere(&mut self, reference: &TemplateRef, pointer: &str) -> Option<&'a Template> {
        if has_tag(&reference.name) || has_tag(&reference.template) {
            return None;
        }
        let found = self.object_spec(&reference.name, reference.cluster_scope);
        let Some(spec) = found else {
            if self.rules.whole {
                let message = format!("workflow template `{}` not found", reference.name);
                self.problem(
                    format!("{pointer}/templateRef/name"),
                    message,
                    "give the file that holds it as well",
                );
            }
            return None;
        };
        let template = spec
            .templates
            .iter()
            .find(|template| template.name == reference.template);
        if template.is_none() {
            let names: Vec<&str> = spec
                .templates
                .iter()
                .map(|template| template.name.as_str())
                .collect();
            let message = format!(
                "template `{}` not found in workflow template `{}`",
                reference.template, reference.name
            );
            self.problem(
                format!("{pointer}/templateRef/template"),
                message,
                super::suggest(&reference.template, &names),
            );
        }
        template
    }

    /// Every input without a value of its own is given one.
    fn supplied(&mut self, call: &Call<'_>, called: &Template, pointer: &str) {
        for input in &called.inputs.parameters {
            let own = input.value.is_some() || input.default.is_some() || input.value_from.is_some();
            let given = call
                .arguments
                .parameters
                .iter()
                .any(|given| given.name == input.name || has_tag(&given.name));
            if !own && !given {
                let message = format!(
                    "inputs.parameters.{} of template `{}` was not supplied",
                    input.name, called.name
                );
                let hint = format!(
                    "add `{{name: {}, value: ...}}` to arguments.parameters",
                    input.name
                );
                self.problem(format!("{pointer}/arguments/parameters"), message, hint);
            }
        }
        for input in &called.inputs.artifacts {
            let own = input.optional || !input.from.is_empty() || !input.from_expression.is_empty();
            let own = own || input.location != argo::location::ArtifactLocation::default();
            let given = call
                .arguments
                .artifacts
                .iter()
                .any(|given| given.name == input.name || has_tag(&given.name));
            if !own && !given {
                let message = format!(
                    "inputs.artifacts.{} of template `{}` was not supplied",
                    input.name, called.name
                );
                let hint = format!("add `{{name: {}, from: ...}}` to arguments.artifacts", input.name);
                self.problem(format!("{pointer}/arguments/artifacts"), message, hint);
            }
        }
    }

    fn repetition(&mut self, call: &Call<'_>, pointer: &str) {
        let given = usize::from(call.items) + usize::from(call.param) + usize::from(call.sequence.is_some());
        if given > 1 {
            let message = "only one of withItems, withParam and withSequence can be given";
            self.problem(format!("{pointer}/withItems"), message, "leave one");
        }
        let Some(sequence) = call.sequence else { return };
        let pointer = format!("{pointer}/withSequence");
        match (&sequence.count, &sequence.end) {
            (Some(_), Some(_)) => {
                self.problem(pointer, "only one of count and end can be given", "leave one");
            }
            (None, None) => self.problem(pointer, "one of count and end is required", "add `count: NUMBER`"),
            _ => {}
        }
    }

    fn call_arguments(&mut self, call: &Call<'_>, pointer: &str) {
        let base = format!("{pointer}/arguments");
        self.parameters(&format!("{base}/parameters"), &call.arguments.parameters);
        self.unique(
            &format!("{base}/artifacts"),
            "artifact",
            call.arguments
                .artifacts
                .iter()
                .map(|artifact| artifact.name.as_str()),
        );
        for (at, parameter) in call.arguments.parameters.iter().enumerate() {
            let pointer = format!("{base}/parameters/{at}");
            let label = format!("arguments.parameters.{}", parameter.name);
            match &parameter.value_from {
                Some(from) => {
                    let allowed = from.config_map_key_ref.is_some()
                        || from.supplied.is_some()
                        || from.default.is_some()
                        || !from.expression.is_empty();
                    if !allowed {
                        let message =
                            format!("{label}.valueFrom only allows: default, configMapKeyRef and supplied");
                        self.problem(format!("{pointer}/valueFrom"), message, "give a value instead");
                    }
                }
                None if parameter.value.is_none() && parameter.default.is_none() => {
                    let message = format!("{label}.value is required");
                    self.problem(format!("{pointer}/value"), message, "add `value: ...`");
                }
                None => {}
            }
        }
        for (at, artifact) in call.arguments.artifacts.iter().enumerate() {
            let from = !artifact.from.is_empty() || !artifact.from_expression.is_empty();
            let placed = artifact.location != argo::location::ArtifactLocation::default();
            if !from && !placed && !artifact.optional {
                let message = format!(
                    "arguments.artifacts.{}: from, artifact location, or key is required",
                    artifact.name
                );
                self.problem(
                    format!("{base}/artifacts/{at}"),
                    message,
                    "add `from: \"{{...}}\"`",
                );
            }
        }
    }

    /// The tags of a call; an inline template has a scope of its own.
    fn call_tags(&mut self, call: &Call<'a>, raw: &Value, pointer: &str, scope: &Scope) {
        let Some(fields) = raw.as_object() else { return };
        for (field, part) in fields {
            let pointer = format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"));
            match (field.as_str(), call.inline) {
                // Hooks and handlers run when more is known.
                ("hooks" | "onExit", _) => {}
                ("inline", Some(template)) => {
                    let mut inner = scope.clone();
                    inner.open("inputs.");
                    self.one_template(template, part, &pointer, &inner);
                }
                // The list itself may be made from the items of another.
                _ => self.resolve(part, &pointer, scope),
            }
        }
    }
}
