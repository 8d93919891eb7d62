//! Calling a template: what it takes, from what it is passed, and its tags replaced.
//! Rule: workflow/common/util.go, `ProcessArgs` and `SubstituteParams`.

use argo::core::ConfigMapKeySelector;
use argo::{Arguments, Parameter, Template};
use serde::Deserialize;

use crate::contract::{ConfigMap, LABEL_CONFIG_MAP_TYPE, Library};
use crate::subst::{self, Unknown};
use crate::vars::{self, VarMap, Vars};

/// Stands for an argument that refers to an output which a skipped node never gave: as if not passed.
pub(crate) const ABSENT: &str = "__argo-internal.absent-optional-output__";

/// The template with its inputs filled in and its tags replaced, as far as they are known by now.
pub(crate) fn process(
    template: &Template,
    arguments: &Arguments,
    vars: Vars<'_>,
    library: &Library,
) -> Result<Template, String> {
    let mut filled = template.clone();
    for input in &mut filled.inputs.parameters {
        fill_parameter(input, arguments.parameter(&input.name), vars, library)?;
    }
    fill_artifacts(&mut filled, arguments)?;
    substitute(&filled, vars)
}

fn fill_parameter(
    input: &mut Parameter,
    argument: Option<&Parameter>,
    vars: Vars<'_>,
    library: &Library,
) -> Result<(), String> {
    if input.value.is_none() {
        input.value.clone_from(&input.default);
    }
    let absent = argument.is_some_and(|a| a.value.as_ref().is_some_and(|v| v.0 == ABSENT));
    match argument {
        Some(_) if absent && input.value.is_none() && input.value_from.is_none() => {
            return Err(format!(
                "inputs.parameters.{}: argument references an absent optional (skipped/omitted node output with no default)",
                input.name
            ));
        }
        Some(_) if absent => {}
        Some(argument) if argument.value.is_some() => {
            input.value.clone_from(&argument.value);
            input.value_from = None;
        }
        Some(argument) => {
            input.value_from.clone_from(&argument.value_from);
            input.value = None;
        }
        None => {}
    }
    let reference = input
        .value_from
        .as_ref()
        .and_then(|f| f.config_map_key_ref.clone());
    match reference {
        Some(reference) => from_config_map(input, &reference, vars, library),
        None if input.value.is_none() => Err(format!("inputs.parameters.{} was not supplied", input.name)),
        None => Ok(()),
    }
}

fn from_config_map(
    input: &mut Parameter,
    reference: &ConfigMapKeySelector,
    vars: Vars<'_>,
    library: &Library,
) -> Result<(), String> {
    let text = |field| {
        subst::in_text(reference.text(field).unwrap_or_default(), vars, Unknown::Refuse)
            .map_err(|f| format!("failed to substitute configMapKeyRef: {}", f.message()))
    };
    match config_map_value(library, &text("name")?, &text("key")?) {
        Ok(value) => input.value = Some(value.into()),
        Err(Lookup::Wrong(error)) => {
            return Err(format!(
                "unable to retrieve inputs.parameters.{} from ConfigMap: {error}",
                input.name
            ));
        }
        Err(Lookup::Missing(error)) => {
            let default = input.value_from.as_ref().and_then(|f| f.default.clone());
            input.value = Some(default.ok_or_else(|| {
                format!(
                    "unable to retrieve inputs.parameters.{} from ConfigMap: {error}",
                    input.name
                )
            })?);
        }
    }
    Ok(())
}

/// Why a ConfigMap gave no value.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// It is not there, or has no such key: a default may stand in.
    Missing(String),
    /// It is not meant for parameters.
    Wrong(String),
}

impl Lookup {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Missing(message) | Self::Wrong(message) => message,
        }
    }
}

/// A value of a ConfigMap that is labelled for parameters.
pub(crate) fn config_map_value(library: &Library, name: &str, key: &str) -> Result<String, Lookup> {
    let Some(ConfigMap { kind, data, .. }) = library.config_maps.get(name).map(AsRef::as_ref) else {
        return Err(Lookup::Missing(format!(
            "ConfigMap '{name}' does not exist. Please make sure it has the label {LABEL_CONFIG_MAP_TYPE}: Parameter to be detectable by the controller"
        )));
    };
    if kind != "Parameter" {
        return Err(Lookup::Wrong(format!(
            "ConfigMap '{name}' needs to have the label {LABEL_CONFIG_MAP_TYPE}: Parameter to load parameters"
        )));
    }
    data.get(key)
        .cloned()
        .ok_or_else(|| Lookup::Missing(format!("ConfigMap '{name}' does not have the key '{key}'")))
}

fn fill_artifacts(template: &mut Template, arguments: &Arguments) -> Result<(), String> {
    for input in &mut template.inputs.artifacts {
        let argument = arguments.artifact(&input.name);
        if !(input.optional || input.location.has_location() || input.location.has_key()) {
            let Some(argument) = argument else {
                return Err(format!("inputs.artifacts.{} was not supplied", input.name));
            };
            if !(argument.location.has_location() || argument.location.has_key()) {
                return Err(format!(
                    "inputs.artifacts.{} missing location information",
                    input.name
                ));
            }
        }
        if let Some(argument) = argument {
            let mut artifact = argument.clone();
            artifact.path = std::mem::take(&mut input.path);
            artifact.mode = input.mode;
            artifact.recurse_mode = input.recurse_mode;
            *input = artifact;
        }
    }
    Ok(())
}

/// Replaces global and local tags, then those of the template's own inputs and outputs.
pub(crate) fn substitute(template: &Template, vars: Vars<'_>) -> Result<Template, String> {
    let json = serde_json::to_value(template).map_err(|e| e.to_string())?;
    let first = subst::in_value(&json, vars, Unknown::Keep).map_err(subst::Failure::message)?;
    let invalid = |e: serde_json::Error| format!("the result of substitution is not valid: {e}");
    let half: Template = Template::deserialize(&first).map_err(invalid)?;
    let mut all = vars.locals.clone();
    own_vars(&half, &mut all)?;
    let vars = Vars { locals: &all, ..vars };
    let second = subst::in_value(&first, vars, Unknown::Keep).map_err(subst::Failure::message)?;
    if second == first {
        return Ok(half);
    }
    serde_json::from_value(second).map_err(invalid)
}

/// `inputs.*` and the paths of outputs.
fn own_vars(template: &Template, vars: &mut VarMap) -> Result<(), String> {
    for input in &template.inputs.parameters {
        match &input.value {
            Some(value) => {
                vars.insert(
                    format!("inputs.parameters.{}", input.name),
                    vars::text(value.as_str()),
                );
            }
            None if input.value_from.is_none() => {
                return Err(format!("inputs.parameters.{} had no value", input.name));
            }
            None => {}
        }
    }
    let all = serde_json::to_string(&template.inputs.parameters).map_err(|e| e.to_string())?;
    vars.insert("inputs.parameters".to_owned(), vars::text(all));
    let paths = template.inputs.artifacts.iter().map(|a| ("inputs.artifacts", a));
    for (group, artifact) in paths.chain(
        template
            .outputs
            .artifacts
            .iter()
            .map(|a| ("outputs.artifacts", a)),
    ) {
        if !artifact.path.is_empty() {
            vars.insert(
                format!("{group}.{}.path", artifact.name),
                vars::text(artifact.path.as_str()),
            );
        }
    }
    for output in &template.outputs.parameters {
        if let Some(from) = output.value_from.as_ref().filter(|f| !f.path.is_empty()) {
            vars.insert(
                format!("outputs.parameters.{}.path", output.name),
                vars::text(from.path.as_str()),
            );
        }
    }
    Ok(())
}
