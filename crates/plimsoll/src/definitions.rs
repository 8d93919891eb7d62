//! Registers Argo's kinds and ours through the API, like anyone's CustomResourceDefinitions.

use anyhow::Context as _;
use kinds::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::kube::api::{Patch, PatchParams};
use kinds::kube::{Api, Client};

/// Creates or updates each definition.
pub(crate) async fn register(client: &Client) -> anyhow::Result<()> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in kinds::crds() {
        let name = definition
            .pointer("/metadata/name")
            .and_then(|name| name.as_str())
            .unwrap_or_default()
            .to_owned();
        let params = PatchParams::apply("plimsoll").force();
        api.patch(&name, &params, &Patch::Apply(&definition))
            .await
            .with_context(|| format!("cannot register {name}"))?;
    }
    Ok(())
}
