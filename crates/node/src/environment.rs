//! A container's environment: what the node gives, then `envFrom`, then `env`, later entries winning.

use kinds::k8s::api::core::v1::{Container, EnvFromSource, EnvVarSource, Pod};
use kinds::kube::Client;

use crate::expand::expand;
use crate::fields::{self, NodeFacts};
use crate::objects::{self, Source};

/// Names and values, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Vec<(String, String)>);

impl Environment {
    /// Sets a variable.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// A variable's value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// `text` with `$(NAME)` replaced.
    pub(crate) fn expand(&self, text: &str) -> String {
        expand(text, |name| self.get(name).map(str::to_owned))
    }

    /// `NAME=value` each.
    pub(crate) fn into_strings(self) -> Vec<String> {
        self.0
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }
}

/// Whether the environment of `container` is in objects that have to be read first.
pub(crate) fn needs_objects(container: &Container) -> bool {
    let reads =
        |source: &EnvVarSource| source.config_map_key_ref.is_some() || source.secret_key_ref.is_some();
    container
        .env_from
        .as_ref()
        .is_some_and(|sources| !sources.is_empty())
        || container
            .env
            .iter()
            .flatten()
            .any(|var| var.value_from.as_ref().is_some_and(reads))
}

/// Adds what `container` declares; the error is kubelet's sentence for `CreateContainerConfigError`.
pub(crate) async fn declare(
    environment: &mut Environment,
    client: &Client,
    pod: &Pod,
    container: &Container,
    facts: &NodeFacts,
) -> Result<(), String> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    for source in container.env_from.iter().flatten() {
        from(environment, client, namespace, source).await?;
    }
    for var in container.env.iter().flatten() {
        let value = match &var.value_from {
            None => Some(environment.expand(var.value.as_deref().unwrap_or_default())),
            Some(source) => value(client, pod, container, facts, source).await?,
        };
        if let Some(value) = value {
            environment.set(&var.name, value);
        }
    }
    Ok(())
}

async fn from(
    environment: &mut Environment,
    client: &Client,
    namespace: &str,
    from: &EnvFromSource,
) -> Result<(), String> {
    let prefix = from.prefix.as_deref().unwrap_or_default();
    let sources = [
        (
            Source::ConfigMap,
            from.config_map_ref.as_ref().map(|r| (&r.name, r.optional)),
        ),
        (
            Source::Secret,
            from.secret_ref.as_ref().map(|r| (&r.name, r.optional)),
        ),
    ];
    for (source, reference) in sources {
        let Some((name, optional)) = reference else {
            continue;
        };
        let data = objects::required(client, namespace, source, name, optional == Some(true)).await?;
        for (key, value) in data {
            environment.set(
                &format!("{prefix}{key}"),
                String::from_utf8_lossy(&value).into_owned(),
            );
        }
    }
    Ok(())
}

/// The value that `source` names; nothing if it is optional and absent.
async fn value(
    client: &Client,
    pod: &Pod,
    container: &Container,
    facts: &NodeFacts,
    source: &EnvVarSource,
) -> Result<Option<String>, String> {
    if let Some(field) = &source.field_ref {
        return fields::field(pod, &field.field_path, facts).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        let of = resource
            .container_name
            .as_deref()
            .and_then(|name| find(pod, name))
            .unwrap_or(container);
        return fields::resource(of, resource, facts).map(Some);
    }
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(r) = &source.config_map_key_ref {
        return key(
            client,
            namespace,
            Source::ConfigMap,
            (&r.name, &r.key),
            r.optional,
        )
        .await;
    }
    if let Some(r) = &source.secret_key_ref {
        return key(client, namespace, Source::Secret, (&r.name, &r.key), r.optional).await;
    }
    Ok(Some(String::new()))
}

async fn key(
    client: &Client,
    namespace: &str,
    source: Source,
    (name, key): (&str, &str),
    optional: Option<bool>,
) -> Result<Option<String>, String> {
    let optional = optional == Some(true);
    let data = objects::required(client, namespace, source, name, optional).await?;
    match data.get(key) {
        Some(value) => Ok(Some(String::from_utf8_lossy(value).into_owned())),
        None if optional => Ok(None),
        None => Err(format!(
            "couldn't find key {key} in {} {namespace}/{name}",
            source.kind()
        )),
    }
}

/// A container of the pod by name.
pub(crate) fn find<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    spec.init_containers
        .iter()
        .flatten()
        .chain(&spec.containers)
        .find(|container| container.name == name)
}
