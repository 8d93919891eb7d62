//! Aggregated discovery: every group, version and resource in one list.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::REVIEWS;
use crate::registry::{Registry, Row};

/// The core group, or all others.
pub(super) fn list(registry: &Registry, core: bool) -> Value {
    let mut groups: BTreeMap<String, BTreeMap<String, Vec<Value>>> = BTreeMap::new();
    for row in registry
        .rows()
        .into_iter()
        .filter(|row| row.group.is_empty() == core)
    {
        let versions = groups.entry(row.group.clone()).or_default();
        versions
            .entry(row.version.clone())
            .or_default()
            .push(resource(&row));
    }
    for (group, plural, kind) in REVIEWS.iter().filter(|_| !core) {
        let versions = groups.entry((*group).to_owned()).or_default();
        versions
            .entry("v1".to_owned())
            .or_default()
            .push(review(group, plural, kind));
    }
    let items: Vec<Value> = groups
        .iter()
        .map(|(name, versions)| group(name, versions))
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn group(name: &str, versions: &BTreeMap<String, Vec<Value>>) -> Value {
    let metadata = if name.is_empty() {
        json!({})
    } else {
        json!({"name": name})
    };
    let mut names: Vec<String> = versions.keys().cloned().collect();
    super::by_preference(&mut names);
    let versions: Vec<Value> = names
        .iter()
        .map(|name| json!({"version": name, "resources": versions[name], "freshness": "Current"}))
        .collect();
    json!({"metadata": metadata, "versions": versions})
}

fn resource(row: &Arc<Row>) -> Value {
    let kind = json!({"group": row.group, "version": row.version, "kind": row.kind});
    let subresources: Vec<Value> = row
        .subresources
        .iter()
        .map(|sub| {
            let kind =
                json!({"group": sub.group, "version": sub.version, "kind": sub.kind.unwrap_or(&row.kind)});
            json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
        })
        .collect();
    let mut resource = json!({
        "resource": row.plural, "responseKind": kind, "singularResource": row.singular, "verbs": row.verbs(),
        "scope": if row.namespaced { "Namespaced" } else { "Cluster" },
    });
    for (field, words) in [("shortNames", &row.short_names), ("categories", &row.categories)] {
        if !words.is_empty() {
            resource[field] = words.clone().into();
        }
    }
    if !subresources.is_empty() {
        resource["subresources"] = subresources.into();
    }
    resource
}

fn review(group: &str, plural: &str, kind: &str) -> Value {
    json!({
        "resource": plural, "responseKind": {"group": group, "version": "v1", "kind": kind}, "scope": "Cluster",
        "singularResource": kind.to_lowercase(), "verbs": ["create"],
    })
}
