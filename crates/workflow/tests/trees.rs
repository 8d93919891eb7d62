//! Node trees against those that the upstream controller left: pods end as the tree says they ended, and the
//! rest must follow.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::normal::{differences, normal};
use support::{Outcome, Script, World, documents, library};
use workflow::contract::{Config, ImageCommand};

fn shared() -> Option<PathBuf> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/argo"
    ));
    if path.is_dir() {
        return Some(path.to_owned());
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

fn json_file(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// How each pod ended, from a tree's nodes.
fn script(tree: &Value, daemons: Vec<String>) -> Script {
    let nodes: BTreeMap<String, Value> = tree["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|n| (n["name"].as_str().unwrap().to_owned(), n.clone()))
        .collect();
    Box::new(move |name| nodes.get(name).map(|n| outcome(n, &daemons)).unwrap_or_default())
}

fn outcome(node: &Value, daemons: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    let message = node["message"].as_str().unwrap_or_default();
    let code = node["outputs"]["exitCode"].as_str().and_then(|c| c.parse().ok());
    let template = node["templateName"]
        .as_str()
        .or(node["templateRef"]["template"].as_str())
        .unwrap_or_default();
    outcome.forever = daemons.iter().any(|d| d == template)
        || message.starts_with("workflow shutdown")
        || message.starts_with("Step exceeded")
        || node["phase"] == "Running";
    outcome.pending = node["phase"] == "Pending";
    outcome.exit_code = code.unwrap_or(0);
    let failed = node["phase"] == "Failed" || node["phase"] == "Error";
    if failed {
        // `main: Error (exit code 1)`, or another container's name before it.
        let said = message.split_once(": ").filter(|(name, _)| !name.contains(' '));
        let parsed = said.and_then(|(_, m)| m.split_once(" (exit code "));
        match parsed.and_then(|(reason, rest)| Some((reason, rest.split_once(')')?))) {
            Some((reason, (number, rest))) => {
                outcome.exit_code = number.parse().unwrap_or(1);
                outcome.reason = reason.to_owned();
                outcome.message = rest.strip_prefix(": ").unwrap_or_default().to_owned();
            }
            None if node["phase"] == "Error" => outcome.error = message.to_owned(),
            None => outcome.pod_message = message.to_owned(),
        }
    }
    let outputs = &node["outputs"];
    let mut reported = json!({});
    if let Some(map) = outputs["parameters"].as_object() {
        reported["parameters"] = map.iter().map(|(k, v)| json!({"name": k, "value": v})).collect();
    }
    if let Some(list) = outputs["artifacts"].as_array() {
        let named = list.iter().filter(|a| !a.as_str().unwrap().ends_with("-logs"));
        reported["artifacts"] = named
            .map(|a| json!({"name": a, "s3": {"endpoint": "e", "bucket": "b", "key": a}}))
            .collect();
    }
    if !outputs["result"].is_null() {
        reported["result"] = outputs["result"].clone();
    }
    outcome.outputs = Some(reported);
    outcome
}

/// Names of templates that are daemons.
fn daemons(documents: &[Value]) -> Vec<String> {
    let templates = documents
        .iter()
        .flat_map(|d| d["spec"]["templates"].as_array().cloned().unwrap_or_default());
    templates
        .filter(|t| t["daemon"] == true)
        .filter_map(|t| t["name"].as_str().map(str::to_owned))
        .collect()
}

fn prepare(mut workflow: Value) -> Value {
    let metadata = &mut workflow["metadata"];
    if metadata["name"].is_null() {
        let name = metadata["generateName"]
            .as_str()
            .unwrap_or("wf")
            .trim_end_matches('-')
            .to_owned();
        metadata["name"] = name.into();
    }
    metadata["namespace"] = "NAMESPACE".into();
    workflow
}

struct Case {
    name: String,
    tree: Value,
    documents: Vec<Value>,
    only: Option<usize>,
    library: Vec<Value>,
}

fn run(case: &Case) -> Vec<String> {
    let mut lines = Vec::new();
    let varies: Vec<String> = serde_json::from_value(case.tree["varies"].clone()).unwrap_or_default();
    let workflows: Vec<&Value> = match case.only {
        Some(index) => case.documents.get(index).into_iter().collect(),
        None => case
            .documents
            .iter()
            .filter(|d| d["kind"] == "Workflow")
            .collect(),
    };
    let trees = case.tree["workflows"].as_array().unwrap();
    if workflows.len() != trees.len() {
        return vec![format!("{} workflows, not {}", workflows.len(), trees.len())];
    }
    for (document, tree) in workflows.into_iter().zip(trees) {
        let workflow = prepare(document.clone());
        let any = ImageCommand {
            pattern: "*".to_owned(),
            entrypoint: vec!["cmd".to_owned()],
            ..ImageCommand::default()
        };
        let config = Config {
            artifact_repository: serde_json::from_value(json!({"s3": {"endpoint": "e", "bucket": "b"}})).ok(),
            images: vec![any],
            ..Config::default()
        };
        let all: Vec<Value> = case.documents.iter().chain(&case.library).cloned().collect();
        let mut world = World::new(workflow, library(&all), config, script(tree, daemons(&all)));
        world.run();
        lines.extend(differences(&normal(&world.workflow), tree, &varies));
    }
    lines
}

fn cases(kind: &str) -> Vec<Case> {
    let Some(shared) = shared() else { return vec![] };
    // The cluster of the trees had this one.
    let sizes = json!({"kind": "ConfigMap", "metadata": {"name": "my-config"}, "data": {"template": "2", "workflow": "1"}});
    let mut library = vec![sizes];
    let mut files = Vec::new();
    walk(&shared.join(kind), &mut files);
    for file in files.iter().filter(|_| kind == "examples") {
        let documents = documents(&fs::read_to_string(file).unwrap());
        library.extend(documents.into_iter().filter(|d| d["kind"] != "Workflow"));
    }
    let mut trees: Vec<PathBuf> = fs::read_dir(shared.join("trees").join(kind))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    trees.sort();
    let case = |path: PathBuf| {
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let tree = json_file(&path);
        let (documents, only) = if kind == "examples" {
            let (file, doc) = match stem.rsplit_once(".yaml.") {
                Some((file, doc)) => (format!("{file}.yaml"), doc.parse().unwrap()),
                None => (stem.clone(), 0),
            };
            let text =
                fs::read_to_string(shared.join(kind).join(file.replace("__", "/"))).unwrap_or_default();
            (documents(&text), Some(doc))
        } else {
            let read =
                |f: &String| documents(&fs::read_to_string(shared.join("e2e").join(f)).unwrap_or_default());
            (manifests(&shared, &stem).iter().flat_map(read).collect(), None)
        };
        Case {
            name: stem,
            tree,
            documents,
            only,
            library: library.clone(),
        }
    };
    trees.into_iter().map(case).collect()
}

/// The manifests of an end-to-end case.
fn manifests(shared: &Path, case: &str) -> Vec<String> {
    let table = fs::read_to_string(shared.join("e2e.csv")).unwrap();
    let key = case.replacen('.', ",", 1).replace("__", "/");
    let row = table.lines().find(|l| {
        l.replace(['/', ' '], "_")
            .starts_with(&format!("{},", key.replace(['/', ' '], "_")))
    });
    let Some(row) = row else {
        println!("no row for {key}");
        return vec![];
    };
    let column = row[key.len() + 1..]
        .trim_start_matches('"')
        .split([',', '"'])
        .next()
        .unwrap_or_default();
    column
        .split(['|', ';', ' '])
        .filter_map(|m| m.split_once(':').map(|(_, path)| path.trim().to_owned()))
        .collect()
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
    files.sort();
}

/// Runs all cases of a kind and prints those that differ; at least so many must be the same.
fn check(kind: &str, at_least: usize) {
    let only = std::env::var("CASE").ok();
    let all = cases(kind);
    if all.is_empty() {
        return;
    }
    let (mut same, mut total) = (0, 0);
    for case in all
        .iter()
        .filter(|c| only.as_ref().is_none_or(|o| c.name.contains(o.as_str())))
    {
        total += 1;
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(case)));
        let lines = run.unwrap_or_else(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            vec![format!("panic: {}", text.unwrap_or_default())]
        });
        if lines.is_empty() {
            same += 1;
        } else {
            println!("--- {}", case.name);
            lines
                .iter()
                .take(12)
                .for_each(|l| println!("    {}", l.chars().take(300).collect::<String>()));
        }
    }
    println!("{same} of {total} {kind} are the same");
    assert!(
        only.is_some() || same >= at_least,
        "{same} of {total} are the same, fewer than {at_least}"
    );
}

#[test]
fn examples() {
    check("examples", 95);
}

#[test]
fn e2e() {
    check("e2e", 44);
}
