//! The spec as a whole: where it begins and ends, the names of its templates, its arguments.

use std::collections::BTreeSet;

use argo::Parameter;

use super::names::{bad_name, bad_value_name, has_tag, repeated};
use super::scope::Globals;
use super::{Called, Check, suggest};

impl Check<'_> {
    /// Checks everything.
    pub(super) fn spec(&mut self) {
        self.entrypoint();
        self.ends();
        self.template_references();
        self.argument_list();
        self.own_template_names();
        self.settings();
        let globals = Globals::new(self);
        for (at, template) in self.spec.templates.iter().enumerate() {
            let pointer = format!("{}/templates/{at}", self.base);
            let raw = self
                .raw
                .get("templates")
                .and_then(|list| list.get(at))
                .unwrap_or_default_ref();
            self.one_template(template, raw, &pointer, &globals.scope);
        }
    }

    fn entrypoint(&mut self) {
        let entrypoint = &self.spec.entrypoint;
        let pointer = format!("{}/entrypoint", self.base);
        if entrypoint.is_empty() {
            if self.runs && self.spec.workflow_template_ref.is_none() {
                let names = self.template_names();
                let hint = match names.as_slice() {
                    [] => "add `entrypoint`, the name of the template to begin with".to_owned(),
                    [only] => format!("add `entrypoint: {only}`"),
                    several => format!("add `entrypoint`, one of {}", several.join(", ")),
                };
                self.problem(pointer, "spec.entrypoint is required", hint);
            }
            return;
        }
        match self.template(entrypoint) {
            Called::Missing => self.no_template(pointer, entrypoint),
            Called::Known(template) if self.runs && self.rules.submit => {
                let given: BTreeSet<&str> = self
                    .spec
                    .arguments
                    .parameters
                    .iter()
                    .map(|given| given.name.as_str())
                    .collect();
                let referred = self
                    .referred()
                    .map(|spec| spec.arguments.parameters.as_slice())
                    .unwrap_or_default();
                for input in &template.inputs.parameters {
                    let has = input.value.is_some() || input.default.is_some() || input.value_from.is_some();
                    let given = given.contains(input.name.as_str())
                        || referred.iter().any(|given| given.name == input.name);
                    if !has && !given {
                        let message = format!(
                            "inputs.parameters.{} of template `{entrypoint}` was not supplied",
                            input.name
                        );
                        let hint = format!(
                            "give it with `-p {}=VALUE`, in spec.arguments, or a default",
                            input.name
                        );
                        self.problem(format!("{}/entrypoint", self.base), message, hint);
                    }
                }
            }
            _ => {}
        }
    }

    /// Says that a template is missing, and which was perhaps meant.
    pub(super) fn no_template(&mut self, pointer: String, name: &str) {
        let hint = suggest(name, &self.template_names());
        self.problem(pointer, format!("template name '{name}' undefined"), hint);
    }

    /// Exit handlers and hooks of the whole workflow.
    fn ends(&mut self) {
        let on_exit = &self.spec.on_exit;
        if !on_exit.is_empty() && matches!(self.template(on_exit), Called::Missing) {
            self.no_template(format!("{}/onExit", self.base), on_exit);
        }
        for (name, hook) in &self.spec.hooks {
            let missing =
                !hook.template.is_empty() && matches!(self.template(&hook.template), Called::Missing);
            if missing {
                self.no_template(format!("{}/hooks/{name}/template", self.base), &hook.template);
            }
        }
    }

    fn template_references(&mut self) {
        let Some(reference) = &self.spec.workflow_template_ref else {
            return;
        };
        let pointer = format!("{}/workflowTemplateRef/name", self.base);
        if !self.spec.templates.is_empty() {
            let pointer = format!("{}/templates", self.base);
            let message = "templates cannot be given beside workflowTemplateRef";
            self.problem(pointer, message, "leave one of the two out");
        }
        if self.rules.whole && self.referred().is_none() && !has_tag(&reference.name) {
            let message = format!("workflow template `{}` not found", reference.name);
            self.problem(pointer, message, "give the file that holds it as well");
        }
    }

    fn argument_list(&mut self) {
        let base = format!("{}/arguments", self.base);
        let arguments = &self.spec.arguments;
        self.parameters(&format!("{base}/parameters"), &arguments.parameters);
        self.unique(
            &format!("{base}/artifacts"),
            "artifact",
            arguments.artifacts.iter().map(|artifact| artifact.name.as_str()),
        );
        let referred = self
            .referred()
            .map(|spec| spec.arguments.parameters.as_slice())
            .unwrap_or_default();
        for (at, parameter) in arguments.parameters.iter().enumerate() {
            let pointer = format!("{base}/parameters/{at}");
            let elsewhere = referred
                .iter()
                .any(|other| other.name == parameter.name && other.value.is_some());
            let has = parameter.value.is_some() || parameter.value_from.is_some() || elsewhere;
            if self.rules.submit && self.runs && !has {
                let name = &parameter.name;
                let message =
                    format!("spec.arguments.{name}.value or spec.arguments.{name}.valueFrom is required");
                self.problem(
                    format!("{pointer}/value"),
                    message,
                    format!("give it with `-p {name}=VALUE`"),
                );
            }
            self.enumerated(&pointer, parameter);
        }
    }

    fn enumerated(&mut self, pointer: &str, parameter: &Parameter) {
        let Some(value) = &parameter.value else { return };
        let known: Vec<&str> = parameter.r#enum.iter().map(argo::AnyString::as_str).collect();
        if !known.is_empty() && !known.contains(&value.as_str()) {
            let name = &parameter.name;
            let message =
                format!("spec.arguments.{name}.value should be present in spec.arguments.{name}.enum list");
            self.problem(
                format!("{pointer}/value"),
                message,
                suggest(value.as_str(), &known),
            );
        }
    }

    fn own_template_names(&mut self) {
        for (at, template) in self.spec.templates.iter().enumerate() {
            if let Some(why) = bad_name(&template.name) {
                let pointer = format!("{}/templates/{at}/name", self.base);
                self.problem(
                    pointer,
                    format!("template name '{}' is invalid: {why}", template.name),
                    "give it another name",
                );
            }
        }
        self.unique(
            &format!("{}/templates", self.base),
            "template",
            self.spec.templates.iter().map(|template| template.name.as_str()),
        );
    }

    /// Names of a list that occur twice.
    pub(super) fn unique<'n>(&mut self, pointer: &str, what: &str, names: impl IntoIterator<Item = &'n str>) {
        for (at, name) in repeated(names) {
            let message = format!("{what} name '{name}' is not unique");
            self.problem(
                format!("{pointer}/{at}/name"),
                message,
                "give one of the two another name",
            );
        }
    }

    /// Names of parameters: well-formed, none twice.
    pub(super) fn parameters(&mut self, pointer: &str, parameters: &[Parameter]) {
        for (at, parameter) in parameters.iter().enumerate() {
            if let Some(why) = bad_value_name(&parameter.name) {
                let message = format!("parameter name '{}' is invalid: {why}", parameter.name);
                self.problem(format!("{pointer}/{at}/name"), message, "give it another name");
            }
        }
        self.unique(
            pointer,
            "parameter",
            parameters.iter().map(|parameter| parameter.name.as_str()),
        );
    }
}

/// A JSON value that may be absent.
trait OrNull<'v> {
    fn unwrap_or_default_ref(self) -> &'v serde_json::Value;
}

impl<'v> OrNull<'v> for Option<&'v serde_json::Value> {
    fn unwrap_or_default_ref(self) -> &'v serde_json::Value {
        self.unwrap_or(&serde_json::Value::Null)
    }
}
