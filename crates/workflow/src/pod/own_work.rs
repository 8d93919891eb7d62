//! Steps that the executor does itself: what it asks of the API server, and requests over HTTP.
//! Rule: workflow/controller/operator.go, `executeResource`; http steps have a pod of their own each, where Argo has
//! one agent for all.

use argo::core::{Container, EnvVar};
use argo::exec::header_variable;
use argo::template::ResourceTemplate;
use serde_json::{Value, json};

use super::{Job, owner};

/// The container: our own image, and in its environment the headers that secrets hold.
pub(super) fn container(job: &Job<'_>) -> Container {
    let headers = job
        .template
        .http
        .iter()
        .flat_map(|http| &http.headers)
        .enumerate();
    let secret = |(at, header): (usize, &argo::template::HttpHeader)| {
        let from = serde_json::to_value(header.value_from.as_ref()?.secret_key_ref.as_ref()?).ok()?;
        let fields = [
            ("name".to_owned(), Value::from(header_variable(at))),
            ("valueFrom".to_owned(), json!({ "secretKeyRef": from })),
        ];
        Some(EnvVar(fields.into_iter().collect()))
    };
    Container {
        image: job.config.exec.image.clone(),
        env: headers.filter_map(secret).collect(),
        ..Container::default()
    }
}

/// What is asked of the API server, with the workflow as owner of the object if it is to be.
pub(super) fn resource(job: &Job<'_>) -> Result<Option<ResourceTemplate>, String> {
    let Some(mut resource) = job.template.resource.as_deref().cloned() else {
        return Ok(None);
    };
    if resource.set_owner_reference {
        resource.manifest = owned(&resource.manifest, &owner(job.meta))?;
    }
    Ok(Some(resource))
}

/// A manifest with one owner more.
fn owned(manifest: &str, owner: &Value) -> Result<String, String> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    let object = serde_saphyr::from_str_with_options(manifest, options);
    let mut object: Value = object.map_err(|error: serde_saphyr::Error| error.to_string())?;
    let metadata = object
        .as_object_mut()
        .ok_or("a manifest is a map")?
        .entry("metadata")
        .or_insert_with(|| json!({}));
    let owners = metadata
        .as_object_mut()
        .ok_or("the metadata of a manifest is a map")?
        .entry("ownerReferences")
        .or_insert_with(|| json!([]));
    let owners = owners.as_array_mut().ok_or("ownerReferences is a list")?;
    owners.push(owner.clone());
    Ok(object.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_get_an_owner() {
        let check = |manifest: &str, expected: Result<Value, &str>| {
            let found =
                owned(manifest, &json!("o")).map(|text| serde_json::from_str::<Value>(&text).unwrap());
            assert_eq!(found, expected.map_err(str::to_owned), "{manifest}");
        };
        check(
            "a: 1",
            Ok(json!({"a": 1, "metadata": {"ownerReferences": ["o"]}})),
        );
        check(
            "metadata: {name: x, ownerReferences: [p], mode: 0644}",
            Ok(json!({"metadata": {"name": "x", "ownerReferences": ["p", "o"], "mode": 420}})),
        );
        check("[]", Err("a manifest is a map"));
    }
}
