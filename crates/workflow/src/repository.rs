//! Which artifact repository a workflow has. Rule: Argo's artifact repository references: a ConfigMap of the workflow's
//! namespace, else of the controller's, else the controller's own setting.
//!
//! It is found once, when the workflow starts, and kept in its status: a ConfigMap that changes later does not move the
//! artifacts of a workflow that runs.

use argo::repository::ArtifactRepository;
use argo::spec::ArtifactRepositoryRef;
use argo::status::ArtifactRepositoryRefStatus;

use crate::contract::{Config, ConfigMap, Library};

/// The ConfigMap of references that name none.
const CONFIG_MAP: &str = "artifact-repositories";

/// The repository that a reference stands for; none, if there is none and none is asked for.
pub(crate) fn resolve(
    reference: Option<&ArtifactRepositoryRef>,
    namespace: &str,
    library: &Library,
    config: &Config,
) -> Result<Option<ArtifactRepositoryRefStatus>, String> {
    let name = reference
        .map(|r| r.config_map.as_str())
        .filter(|name| !name.is_empty());
    let name = name.unwrap_or(CONFIG_MAP);
    let key = reference.map(|r| r.key.as_str()).filter(|key| !key.is_empty());
    // Without a reference only the workflow's own namespace is asked: the controller has its setting.
    let at_home = config.home.as_deref().filter(|_| reference.is_some());
    let places = [
        library.config_maps.get(name).map(|map| (namespace, map)),
        at_home.and_then(|home| Some((home, library.home_maps.get(name)?))),
    ];
    if let Some((namespace, map)) = places.into_iter().flatten().next() {
        return read(namespace, name, key, map).map(Some);
    }
    // One machine has a repository of its own, which stands for those of the cluster that a manifest comes from.
    if reference.is_some() && config.artifact_repository.is_none() {
        return Err(format!(
            "failed to resolve artifact repository: there is no config map \"{name}\""
        ));
    }
    Ok(config
        .artifact_repository
        .clone()
        .map(|repository| ArtifactRepositoryRefStatus {
            default: true,
            artifact_repository: Some(repository),
            ..ArtifactRepositoryRefStatus::default()
        }))
}

fn read(
    namespace: &str,
    name: &str,
    key: Option<&str>,
    map: &ConfigMap,
) -> Result<ArtifactRepositoryRefStatus, String> {
    let key = key.unwrap_or(&map.default_repository);
    let text = map.data.get(key).ok_or_else(|| {
        format!(
            "failed to resolve artifact repository: config map missing key {key} for artifact repository ref \
             \"{namespace}/{name}\""
        )
    })?;
    let repository: ArtifactRepository = serde_saphyr::from_str(text).map_err(|error| {
        format!("failed to get artifact repository: key {key} of config map \"{name}\": {error}")
    })?;
    Ok(ArtifactRepositoryRefStatus {
        artifact_repository: Some(repository),
        config_map: name.to_owned(),
        key: key.to_owned(),
        namespace: namespace.to_owned(),
        default: false,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    fn map(default: &str, data: &[(&str, &str)]) -> Arc<ConfigMap> {
        let data = data.iter().map(|(key, bucket)| {
            let text = format!("s3:\n  bucket: {bucket}\n  endpoint: e\n");
            ((*key).to_owned(), text)
        });
        Arc::new(ConfigMap {
            default_repository: default.to_owned(),
            data: data.collect(),
            ..ConfigMap::default()
        })
    }

    /// The bucket that a reference, `CONFIG_MAP/KEY`, leads to.
    fn check(reference: Option<&str>, own: &[(&str, Arc<ConfigMap>)], expected: Result<&str, &str>) {
        check_with(reference, own, None, expected);
    }

    fn check_with(
        reference: Option<&str>,
        own: &[(&str, Arc<ConfigMap>)],
        setting: Option<&str>,
        expected: Result<&str, &str>,
    ) {
        let maps = |maps: &[(&str, Arc<ConfigMap>)]| -> BTreeMap<String, Arc<ConfigMap>> {
            let named = maps.iter().map(|(name, map)| ((*name).to_owned(), map.clone()));
            named.collect()
        };
        let library = Library {
            config_maps: maps(own),
            home_maps: maps(&[(CONFIG_MAP, map("a", &[("a", "home-a"), ("b", "home-b")]))]),
            ..Library::default()
        };
        let config = Config {
            home: Some("home".to_owned()),
            artifact_repository: setting.map(|bucket| {
                serde_json::from_value(serde_json::json!({"s3": {"bucket": bucket}})).expect("one")
            }),
            ..Config::default()
        };
        let reference = reference.map(|text| {
            let (config_map, key) = text.split_once('/').unwrap_or((text, ""));
            ArtifactRepositoryRef {
                config_map: config_map.to_owned(),
                key: key.to_owned(),
            }
        });
        let found = resolve(reference.as_ref(), "ns", &library, &config);
        let bucket = |status: ArtifactRepositoryRefStatus| Some(status.artifact_repository?.s3?.bucket);
        let found = found.map(|status| status.and_then(bucket).unwrap_or_default());
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn references_lead_to_repositories() {
        let own = [
            (CONFIG_MAP, map("a", &[("a", "own-a"), ("b", "own-b")])),
            ("other", map("", &[("c", "other-c")])),
        ];
        check(None, &own, Ok("own-a"));
        check(Some("/b"), &own, Ok("own-b"));
        check(Some("other/c"), &own, Ok("other-c"));
        check(None, &[], Ok(""));
        check_with(None, &[], Some("setting"), Ok("setting"));
        check_with(Some("none/x"), &[], Some("setting"), Ok("setting"));
        check(Some("/b"), &[], Ok("home-b"));
        check(Some(""), &[], Ok("home-a"));
    }

    #[test]
    fn references_that_lead_nowhere_say_so() {
        let failed = "failed to resolve artifact repository";
        check(
            Some("none/x"),
            &[],
            Err(&format!("{failed}: there is no config map \"none\"")),
        );
        check(
            Some("/x"),
            &[(CONFIG_MAP, map("", &[]))],
            Err(&format!(
                "{failed}: config map missing key x for artifact repository ref \"ns/artifact-repositories\""
            )),
        );
    }
}
