//! One template: it is of one type, its inputs and outputs make sense, its tags are known.

use argo::core::Container;
use argo::{Parameter, Template};
use serde_json::Value;

use super::Check;
use super::names::bad_value_name;
use super::scope::Scope;

/// Names of containers that are the executor's.
pub(super) const RESERVED: [&str; 3] = ["init", "wait", "supervisor"];

impl<'a> Check<'a> {
    /// Checks `template`, whose JSON is `raw` and lies at `pointer`.
    pub(super) fn one_template(
        &mut self,
        template: &'a Template,
        raw: &Value,
        pointer: &str,
        globals: &Scope,
    ) {
        self.one_type(template, pointer);
        self.inputs(template, pointer);
        self.outputs(template, pointer);
        self.containers(template, pointer);
        self.parts(template, pointer);
        let mut scope = globals.clone();
        add_inputs(template, &mut scope);
        if let Some(dag) = &template.dag {
            self.dag(template, dag, raw, pointer, &mut scope);
        } else if !template.steps.is_empty() {
            self.steps(template, raw, pointer, &mut scope);
        } else {
            self.leaf(template, raw, pointer, &scope);
            return;
        }
        self.fields(raw, pointer, &["steps", "dag"], &scope);
        if let Some(dag) = raw.get("dag") {
            self.fields(dag, &format!("{pointer}/dag"), &["tasks"], &scope);
        }
    }

    /// The tags of all fields of `raw` but some.
    fn fields(&mut self, raw: &Value, pointer: &str, but: &[&str], scope: &Scope) {
        for (field, part) in raw.as_object().into_iter().flatten() {
            if !but.contains(&field.as_str()) {
                self.resolve(part, &format!("{pointer}/{field}"), scope);
            }
        }
    }

    fn one_type(&mut self, template: &Template, pointer: &str) {
        let types = types(template);
        let name = &template.name;
        match types.as_slice() {
            [_] => {}
            [] => self.problem(
                pointer.to_owned(),
                format!("templates.{name} must have a template type"),
                "add one of container, script, steps, dag, suspend, resource, containerSet, http, data, plugin",
            ),
            [_, second, ..] => {
                let pointer = format!("{pointer}/{second}");
                let message = format!("templates.{name} has multiple template types: {}", types.join(", "));
                self.problem(pointer, message, "a template has exactly one");
            }
        }
    }

    fn inputs(&mut self, template: &Template, pointer: &str) {
        self.parameters(
            &format!("{pointer}/inputs/parameters"),
            &template.inputs.parameters,
        );
        let artifacts = format!("{pointer}/inputs/artifacts");
        self.unique(
            &artifacts,
            "artifact",
            template
                .inputs
                .artifacts
                .iter()
                .map(|artifact| artifact.name.as_str()),
        );
        self.artifact_names(&artifacts, &template.inputs.artifacts);
    }

    fn outputs(&mut self, template: &Template, pointer: &str) {
        let base = format!("{pointer}/outputs");
        self.parameters(&format!("{base}/parameters"), &template.outputs.parameters);
        self.unique(
            &format!("{base}/artifacts"),
            "artifact",
            template
                .outputs
                .artifacts
                .iter()
                .map(|artifact| artifact.name.as_str()),
        );
        self.artifact_names(&format!("{base}/artifacts"), &template.outputs.artifacts);
        for (at, parameter) in template.outputs.parameters.iter().enumerate() {
            self.output(template, parameter, &format!("{base}/parameters/{at}"));
        }
    }

    fn artifact_names(&mut self, pointer: &str, artifacts: &[argo::Artifact]) {
        for (at, artifact) in artifacts.iter().enumerate() {
            if let Some(why) = bad_value_name(&artifact.name) {
                let message = format!("artifact name '{}' is invalid: {why}", artifact.name);
                self.problem(format!("{pointer}/{at}/name"), message, "give it another name");
            }
        }
    }

    /// An output parameter says in one way where its value comes from.
    fn output(&mut self, template: &Template, parameter: &Parameter, pointer: &str) {
        let label = format!(
            "templates.{}.outputs.parameters.{}",
            template.name, parameter.name
        );
        let Some(from) = &parameter.value_from else {
            if parameter.value.is_none() {
                self.problem(
                    format!("{pointer}/valueFrom"),
                    format!("{label}.valueFrom is missing"),
                    "say where its value comes from",
                );
            }
            return;
        };
        let sources = [
            &from.path,
            &from.json_path,
            &from.jq_filter,
            &from.parameter,
            &from.expression,
            &from.event,
        ];
        let given =
            sources.iter().filter(|source| !source.is_empty()).count() + usize::from(from.supplied.is_some());
        if given > 1 {
            self.problem(
                format!("{pointer}/valueFrom"),
                format!("{label} has multiple valueFrom sources"),
                "leave one",
            );
        }
    }

    fn containers(&mut self, template: &Template, pointer: &str) {
        let name = &template.name;
        let default = |pick: fn(&Template) -> Option<&Container>| {
            self.spec
                .template_defaults
                .as_deref()
                .and_then(pick)
                .is_some_and(|container| !container.image.is_empty())
        };
        if let Some(container) = template
            .container
            .as_ref()
            .filter(|container| container.image.is_empty())
            && container.image.is_empty()
            && !default(|template| template.container.as_deref())
        {
            let pointer = format!("{pointer}/container/image");
            self.problem(
                pointer,
                format!("templates.{name}.container.image may not be empty"),
                "add `image: NAME`",
            );
        }
        if template
            .script
            .as_ref()
            .is_some_and(|script| script.container.image.is_empty())
            && !default(|template| template.script.as_ref().map(|script| &script.container))
        {
            let pointer = format!("{pointer}/script/image");
            self.problem(
                pointer,
                format!("templates.{name}.script.image may not be empty"),
                "add `image: NAME`",
            );
        }
        for (kind, list) in [
            ("sidecars", &template.sidecars),
            ("initContainers", &template.init_containers),
        ] {
            for (at, container) in list.iter().enumerate() {
                self.container_name(
                    name,
                    kind,
                    &container.container.name,
                    &format!("{pointer}/{kind}/{at}"),
                );
            }
        }
    }

    fn container_name(&mut self, template: &str, kind: &str, name: &str, pointer: &str) {
        if name.is_empty() {
            let message = format!("templates.{template} {kind} must all have container name");
            self.problem(format!("{pointer}/name"), message, "add `name: NAME`");
        } else if RESERVED.contains(&name) || name == "main" {
            let message = format!("templates.{template}.{kind}: '{name}' is a reserved Argo container name");
            self.problem(format!("{pointer}/name"), message, "give it another name");
        }
    }

    /// A template that does something itself.
    fn leaf(&mut self, template: &Template, raw: &Value, pointer: &str, scope: &Scope) {
        if template.parallelism.is_some() && !types(template).is_empty() {
            let message = format!(
                "templates.{}.parallelism is only valid for steps and dag templates",
                template.name
            );
            self.problem(format!("{pointer}/parallelism"), message, "leave it out");
        }
        self.resolve(raw, pointer, scope);
    }
}

/// The types that a template has, by field.
fn types(template: &Template) -> Vec<&'static str> {
    let has = [
        ("container", template.container.is_some()),
        ("containerSet", template.container_set.is_some()),
        ("script", template.script.is_some()),
        ("steps", !template.steps.is_empty()),
        ("dag", template.dag.is_some()),
        ("suspend", template.suspend.is_some()),
        ("resource", template.resource.is_some()),
        ("http", template.http.is_some()),
        ("data", template.data.is_some()),
        ("plugin", template.plugin.is_some()),
    ];
    has.into_iter()
        .filter(|(_, has)| *has)
        .map(|(name, _)| name)
        .collect()
}

/// What is known in a template of what it is given, and of itself.
fn add_inputs(template: &Template, scope: &mut Scope) {
    scope.add("inputs.parameters");
    for parameter in &template.inputs.parameters {
        scope.add(format!("inputs.parameters.{}", parameter.name));
    }
    for artifact in &template.inputs.artifacts {
        scope.add(format!("inputs.artifacts.{}", artifact.name));
        if !artifact.path.is_empty() {
            scope.add(format!("inputs.artifacts.{}.path", artifact.name));
        }
    }
    if template.steps.is_empty() && template.dag.is_none() {
        scope.add("pod.name");
    }
}
