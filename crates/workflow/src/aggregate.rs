//! The outputs of a loop as one: JSON lists over the turns that succeeded, in the order of their index.

use std::collections::BTreeMap;

use argo::NodeStatus;
use expr::lang::Value;
use serde_json::{Map, Value as Json};

use crate::names::loop_index;
use crate::phase::{SUCCEEDED, hooked, retried};
use crate::vars::{self, VarMap};

/// `outputs.result`, `outputs.parameters` and `outputs.parameters.NAME` of a loop.
///
/// Items of `result` must be JSON; a parameter's list holds JSON values if all of its values are JSON
/// objects or lists, else strings.
pub(crate) fn loop_outputs(mut nodes: Vec<&NodeStatus>) -> Result<VarMap, String> {
    nodes.retain(|n| !hooked(n) && !retried(n));
    if nodes.is_empty() {
        return Ok(VarMap::new());
    }
    nodes.sort_by_key(|n| loop_index(&n.name));
    let (mut results, mut parameters) = (Vec::new(), Vec::new());
    let mut lists: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in nodes.iter().filter(|n| n.phase == SUCCEEDED) {
        let Some(outputs) = &node.outputs else { continue };
        if let Some(result) = &outputs.result {
            results.push(serde_json::from_str::<Json>(result).map_err(|e| go_json_error(result, &e))?);
        }
        let mut of_node = Map::new();
        for parameter in &outputs.parameters {
            let value = parameter.value.as_ref().map_or("", |v| v.as_str());
            of_node.insert(parameter.name.clone(), value.into());
            lists.entry(&parameter.name).or_default().push(value);
        }
        if !of_node.is_empty() {
            parameters.push(Json::Object(sorted(of_node)));
        }
    }
    let mut vars = VarMap::from([
        ("outputs.result".to_owned(), json_var(&Json::Array(results))),
        (
            "outputs.parameters".to_owned(),
            json_var(&Json::Array(parameters)),
        ),
    ]);
    for (name, values) in lists {
        vars.insert(format!("outputs.parameters.{name}"), json_var(&list(&values)));
    }
    Ok(vars)
}

/// Go writes maps in the order of their keys.
fn sorted(map: Map<String, Json>) -> Map<String, Json> {
    let ordered: BTreeMap<String, Json> = map.into_iter().collect();
    ordered.into_iter().collect()
}

fn json_var(value: &Json) -> Value {
    vars::text(value.to_string())
}

fn list(values: &[&str]) -> Json {
    let parsed: Option<Vec<Json>> = values.iter().map(|v| structured(v)).collect();
    match parsed {
        Some(parsed) => Json::Array(parsed),
        None => Json::Array(values.iter().map(|v| Json::from(*v)).collect()),
    }
}

/// A value that is a JSON object or list.
fn structured(text: &str) -> Option<Json> {
    let value: Json = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// What Go's decoder says of text that is not JSON.
fn go_json_error(text: &str, error: &serde_json::Error) -> String {
    match text.trim_start().chars().next() {
        None => "unexpected end of JSON input".to_owned(),
        Some(c) if error.column() <= 1 => {
            format!("invalid character '{c}' looking for beginning of value")
        }
        Some(_) => format!("invalid JSON: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use argo::{Outputs, Parameter};

    use super::*;

    fn node(index: usize, phase: &str, result: &str, value: &str) -> NodeStatus {
        let parameter = Parameter {
            name: "p".into(),
            value: Some(value.into()),
            ..Parameter::default()
        };
        NodeStatus {
            name: format!("wf.a({index}:x)"),
            phase: phase.into(),
            outputs: Some(Outputs {
                result: Some(result.into()),
                parameters: vec![parameter],
                ..Outputs::default()
            }),
            ..NodeStatus::default()
        }
    }

    #[test]
    fn lists_what_succeeded_in_order() {
        let nodes = [
            node(10, "Succeeded", "3", "c"),
            node(2, "Succeeded", "{\"a\":1}", "b"),
            node(1, "Failed", "2", "a"),
        ];
        let vars = loop_outputs(nodes.iter().collect()).unwrap();
        assert_eq!(vars["outputs.result"].as_str(), Some("[{\"a\":1},3]"));
        assert_eq!(
            vars["outputs.parameters"].as_str(),
            Some("[{\"p\":\"b\"},{\"p\":\"c\"}]")
        );
        assert_eq!(vars["outputs.parameters.p"].as_str(), Some("[\"b\",\"c\"]"));
    }

    #[test]
    fn a_result_must_be_json() {
        let nodes = [node(0, "Succeeded", "hello", "x")];
        let error = loop_outputs(nodes.iter().collect()).unwrap_err();
        assert_eq!(error, "invalid character 'h' looking for beginning of value");
    }
}
