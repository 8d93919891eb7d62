//! Aggregated discovery: every group, version and resource in one list.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::registry::{Registry, Row};
use crate::reviews::{REVIEWS, Review};

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
    for asked in REVIEWS.iter().filter(|_| !core) {
        let versions = groups.entry(asked.group.to_owned()).or_default();
        versions.entry("v1".to_owned()).or_default().push(review(asked));
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
    let kind = match row.custom {
        true => json!({"group": row.group, "version": row.version, "kind": row.kind}),
        false => own_kind(&row.kind),
    };
    let subresources: Vec<Value> = row
        .subresources
        .iter()
        .map(|sub| {
            let kind = match sub.kind {
                Some(name) if sub.group.is_empty() => own_kind(name),
                Some(name) => json!({"group": sub.group, "version": sub.version, "kind": name}),
                None => kind.clone(),
            };
            json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
        })
        .collect();
    let mut resource = json!({
        "resource": row.plural, "responseKind": kind, "singularResource": row.singular, "verbs": row.verbs(),
        "scope": scope(row.namespaced),
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

/// The kind of a built-in resource: group and version are those it is listed under, and left out.
fn own_kind(kind: &str) -> Value {
    json!({"group": "", "version": "", "kind": kind})
}

fn scope(namespaced: bool) -> &'static str {
    if namespaced { "Namespaced" } else { "Cluster" }
}

fn review(review: &Review) -> Value {
    json!({
        "resource": review.plural, "responseKind": own_kind(review.kind), "scope": scope(review.namespaced),
        "singularResource": review.kind.to_lowercase(), "verbs": ["create"],
    })
}
