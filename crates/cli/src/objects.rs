//! Objects of any kind on the server: found by discovery, created or brought up to date.

use kinds::kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use kinds::kube::discovery::{self, Scope};
use kinds::kube::{Api, Client};
use meta::Gvk;
use serde_json::Value;

use crate::error::{CommandError, Result, status_code};

/// What the server answers when a name is taken.
const CONFLICT: u16 = 409;

/// The objects of a document's kind, in its own namespace, else `namespace`.
///
/// # Errors
/// The server does not serve the kind, or cannot be reached.
pub async fn api_of(client: &Client, object: &Value, namespace: &str) -> Result<Api<DynamicObject>> {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let (version, kind) = (
        text("/apiVersion").unwrap_or_default(),
        text("/kind").unwrap_or_default(),
    );
    let (resource, scope) = resource(client, version, kind).await?;
    let namespace = text("/metadata/namespace").unwrap_or(namespace);
    Ok(match scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    })
}

async fn resource(client: &Client, api_version: &str, kind: &str) -> Result<(ApiResource, Scope)> {
    let gvk = Gvk::from_api_version(api_version, kind);
    let gvk = GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind);
    match discovery::pinned_kind(client, &gvk).await {
        Ok((resource, capabilities)) => Ok((resource, capabilities.scope)),
        Err(error) => {
            let error = CommandError::from(error);
            Err(error.while_doing(format!("the server does not serve {kind} of {api_version}")))
        }
    }
}

/// What became of an applied object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is new.
    Created,
    /// It was there and is now as given.
    Configured,
}

/// Creates `object`, or merges it into the one of its name.
///
/// # Errors
/// The server refuses it.
pub async fn apply(client: &Client, object: &Value, namespace: &str) -> Result<Applied> {
    let api = api_of(client, object, namespace).await?;
    let dynamic: DynamicObject = decode(object)?;
    match api.create(&PostParams::default(), &dynamic).await {
        Ok(_) => Ok(Applied::Created),
        Err(error) if status_code(&error) == Some(CONFLICT) && dynamic.metadata.name.is_some() => {
            let name = dynamic.metadata.name.unwrap_or_default();
            api.patch(&name, &PatchParams::default(), &Patch::Merge(object))
                .await?;
            Ok(Applied::Configured)
        }
        Err(error) => Err(error.into()),
    }
}

/// The JSON of an object as one that can be sent.
///
/// # Errors
/// It is not an object at all.
pub fn decode(object: &Value) -> Result<DynamicObject> {
    serde_json::from_value(object.clone())
        .map_err(|error| CommandError::input("this is not a Kubernetes object").because(&error))
}

/// How a document is called in messages: `workflow/digits-x7k2p`.
#[must_use]
pub fn title(object: &Value) -> String {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name")
        .or_else(|| text("/metadata/generateName"))
        .unwrap_or("?");
    format!("{}/{name}", text("/kind").unwrap_or("?").to_lowercase())
}
