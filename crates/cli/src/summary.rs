//! What is said when a workflow is over: its outputs, where its artifacts lie, and what failed and why.
//!
//! An output parameter whose value is a JSON list of objects is shown as a table.

use std::path::Path;

use argo::exec::{DIRECTORY_PLUGIN, Directory};

use crate::age;
use crate::follow::Followed;
use crate::pods;
use crate::table::{self, Table};
use crate::tree::forest::in_order;
use crate::tree::phase::Phase;
use crate::tree::plain::short;
use crate::tree::view::{ArtifactView, NodeView, OutputsView, ParameterView};
use crate::ui::style::{self, paint};

/// The most failed nodes that are shown.
const MAX_FAILED: usize = 5;
/// The longest parameter value that is shown on one line.
const MAX_VALUE: usize = 200;

/// The summary of one workflow, styled, with a line break at its end.
#[must_use]
pub fn render(followed: &Followed) -> String {
    format!("{}\n{}", heading(followed), details(followed))
}

/// How it went, in a line.
fn heading(followed: &Followed) -> String {
    let status = &followed.status;
    let phase = Phase::parse(&status.phase);
    let name = paint(style::BOLD, &followed.name);
    let mut text = format!("{name}  {}", paint(phase.style(), phase.name()));
    if let (Some(start), Some(end)) = (status.started_at, status.finished_at) {
        text.push_str(&format!("  {}", age::precise(end.duration_since(start))));
    }
    if !status.message.is_empty() {
        text.push_str(&format!("  {}", status.message));
    }
    text
}

/// The summary without its first line, for where a picture has said that.
#[must_use]
pub fn details(followed: &Followed) -> String {
    let outputs = outputs(followed);
    let parts = [
        failures(followed),
        parameters(&outputs.parameters),
        artifacts(&outputs.artifacts),
    ];
    parts.concat()
}

/// The workflow's own outputs and those of its topmost node; where neither has any, those of the nodes that
/// nothing comes after.
fn outputs(followed: &Followed) -> OutputsView {
    let mut found = followed.status.outputs.clone();
    if let Some(root) = followed.status.nodes.get(&followed.name) {
        add(&mut found, &root.outputs);
    }
    if found.parameters.is_empty() && found.artifacts.is_empty() {
        for node in in_order(&followed.status) {
            if node.children.is_empty() && node.kind == "Pod" {
                add(&mut found, &node.outputs);
            }
        }
    }
    // Logs are kept as an artifact where that is asked for; they have a command of their own.
    found.artifacts.retain(|artifact| artifact.name != "main-logs");
    found
}

/// Adds what is not there yet under its name.
fn add(to: &mut OutputsView, from: &OutputsView) {
    for parameter in &from.parameters {
        let global = !parameter.global_name.is_empty();
        if !global && !to.parameters.iter().any(|known| known.name == parameter.name) {
            to.parameters.push(parameter.clone());
        }
    }
    for artifact in &from.artifacts {
        let global = !artifact.global_name.is_empty();
        if !global && !to.artifacts.iter().any(|known| known.name == artifact.name) {
            to.artifacts.push(artifact.clone());
        }
    }
}

/// Tables first, then the values of one line, so that the figures that matter stand last.
fn parameters(parameters: &[ParameterView]) -> String {
    let mut text = String::new();
    let mut lines = Table::bare();
    for parameter in parameters {
        let value = parameter.text().unwrap_or_default();
        match table::of_json(&value) {
            Some(table) => {
                text.push_str(&format!(
                    "\n{}\n{}",
                    paint(style::BOLD, &parameter.name),
                    table.render(2)
                ));
            }
            None => lines.row([format!("  {}", parameter.name), one_line(&value)]),
        }
    }
    let lines = lines.render(0);
    if !lines.is_empty() {
        text.push_str(&format!("\n{}\n{lines}", paint(style::BOLD, "Outputs")));
    }
    text
}

fn one_line(value: &str) -> String {
    let line: String = value
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.chars().count() <= MAX_VALUE {
        return line;
    }
    line.chars().take(MAX_VALUE).chain(['…']).collect()
}

fn artifacts(artifacts: &[ArtifactView]) -> String {
    let mut lines = Table::bare();
    for artifact in artifacts {
        lines.row([
            format!("  {}", artifact.name),
            paint(style::HINT, place(artifact)),
        ]);
    }
    let lines = lines.render(0);
    if lines.is_empty() {
        lines
    } else {
        format!("\n{}\n{lines}", paint(style::BOLD, "Artifacts"))
    }
}

/// Where an artifact lies: a path of this machine, or what names it in its store.
fn place(artifact: &ArtifactView) -> String {
    let text = |store: &str, field: &str| {
        let value = artifact.rest.get(store).and_then(|store| store.get(field));
        value
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    if text("plugin", "name") == DIRECTORY_PLUGIN {
        let directory = Directory::parse(&text("plugin", "configuration")).directory;
        return Path::new(&directory)
            .join(text("plugin", "key"))
            .display()
            .to_string();
    }
    for (store, scheme) in [("s3", "s3"), ("gcs", "gs"), ("oss", "oss")] {
        if artifact.rest.contains_key(store) {
            return format!("{scheme}://{}/{}", text(store, "bucket"), text(store, "key"));
        }
    }
    for (store, field) in [
        ("http", "url"),
        ("git", "repo"),
        ("hdfs", "path"),
        ("azure", "blob"),
        ("artifactory", "url"),
    ] {
        if artifact.rest.contains_key(store) {
            return text(store, field);
        }
    }
    String::new()
}

/// A node that failed, and the one that tells why: for a retried step its last attempt.
struct Failure<'a> {
    shown: &'a NodeView,
    cause: &'a NodeView,
}

/// What failed: each node with its message and the end of its log, and what to do next.
fn failures(followed: &Followed) -> String {
    let failed: Vec<Failure<'_>> = in_order(&followed.status)
        .into_iter()
        .filter(|node| is_failed(node))
        .map(|shown| Failure {
            shown,
            cause: last_attempt(followed, shown).unwrap_or(shown),
        })
        .collect();
    let mut text: String = failed
        .iter()
        .take(MAX_FAILED)
        .map(|failure| failure.render(followed))
        .collect();
    if failed.len() > MAX_FAILED {
        text.push_str(&format!("\n… and {} more failed\n", failed.len() - MAX_FAILED));
    }
    if let Some(hint) = advice(followed, &failed) {
        text.push_str(&format!("\n{}: {hint}\n", paint(style::HINT, "hint")));
    }
    text
}

/// What to do about the failures.
fn advice(followed: &Followed, failed: &[Failure<'_>]) -> Option<String> {
    let absent = failed
        .iter()
        .find_map(|failure| absent_program(&failure.cause.message));
    if let Some(program) = absent {
        return Some(format!(
            "containers run with the programs of the machine they are on: install `{program}` there"
        ));
    }
    let node = failed
        .iter()
        .map(|failure| failure.cause)
        .find(|node| node.kind == "Pod")?;
    let pod = pods::name_of(&followed.name, node);
    Some(format!(
        "`plimsoll up --detach`, then `plimsoll logs {} {pod}` shows all that it said",
        followed.name
    ))
}

/// The program that a step's machine does not have, if that is why it failed.
fn absent_program(message: &str) -> Option<&str> {
    let (before, _) = message.split_once("\": executable file not found")?;
    before.rsplit('"').next().filter(|program| !program.is_empty())
}

/// Whether the node itself failed, not one below it. Attempts are not shown: their retried step is.
fn is_failed(node: &NodeView) -> bool {
    let own = !matches!(node.kind.as_str(), "Steps" | "DAG" | "StepGroup" | "TaskGroup");
    own && !node.node_flag.retried && Phase::parse(&node.phase).is_bad()
}

fn last_attempt<'a>(followed: &'a Followed, node: &NodeView) -> Option<&'a NodeView> {
    let attempts = node
        .children
        .iter()
        .rev()
        .filter_map(|id| followed.status.nodes.get(id));
    attempts
        .filter(|_| node.kind == "Retry")
        .find(|child| child.node_flag.retried)
}

impl Failure<'_> {
    fn render(&self, followed: &Followed) -> String {
        let phase = Phase::parse(&self.shown.phase);
        let glyph = paint(phase.style(), phase.glyph());
        let name = paint(style::BOLD, short(&followed.name, &self.shown.name));
        let mut text = format!(
            "\n{glyph} {name}  {}: {}",
            phase.name(),
            one_line(&self.cause.message)
        );
        let code = self.cause.outputs.exit_code.as_ref();
        if let Some(code) = code.filter(|code| !self.cause.message.contains(&format!("exit code {code}"))) {
            text.push_str(&format!(" (exit code {code})"));
        }
        if self.shown.kind == "Retry" {
            text.push_str(&format!("; {}", one_line(&self.shown.message)));
        }
        text.push('\n');
        for line in followed.tails.get(&self.cause.id).into_iter().flatten() {
            let bar = paint(style::DIM, "│");
            text.push_str(&format!("  {bar} {}\n", one_line(line)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstream::adapter::strip_str;
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn check(followed: &Followed, expected: &Expect) {
        expected.assert_eq(&strip_str(&render(followed)).to_string());
    }

    #[test]
    fn what_succeeded_shows_its_outputs_and_where_they_lie() {
        let models = json!([{"name": "m01", "rate": 0.001, "accuracy": 0.81}, {"name": "m02", "rate": 0.05, "accuracy": 0.96}]);
        let directory =
            |key: &str| json!({"name": DIRECTORY_PLUGIN, "configuration": "/data/artifacts", "key": key});
        let status = json!({
            "phase": "Succeeded", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:12.3Z",
            "outputs": {
                "parameters": [
                    {"name": "rows-rejected", "value": "4"},
                    {"name": "models", "value": models.to_string()},
                    {"name": "test-accuracy", "value": "0.953"},
                ],
                "artifacts": [
                    {"name": "report", "plugin": directory("digits-x/finish/report")},
                    {"name": "model", "s3": {"bucket": "b", "key": "k/model.json"}},
                ],
            },
        });
        let followed = Followed {
            name: "digits-x".to_owned(),
            status: serde_json::from_value(status).expect("a status"),
            ..Followed::default()
        };
        check(
            &followed,
            &expect![[r#"
                digits-x  Succeeded  12.3s

                models
                  ACCURACY   NAME   RATE
                  0.81       m01    0.001
                  0.96       m02    0.05

                Outputs
                  rows-rejected   4
                  test-accuracy   0.953

                Artifacts
                  report   /data/artifacts/digits-x/finish/report
                  model    s3://b/k/model.json
            "#]],
        );
    }

    #[test]
    fn a_program_that_is_absent_is_named() {
        let message = "failed to find name in PATH: exec: \"python3\": executable file not found in $PATH";
        assert_eq!(absent_program(message), Some("python3"));
        assert_eq!(absent_program("exit code 1"), None);
    }

    #[test]
    fn what_failed_shows_why_and_how_to_see_more() {
        let attempt = |number: usize, phase: &str| {
            let id = format!("r{number}");
            json!({"id": id, "name": format!("digits-x.retried({number})"), "type": "Pod", "phase": phase,
                   "message": "exit code 1", "nodeFlag": {"retried": true}})
        };
        let status = json!({
            "phase": "Failed", "message": "child 'digits-x.train' failed",
            "nodes": {
                "digits-x": {"id": "digits-x", "name": "digits-x", "type": "DAG", "phase": "Failed", "children": ["a", "b"]},
                "a": {"id": "a", "name": "digits-x.train", "type": "Pod", "phase": "Failed", "templateName": "train",
                      "boundaryID": "digits-x", "message": "Error (exit code 1)", "outputs": {"exitCode": "1"}},
                "r": {"id": "r", "name": "digits-x.retried", "type": "Retry", "phase": "Failed", "boundaryID": "digits-x",
                      "message": "No more retries left", "children": ["r0", "r1"]},
                "r0": attempt(0, "Failed"),
                "r1": attempt(1, "Failed"),
                "b": {"id": "b", "name": "digits-x.other", "type": "Pod", "phase": "Error", "boundaryID": "digits-x",
                      "message": "pod deleted"},
            },
        });
        let followed = Followed {
            name: "digits-x".to_owned(),
            status: serde_json::from_value(status).expect("a status"),
            tails: [(
                "a".to_owned(),
                vec!["Traceback:".to_owned(), "ValueError: \u{1b}[31mno".to_owned()],
            )]
            .into(),
            ..Followed::default()
        };
        check(
            &followed,
            &expect![[r#"
                digits-x  Failed  child 'digits-x.train' failed

                ✖ train  Failed: Error (exit code 1)
                  │ Traceback:
                  │ ValueError:  [31mno

                ⚠ other  Error: pod deleted

                ✖ retried  Failed: exit code 1; No more retries left

                hint: `plimsoll up --detach`, then `plimsoll logs digits-x digits-x-train-3036051830` shows all that it said
            "#]],
        );
    }
}
