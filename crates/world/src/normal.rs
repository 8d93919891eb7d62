//! The normal form of a Workflow's end: what must be the same in every world, whatever went wrong in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The fields of a node that chance and time have no part in.
const FIELDS: [&str; 9] = [
    "displayName",
    "type",
    "phase",
    "message",
    "templateName",
    "inputs",
    "outputs",
    "daemoned",
    "nodeFlag",
];

/// The first difference between the ends of two workflows: ours, and that of a calm world.
pub(crate) fn difference(ours: &Value, calm: &Value) -> Option<String> {
    let (ours, calm) = (normal(ours), normal(calm));
    let keys: std::collections::BTreeSet<&String> = ours.keys().chain(calm.keys()).collect();
    keys.into_iter().find_map(|key| {
        let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        let (a, b) = (ours.get(key), calm.get(key));
        (a != b).then(|| format!("{key} is {}, and {} when all is calm", show(a), show(b)))
    })
}

/// The end as a flat map: fields of the workflow and, by their names, of its nodes.
fn normal(workflow: &Value) -> BTreeMap<String, Value> {
    let status = &workflow["status"];
    let empty = Map::new();
    let nodes = status["nodes"].as_object().unwrap_or(&empty);
    let mut all = BTreeMap::new();
    for field in ["phase", "message", "progress", "outputs"] {
        all.insert(field.to_owned(), status[field].clone());
    }
    for node in nodes.values() {
        let name = node["name"].as_str().unwrap_or_default();
        for field in FIELDS {
            all.insert(format!("{name}: {field}"), node[field].clone());
        }
        for field in ["children", "outboundNodes"] {
            all.insert(format!("{name}: {field}"), names(&node[field], nodes));
        }
        let boundary = json!([node["boundaryID"]]);
        all.insert(format!("{name}: boundary"), names(&boundary, nodes));
    }
    all.retain(|_, value| !value.is_null());
    all
}

/// The names of nodes, in order.
fn names(ids: &Value, nodes: &Map<String, Value>) -> Value {
    let ids = ids.as_array().into_iter().flatten().filter_map(Value::as_str);
    let name = |id| nodes.get(id).map(|node| node["name"].clone());
    let mut names: Vec<Value> = ids.filter_map(name).collect();
    names.sort_by_key(ToString::to_string);
    names.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(ids: [&str; 2], result: &str, started: &str) -> Value {
        json!({"status": {"phase": "Succeeded", "startedAt": started, "nodes": {
            ids[0]: {"id": ids[0], "name": "w", "phase": "Succeeded", "children": [ids[1]]},
            ids[1]: {"id": ids[1], "name": "w.a", "phase": "Succeeded", "outputs": {"result": result}},
        }}})
    }

    #[test]
    fn ids_and_times_do_not_count() {
        let one = workflow(["x", "y"], "1", "noon");
        assert_eq!(difference(&one, &workflow(["y", "x"], "1", "midnight")), None);
        let other = workflow(["x", "y"], "2", "noon");
        let told = r#"w.a: outputs is {"result":"1"}, and {"result":"2"} when all is calm"#;
        assert_eq!(difference(&one, &other).as_deref(), Some(told));
    }
}
