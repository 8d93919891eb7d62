//! Discovery before it was aggregated: a document per group and version.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::registry::{Registry, Row};
use crate::reviews::REVIEWS;

/// All groups but the core one.
pub(super) fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = versions(registry)
        .into_iter()
        .map(|(name, versions)| entry(&name, &versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// One group.
pub(super) fn group(registry: &Registry, name: &str) -> Option<Value> {
    let mut group = entry(name, versions(registry).get(name)?);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

/// The resources of a group's version.
pub(super) fn resources(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let rows = registry.rows().into_iter();
    let mut resources: Vec<Value> = rows
        .filter(|row| row.group == group && row.version == version)
        .flat_map(|row| with_subresources(&row))
        .collect();
    for review in REVIEWS
        .iter()
        .filter(|review| review.group == group && version == "v1")
    {
        resources.push(json!({
            "name": review.plural, "singularName": review.kind.to_lowercase(), "namespaced": review.namespaced,
            "kind": review.kind, "verbs": ["create"],
        }));
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    (!resources.is_empty()).then(|| {
        let mut list =
            json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources});
        // The core group's list never had a version of its own.
        if !group.is_empty() {
            list["apiVersion"] = "v1".into();
        }
        list
    })
}

fn versions(registry: &Registry) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in registry.rows().into_iter().filter(|row| !row.group.is_empty()) {
        let versions = groups.entry(row.group.clone()).or_default();
        if !versions.contains(&row.version) {
            versions.push(row.version.clone());
        }
    }
    groups
        .values_mut()
        .for_each(|versions| super::by_preference(versions));
    for review in REVIEWS {
        groups
            .entry(review.group.to_owned())
            .or_insert_with(|| vec!["v1".to_owned()]);
    }
    groups
}

fn entry(name: &str, versions: &[String]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|v| json!({"groupVersion": format!("{name}/{v}"), "version": v}))
        .collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

/// What clients compare to see whether the storage version has changed. Rule: apiserver's `StorageVersionHash`.
fn storage_version_hash(row: &Row) -> String {
    let version = row.stored_api_version.rsplit('/').next().unwrap_or_default();
    let hash = Sha256::digest(format!("{}/{version}/{}", row.group, row.kind));
    STANDARD.encode(&hash[..8])
}

fn with_subresources(row: &Row) -> Vec<Value> {
    let mut whole = json!({
        "name": row.plural, "singularName": row.singular, "namespaced": row.namespaced, "kind": row.kind,
        "verbs": row.verbs(),
    });
    whole["storageVersionHash"] = storage_version_hash(row).into();
    for (field, words) in [("shortNames", &row.short_names), ("categories", &row.categories)] {
        if !words.is_empty() {
            whole[field] = words.clone().into();
        }
    }
    let parts = row.subresources.iter().map(|sub| {
        let mut part = json!({
            "name": format!("{}/{}", row.plural, sub.name), "singularName": "", "namespaced": row.namespaced,
            "kind": sub.kind.unwrap_or(&row.kind), "verbs": sub.verbs,
        });
        // Group and version are said where they are another's.
        if !sub.group.is_empty() {
            part["group"] = sub.group.into();
            part["version"] = sub.version.into();
        }
        part
    });
    std::iter::once(whole).chain(parts).collect()
}
