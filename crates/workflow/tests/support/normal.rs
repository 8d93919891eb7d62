//! The normal form of a Workflow's status, and differences between two of them.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value, json};

struct Texts {
    replacements: Vec<(String, String)>,
    time: Regex,
}

/// Addresses of pods differ.
fn without_addresses(value: &Value) -> Value {
    let address = Regex::new(r"\b10\.\d+\.\d+\.\d+\b").unwrap();
    serde_json::from_str(&address.replace_all(&value.to_string(), "IP")).unwrap()
}

impl Texts {
    fn of(workflow: &Value) -> Self {
        let name = workflow["metadata"]["name"].as_str().unwrap_or_default();
        let mut replacements = Vec::new();
        for (id, node) in workflow["status"]["nodes"].as_object().into_iter().flatten() {
            if id != name {
                replacements.push((
                    id.clone(),
                    format!("ID({})", node["name"].as_str().unwrap_or_default()),
                ));
            }
        }
        for (field, word) in [("namespace", "NAMESPACE"), ("uid", "UID")] {
            if let Some(text) = workflow["metadata"][field].as_str().filter(|t| *t != word) {
                replacements.push((text.to_owned(), word.to_owned()));
            }
        }
        let time = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d( UTC)?)?( UTC)?";
        Self {
            replacements,
            time: Regex::new(time).unwrap(),
        }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (from, to) in &self.replacements {
            text = text.replace(from.as_str(), to);
        }
        self.time.replace_all(&text, "TIME").into_owned()
    }

    fn deep(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(list) => list.iter().map(|v| self.deep(v)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), self.deep(v)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn io(&self, value: &Value) -> Option<Value> {
        let mut out = Map::new();
        if let Some(list) = value["parameters"].as_array().filter(|l| !l.is_empty()) {
            let of: Map<_, _> = list
                .iter()
                .map(|p| {
                    (
                        p["name"].as_str().unwrap_or_default().to_owned(),
                        self.deep(&p["value"]),
                    )
                })
                .collect();
            out.insert("parameters".into(), of.into());
        }
        if let Some(list) = value["artifacts"].as_array() {
            let mut names: Vec<&str> = list
                .iter()
                .filter_map(|a| a["name"].as_str())
                .filter(|n| *n != "main-logs")
                .collect();
            names.sort_unstable();
            if !names.is_empty() {
                out.insert("artifacts".into(), json!(names));
            }
        }
        for field in ["result", "exitCode"] {
            if !value[field].is_null() {
                out.insert(field.into(), self.deep(&value[field]));
            }
        }
        (!out.is_empty()).then_some(out.into())
    }
}

/// As `normal.py` of the conformance cases makes it; saved logs aside, which depend on the repository.
pub fn normal(workflow: &Value) -> Value {
    let texts = Texts::of(workflow);
    let status = &workflow["status"];
    let empty = Map::new();
    let nodes = status["nodes"].as_object().unwrap_or(&empty);
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|v| !v.is_null() && *v != json!([])) {
            out.insert(key.to_owned(), value);
        }
    };
    put("phase", Some(status["phase"].clone()));
    put(
        "message",
        status["message"]
            .as_str()
            .filter(|m| !m.is_empty())
            .map(|m| texts.text(m).into()),
    );
    put("progress", Some(status["progress"].clone()));
    put("outputs", texts.io(&status["outputs"]));
    let mut conditions: Vec<String> = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| {
            let message = c["message"]
                .as_str()
                .map(|m| format!(": {}", texts.text(m)))
                .unwrap_or_default();
            format!(
                "{}={}{message}",
                c["type"].as_str().unwrap(),
                c["status"].as_str().unwrap()
            )
        })
        .collect();
    conditions.sort();
    put("conditions", Some(json!(conditions)));
    put("finished", Some(json!(!status["finishedAt"].is_null())));
    let mut list: Vec<Value> = nodes.values().map(|n| node(&texts, n, nodes)).collect();
    list.sort_by_key(|n| n["name"].as_str().unwrap_or_default().to_owned());
    put("nodes", Some(list.into()));
    out.into()
}

fn node(texts: &Texts, node: &Value, nodes: &Map<String, Value>) -> Value {
    let mut out = Map::new();
    let reference = |id: &Value| -> Value {
        let name = id
            .as_str()
            .and_then(|id| nodes.get(id))
            .and_then(|n| n["name"].as_str());
        texts.text(name.unwrap_or("missing")).into()
    };
    for key in ["name", "displayName", "type", "phase"] {
        out.insert(key.into(), texts.deep(&node[key]));
    }
    for key in [
        "message",
        "templateName",
        "templateScope",
        "daemoned",
        "templateRef",
        "memoizationStatus",
        "nodeFlag",
        "synchronizationStatus",
    ] {
        let value = &node[key];
        if !value.is_null() && *value != json!("") && *value != json!({}) {
            out.insert(key.into(), texts.deep(value));
        }
    }
    if node["boundaryID"].as_str().is_some_and(|b| !b.is_empty()) {
        out.insert("boundary".into(), reference(&node["boundaryID"]));
    }
    for key in ["children", "outboundNodes"] {
        let mut names: Vec<Value> = node[key]
            .as_array()
            .into_iter()
            .flatten()
            .map(reference)
            .collect();
        names.sort_by_key(|n| n.as_str().unwrap_or_default().to_owned());
        if !names.is_empty() {
            out.insert(key.into(), names.into());
        }
    }
    for key in ["inputs", "outputs"] {
        out.extend(texts.io(&node[key]).map(|io| (key.to_owned(), io)));
    }
    if node["type"] == "Pod" && !node["progress"].is_null() {
        out.insert("progress".into(), node["progress"].clone());
    }
    out.insert("started".into(), (!node["startedAt"].is_null()).into());
    out.insert("finished".into(), (!node["finishedAt"].is_null()).into());
    out.into()
}

/// Where a workflow's normal form differs from a tree, what varies aside.
pub fn differences(ours: &Value, tree: &Value, varies: &[String]) -> Vec<String> {
    let (ours, tree) = (&without_addresses(ours), &without_addresses(tree));
    let mut lines = Vec::new();
    let varies = |k: &str| varies.iter().any(|v| v == k);
    let keys = |a: &Value, b: &Value| -> Vec<String> {
        let mut keys: Vec<String> = a
            .as_object()
            .into_iter()
            .chain(b.as_object())
            .flat_map(|m| m.keys().cloned())
            .collect();
        keys.sort();
        keys.dedup();
        keys
    };
    for key in keys(ours, tree)
        .iter()
        .filter(|k| !matches!(k.as_str(), "nodes" | "workflow") && !varies(k))
    {
        if ours[key] != tree[key] {
            lines.push(format!("{key}: {}, not {}", ours[key], tree[key]));
        }
    }
    let by_name = |v: &Value| -> BTreeMap<String, Value> {
        v["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|n| (n["name"].as_str().unwrap().to_owned(), strip_logs(n)))
            .collect()
    };
    let (ours, theirs) = (by_name(ours), by_name(tree));
    let mut names: Vec<&String> = ours.keys().chain(theirs.keys()).filter(|n| !varies(n)).collect();
    names.sort();
    names.dedup();
    for name in names {
        match (ours.get(name), theirs.get(name)) {
            (None, Some(_)) => lines.push(format!("no node {name}")),
            (Some(_), None) => lines.push(format!("a node {name}")),
            (Some(a), Some(b)) => {
                for key in keys(a, b) {
                    if a[&key] != b[&key] {
                        lines.push(format!("{name}: {key}: {}, not {}", a[&key], b[&key]));
                    }
                }
            }
            (None, None) => {}
        }
    }
    lines
}

/// Saved logs are the repository's doing, not the workflow's.
fn strip_logs(node: &Value) -> Value {
    let mut node = node.clone();
    let Some(outputs) = node.get_mut("outputs").and_then(Value::as_object_mut) else {
        return node;
    };
    if let Some(list) = outputs.get_mut("artifacts").and_then(Value::as_array_mut) {
        list.retain(|a| !a.as_str().is_some_and(|n| n.ends_with("-logs")));
        if list.is_empty() {
            outputs.remove("artifacts");
        }
    }
    if outputs.is_empty() {
        node.as_object_mut().unwrap().remove("outputs");
    }
    node
}

/// Where two values differ, by path.
pub fn value_differences(path: &str, a: &Value, b: &Value) -> Vec<String> {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
            keys.sort();
            keys.dedup();
            let of = |m: &Map<String, Value>, k: &String| m.get(k).cloned().unwrap_or(Value::Null);
            keys.into_iter()
                .flat_map(|k| value_differences(&format!("{path}/{k}"), &of(x, k), &of(y, k)))
                .collect()
        }
        _ if a == b => vec![],
        _ => vec![format!("{path}: {a} / {b}")],
    }
}
