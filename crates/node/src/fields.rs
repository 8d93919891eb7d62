//! The downward API: a pod's own fields and resources as text.

use kinds::k8s::api::core::v1::{Container, Pod, ResourceFieldSelector};
use meta::Quantity;

/// What a node knows that pods may ask for.
#[derive(Clone, Debug)]
pub(crate) struct NodeFacts {
    /// The address pods report.
    pub(crate) address: String,
    /// What an absent CPU limit stands for, in thousandths of a processor.
    pub(crate) cpu_millis: i64,
    /// What an absent memory limit stands for, in bytes.
    pub(crate) memory: i64,
}

/// The value of a `fieldRef`; the error is a sentence.
pub(crate) fn field(pod: &Pod, path: &str, facts: &NodeFacts) -> Result<String, String> {
    let meta = &pod.metadata;
    if let Some((map, key)) = subscript(path) {
        let map = match map {
            "metadata.labels" => &meta.labels,
            "metadata.annotations" => &meta.annotations,
            _ => return Err(format!("unsupported fieldPath: {path}")),
        };
        return Ok(map
            .as_ref()
            .and_then(|map| map.get(key))
            .cloned()
            .unwrap_or_default());
    }
    let spec = pod.spec.as_ref();
    let text = |value: Option<&String>| Ok(value.cloned().unwrap_or_default());
    match path {
        "metadata.name" => text(meta.name.as_ref()),
        "metadata.namespace" => text(meta.namespace.as_ref()),
        "metadata.uid" => text(meta.uid.as_ref()),
        "metadata.labels" => Ok(lines(meta.labels.as_ref())),
        "metadata.annotations" => Ok(lines(meta.annotations.as_ref())),
        "spec.nodeName" => text(spec.and_then(|spec| spec.node_name.as_ref())),
        "spec.serviceAccountName" => Ok(service_account(pod).to_owned()),
        "status.hostIP" | "status.podIP" | "status.hostIPs" | "status.podIPs" => Ok(facts.address.clone()),
        _ => Err(format!("unsupported fieldPath: {path}")),
    }
}

/// The service account a pod runs as.
pub(crate) fn service_account(pod: &Pod) -> &str {
    let name = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.service_account_name.as_deref());
    name.filter(|name| !name.is_empty()).unwrap_or("default")
}

/// `metadata.labels['a']` in its two parts.
fn subscript(path: &str) -> Option<(&str, &str)> {
    let (map, rest) = path.split_once('[')?;
    let key = rest.strip_suffix(']')?;
    Some((map, key.trim_matches(['\'', '"'])))
}

/// A map as a file: `key="value"` lines, sorted.
fn lines(map: Option<&std::collections::BTreeMap<String, String>>) -> String {
    let lines: Vec<_> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", quote(value)))
        .collect();
    lines.join("\n")
}

/// A text as Go's `%q` prints it, near enough for labels and annotations.
fn quote(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The value of a `resourceFieldRef` of `container`: rounded up to whole divisors.
pub(crate) fn resource(
    container: &Container,
    selector: &ResourceFieldSelector,
    facts: &NodeFacts,
) -> Result<String, String> {
    let (kind, resource) = selector
        .resource
        .split_once('.')
        .unwrap_or(("", &selector.resource));
    let resources = container.resources.as_ref();
    let list = |kind: &str| match kind {
        "limits" => resources.and_then(|r| r.limits.as_ref()),
        "requests" => resources.and_then(|r| r.requests.as_ref()),
        _ => None,
    };
    if !matches!(kind, "limits" | "requests") {
        return Err(format!("unsupported container resource: {}", selector.resource));
    }
    let given = list(kind)
        .and_then(|list| list.get(resource))
        .map(|quantity| quantity.0.as_str());
    let millis = match (given, kind, resource) {
        (Some(text), _, _) => parse(text)?,
        (None, "limits", "cpu") => i128::from(facts.cpu_millis),
        (None, "limits", "memory") => i128::from(facts.memory) * 1000,
        _ => 0,
    };
    let divisor = selector
        .divisor
        .as_ref()
        .map(|quantity| quantity.0.as_str())
        .filter(|text| !matches!(*text, "" | "0"));
    let divisor = divisor.map_or(Ok(1000), parse)?.max(1);
    Ok(((millis + divisor - 1) / divisor).to_string())
}

/// A quantity in thousandths.
fn parse(text: &str) -> Result<i128, String> {
    let quantity: Quantity = text
        .parse()
        .map_err(|e| format!("invalid quantity {text:?}: {e}"))?;
    Ok(i128::from(quantity.as_millis()))
}
