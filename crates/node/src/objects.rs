//! What containers refer to and the node has to read: ConfigMaps and Secrets, and tokens it asks for.

use std::collections::BTreeMap;

use kinds::k8s::api::core::v1::{ConfigMap, Secret};
use kinds::kube::{Api, Client};

/// The named bytes of a ConfigMap or Secret.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl Source {
    /// Its name in a message about one that is missing.
    pub(crate) fn lower(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }

    /// Its name in a message about a missing key.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// Reads the data of an object; `None` if it does not exist.
pub(crate) async fn data(
    client: &Client,
    namespace: &str,
    source: Source,
    name: &str,
) -> Result<Option<Data>, kinds::kube::Error> {
    match source {
        Source::ConfigMap => {
            let found = Api::<ConfigMap>::namespaced(client.clone(), namespace)
                .get_opt(name)
                .await?;
            Ok(found.map(|map| {
                let text = map
                    .data
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(key, value)| (key, value.into_bytes()));
                let binary = map
                    .binary_data
                    .unwrap_or_default()
                    .into_iter()
                    .map(|(key, value)| (key, value.0));
                text.chain(binary).collect()
            }))
        }
        Source::Secret => {
            let found = Api::<Secret>::namespaced(client.clone(), namespace)
                .get_opt(name)
                .await?;
            let data = found.map(|secret| secret.data.unwrap_or_default());
            Ok(data.map(|data| data.into_iter().map(|(key, value)| (key, value.0)).collect()))
        }
    }
}

/// The data of an object that must exist unless `optional`; the error is kubelet's sentence.
pub(crate) async fn required(
    client: &Client,
    namespace: &str,
    source: Source,
    name: &str,
    optional: bool,
) -> Result<Data, String> {
    match data(client, namespace, source, name).await {
        Ok(Some(data)) => Ok(data),
        Ok(None) if optional => Ok(Data::new()),
        Ok(None) => Err(format!("{} {name:?} not found", source.lower())),
        Err(error) => Err(format!(
            "failed to read {} {namespace}/{name}: {error}",
            source.lower()
        )),
    }
}
