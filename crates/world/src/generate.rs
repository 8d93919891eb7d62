//! Random workflows over the whole core semantics, from a seed.
//!
//! A workflow that is *sure* ends the same in every world: nothing in it depends on when something happens.
//! It can be compared with its own run in a calm world. Others have deadlines, time-outs, templates that give
//! up at a first failure, endless programs, pauses that wait for people.

mod leaf;
mod nest;

use std::collections::BTreeMap;

use meta::seeded::Seeded;
use serde_json::{Value, json};

use self::nest::Maker;

/// The annotation of a workflow that is sure.
pub(crate) const SURE: &str = "plimsoll.dev/sure";
/// The ConfigMap that holds the sizes of semaphores.
pub(crate) const SIZES: &str = "sizes";
/// Semaphores of all workflows together.
const SEMAPHORES: u64 = 3;

/// What is generated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// About how many pods the workflow has.
    pub(crate) size: u64,
    /// Whether it is to be sure.
    pub(crate) sure: bool,
    /// Whether there are machines with devices.
    pub(crate) devices: bool,
}

/// Whether a workflow is sure.
pub(crate) fn is_sure(workflow: &Value) -> bool {
    workflow["metadata"]["annotations"][SURE] == "true"
}

/// The sizes of locks: those of semaphores from the script's ConfigMap; a mutex has one place.
pub(crate) fn locks_of(objects: &[Value]) -> BTreeMap<String, usize> {
    let maps = objects.iter().filter(|object| object["kind"] == "ConfigMap");
    let data = maps.filter_map(|map| map["data"].as_object()).flatten();
    let size = |value: &Value| value.as_str()?.parse().ok();
    data.filter_map(|(key, value)| Some((format!("{SIZES}/{key}"), size(value)?)))
        .collect()
}

/// The objects that generated workflows refer to.
pub(crate) fn library(random: &mut Seeded) -> Vec<Value> {
    let size = |random: &mut Seeded| (1 + random.below(3)).to_string();
    let sizes: serde_json::Map<String, Value> = (0..SEMAPHORES)
        .map(|i| (format!("s{i}"), size(random).into()))
        .collect();
    let container = json!({"image": "step", "command": ["act"], "args": ["takes=3000"]});
    let templates = json!([
        {"name": "one", "inputs": {"parameters": [{"name": "x", "value": "1"}]}, "container": container},
        {"name": "two", "steps": [[{"name": "a", "template": "one"}], [{"name": "b", "template": "one",
            "arguments": {"parameters": [{"name": "x", "value": "{{steps.a.id}}"}]}}]]},
    ]);
    let of = |kind: &str, name: &str| {
        json!({"apiVersion": argo::API_VERSION, "kind": kind, "metadata": {"name": name, "namespace": "default"},
            "spec": {"entrypoint": "two", "templates": templates}})
    };
    let mut cluster = of("ClusterWorkflowTemplate", "shared");
    cluster["metadata"]["namespace"].take();
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": SIZES, "namespace": "default"}, "data": sizes}),
        of("WorkflowTemplate", "library"),
        cluster,
    ]
}

/// A workflow of this name.
pub(crate) fn workflow(name: &str, wish: Wish, random: &mut Seeded) -> Value {
    let mut maker = Maker::new(name, wish, random.split(name));
    let entrypoint = maker.template(3);
    let mut spec = json!({"entrypoint": entrypoint});
    maker.settings(&mut spec);
    spec["templates"] = maker.templates.into();
    json!({
        "apiVersion": argo::API_VERSION,
        "kind": "Workflow",
        "metadata": {"namespace": "default", "name": name, "annotations": {SURE: wish.sure.to_string()}},
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_workflows_are_valid() {
        let mut library = workflow::contract::Library::default();
        for object in super::library(&mut Seeded::new(1)) {
            let spec = || serde_json::from_value(object["spec"].clone()).unwrap();
            let name = crate::script::name(&object).to_owned();
            match object["kind"].as_str().unwrap() {
                "WorkflowTemplate" => drop(library.templates.insert(name, std::sync::Arc::new(spec()))),
                "ClusterWorkflowTemplate" => {
                    drop(
                        library
                            .cluster_templates
                            .insert(name, std::sync::Arc::new(spec())),
                    );
                }
                _ => {}
            }
        }
        let rules = workflow::validate::Rules {
            whole: true,
            submit: true,
        };
        for seed in 0..300 {
            let wish = Wish {
                size: seed % 60,
                sure: seed % 2 == 0,
                devices: true,
            };
            let made = workflow("w", wish, &mut Seeded::new(seed));
            let wrong = workflow::validate::validate(&made, &library, rules);
            assert!(wrong.is_empty(), "seed {seed}: {wrong:?}\n{made:#}");
        }
    }
}
