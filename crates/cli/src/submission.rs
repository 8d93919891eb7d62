//! Turning manifests into workflows on a server: overrides, checks, then creation, all or nothing.
//!
//! ```text
//! documents -> overrides (-p, --name, ...) -> check -> apply what is no Workflow -> create the Workflows
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kinds::kube::api::{DynamicObject, PostParams};
use kinds::kube::{Api, Client};
use serde_json::{Map, Value, json};

use crate::check;
use crate::context::Context;
use crate::error::{CommandError, ErrorKind, Result, status_code};
use crate::manifest::{self, Document, Loaded};
use crate::objects::{self, Applied};
use crate::tree::view::workflows;

/// Flags that change a workflow before it is submitted; Argo's.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// Pass an input parameter
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// Pass the input parameters that a YAML or JSON file maps from names to values
    #[arg(long, short = 'f', value_name = "FILE")]
    pub parameter_file: Option<PathBuf>,
    /// Start with this template
    #[arg(long, value_name = "TEMPLATE")]
    pub entrypoint: Option<String>,
    /// Give the workflow this name
    #[arg(long, value_name = "NAME", conflicts_with = "generate_name")]
    pub name: Option<String>,
    /// Let the server make a name that begins so
    #[arg(long, value_name = "PREFIX")]
    pub generate_name: Option<String>,
    /// Add labels
    #[arg(long, short = 'l', value_name = "KEY=VALUE,...")]
    pub labels: Option<String>,
    /// Run its pods under this service account
    #[arg(long, value_name = "NAME")]
    pub serviceaccount: Option<String>,
    /// Its priority among workflows that wait
    #[arg(long, value_name = "NUMBER")]
    pub priority: Option<i64>,
}

/// Overrides that have been read and understood.
#[derive(Clone, Debug, Default, PartialEq)]
struct Changes {
    parameters: Vec<(String, Value)>,
    labels: BTreeMap<String, String>,
    spec: Map<String, Value>,
    name: Option<String>,
    generate_name: Option<String>,
}

impl Overrides {
    fn changes(&self) -> Result<Changes> {
        let mut parameters = self
            .parameter_file
            .as_deref()
            .map(parameter_file)
            .transpose()?
            .unwrap_or_default();
        for pair in &self.parameters {
            let (name, value) = pair_of(pair, "-p")?;
            parameters.push((name, Value::String(value)));
        }
        let labels = self
            .labels
            .iter()
            .flat_map(|text| text.split(','))
            .map(|pair| pair_of(pair, "--labels"));
        let mut spec = Map::new();
        let mut set =
            |key: &str, value: Option<Value>| spec.extend(value.map(|value| (key.to_owned(), value)));
        set("entrypoint", self.entrypoint.clone().map(Value::from));
        set("serviceAccountName", self.serviceaccount.clone().map(Value::from));
        set("priority", self.priority.map(Value::from));
        Ok(Changes {
            parameters,
            labels: labels.collect::<Result<_>>()?,
            spec,
            name: self.name.clone(),
            generate_name: self.generate_name.clone(),
        })
    }
}

/// `NAME=VALUE`, as `flag` takes it.
///
/// # Errors
/// It is not of that form.
pub(crate) fn pair_of(text: &str, flag: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(CommandError::input(format!(
            "`{flag} {text}` is not of the form NAME=VALUE"
        ))),
    }
}

fn parameter_file(path: &Path) -> Result<Vec<(String, Value)>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::input(format!("cannot read `{shown}`")).because(&error))?;
    let loaded = manifest::load_text(&shown.to_string(), &text);
    let mut error = CommandError::input(format!("`{shown}` does not map parameter names to values"));
    error.diagnostics = loaded.problems;
    match loaded.documents.first().map(|document| &document.value) {
        Some(Value::Object(map)) if error.diagnostics.is_empty() => Ok(map
            .iter()
            .map(|(name, value)| (name.clone(), scalar(value)))
            .collect()),
        _ => Err(error),
    }
}

/// A parameter's value is text; what is not becomes JSON.
fn scalar(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => Value::String(other.to_string()),
    }
}

impl Changes {
    /// Changes one Workflow.
    fn apply(&self, workflow: &mut Value) {
        let Some(object) = workflow.as_object_mut() else {
            return;
        };
        if let Some(metadata) = section(object, "metadata") {
            self.rename(metadata);
            if !self.labels.is_empty()
                && let Some(labels) = section(metadata, "labels")
            {
                labels.extend(self.labels.iter().map(|(key, value)| (key.clone(), json!(value))));
            }
        }
        if let Some(spec) = section(object, "spec") {
            spec.extend(self.spec.clone());
            self.parametrize(spec);
        }
    }

    fn rename(&self, metadata: &mut Map<String, Value>) {
        if let Some(name) = &self.name {
            metadata.remove("generateName");
            metadata.insert("name".to_owned(), json!(name));
        }
        if let Some(prefix) = &self.generate_name {
            metadata.remove("name");
            metadata.insert("generateName".to_owned(), json!(prefix));
        }
    }

    fn parametrize(&self, spec: &mut Map<String, Value>) {
        if self.parameters.is_empty() {
            return;
        }
        let Some(arguments) = section(spec, "arguments") else {
            return;
        };
        let list = arguments.entry("parameters").or_insert_with(|| json!([]));
        let Some(list) = list.as_array_mut() else { return };
        for (name, value) in &self.parameters {
            match list
                .iter_mut()
                .find(|known| known.get("name").and_then(Value::as_str) == Some(name))
            {
                Some(known) => *known = json!({"name": name, "value": value}),
                None => list.push(json!({"name": name, "value": value})),
            }
        }
    }
}

/// The object under `key`, made if it is absent or null; none if it is something else, which the check will say.
fn section<'m>(map: &'m mut Map<String, Value>, key: &str) -> Option<&'m mut Map<String, Value>> {
    let entry = map.entry(key).or_insert(Value::Null);
    if entry.is_null() {
        *entry = json!({});
    }
    entry.as_object_mut()
}

/// Documents that are fit to be created.
#[derive(Debug, Default)]
pub struct Prepared {
    /// What the Workflows may need, in the order of the files.
    pub others: Vec<Value>,
    /// The Workflows, in the order of the files.
    pub workflows: Vec<Value>,
}

/// Reads, changes and checks `paths`.
///
/// # Errors
/// Anything is wrong with any document; all that is wrong is in the error.
pub fn prepare(paths: &[PathBuf], overrides: &Overrides) -> Result<Prepared> {
    let mut loaded = manifest::load(paths, &mut std::io::stdin());
    let changes = overrides.changes()?;
    loaded
        .documents
        .iter_mut()
        .filter(|document| document.is_workflow())
        .for_each(|document| changes.apply(&mut document.value));
    loaded
        .documents
        .iter_mut()
        .for_each(|document| check::read_as_typed(&mut document.value));
    one_name(&loaded.documents, &changes)?;
    let Loaded {
        documents,
        mut problems,
    } = loaded;
    problems.extend(check::check(&documents));
    if !problems.is_empty() {
        return Err(bad_input(problems));
    }
    let (workflows, others) = documents
        .into_iter()
        .partition::<Vec<_>, _>(Document::is_workflow);
    let values = |documents: Vec<Document>| documents.into_iter().map(|document| document.value).collect();
    Ok(Prepared {
        others: values(others),
        workflows: values(workflows),
    })
}

/// Changes and checks one Workflow that comes from no file.
///
/// # Errors
/// As for [`prepare`].
pub fn prepare_one(mut workflow: Value, overrides: &Overrides) -> Result<Prepared> {
    overrides.changes()?.apply(&mut workflow);
    Ok(Prepared {
        others: Vec::new(),
        workflows: vec![workflow],
    })
}

fn one_name(documents: &[Document], changes: &Changes) -> Result<()> {
    let several = documents.iter().filter(|document| document.is_workflow()).count() > 1;
    if several && changes.name.is_some() {
        return Err(
            CommandError::input("--name cannot be given to several workflows").hint("use --generate-name")
        );
    }
    Ok(())
}

/// The error that shows `problems` and says that nothing happened.
#[must_use]
pub fn bad_input(problems: Vec<crate::diagnostic::Diagnostic>) -> CommandError {
    let count = problems.len();
    let plural = if count == 1 { "" } else { "s" };
    let mut error = CommandError::input(format!(
        "{count} problem{plural} in the manifests; nothing was created"
    ));
    error.diagnostics = problems;
    error
}

/// Applies what is no Workflow, saying so, then creates the Workflows. Returns them as created.
///
/// # Errors
/// The server refuses one; what came before it stays.
pub async fn create(
    context: &Context,
    client: &Client,
    namespace: &str,
    prepared: &Prepared,
) -> Result<Vec<DynamicObject>> {
    for object in &prepared.others {
        let title = objects::title(object);
        let applied = objects::apply(client, object, namespace).await;
        let applied = applied.map_err(|error| error.while_doing(format!("cannot create {title}")))?;
        let verb = if applied == Applied::Created {
            "created"
        } else {
            "configured"
        };
        context.ui.say(&format!("{title} {verb}"));
    }
    let mut created = Vec::new();
    for workflow in &prepared.workflows {
        created.push(create_workflow(client, namespace, workflow).await?);
    }
    Ok(created)
}

async fn create_workflow(client: &Client, namespace: &str, workflow: &Value) -> Result<DynamicObject> {
    let own = workflow.pointer("/metadata/namespace").and_then(Value::as_str);
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), own.unwrap_or(namespace), &workflows());
    let object = objects::decode(workflow)?;
    api.create(&PostParams::default(), &object).await.map_err(|error| {
        let taken = status_code(&error) == Some(409);
        let error = CommandError::from(error);
        let name = object.metadata.name.clone().unwrap_or_default();
        match taken {
            true => error.hint(format!("delete it with `plimsoll delete {name}`, or give this one another name with --name or --generate-name {name}-")),
            false if error.kind == ErrorKind::Failed => error.while_doing(format!("cannot create {}", objects::title(workflow))),
            false => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(overrides: &Overrides, workflow: Value) -> Value {
        let mut workflow = workflow;
        overrides.changes().expect("overrides").apply(&mut workflow);
        workflow
    }

    #[test]
    fn overrides_change_what_they_name_and_nothing_else() {
        let overrides = Overrides {
            parameters: vec!["a=1".to_owned(), "new=x=y".to_owned()],
            entrypoint: Some("main".to_owned()),
            generate_name: Some("run-".to_owned()),
            labels: Some("team=a,env=b".to_owned()),
            ..Overrides::default()
        };
        let parameters =
            json!([{"name": "a", "value": "0", "description": "d"}, {"name": "b", "value": "2"}]);
        let workflow =
            json!({"metadata": {"name": "old"}, "spec": {"arguments": {"parameters": parameters}, "x": 1}});
        let expected = json!({
            "metadata": {"generateName": "run-", "labels": {"team": "a", "env": "b"}},
            "spec": {
                "arguments": {"parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}, {"name": "new", "value": "x=y"}]},
                "x": 1,
                "entrypoint": "main",
            },
        });
        assert_eq!(changed(&overrides, workflow), expected);
    }

    #[test]
    fn a_parameter_file_gives_text_and_flags_come_after_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("p.yaml");
        std::fs::write(&file, "a: 1\nb: [1, 2]\nc: text\n").expect("a file");
        let overrides = Overrides {
            parameters: vec!["a=9".to_owned()],
            parameter_file: Some(file),
            ..Overrides::default()
        };
        let found = changed(&overrides, json!({"spec": {}}));
        let expected = json!([{"name": "a", "value": "9"}, {"name": "b", "value": "[1,2]"}, {"name": "c", "value": "text"}]);
        assert_eq!(found.pointer("/spec/arguments/parameters"), Some(&expected));
    }

    #[test]
    fn a_parameter_without_a_value_is_bad_input() {
        let overrides = Overrides {
            parameters: vec!["a".to_owned()],
            ..Overrides::default()
        };
        let error = overrides.changes().expect_err("no value");
        assert_eq!(error.kind, ErrorKind::Input);
    }
}
