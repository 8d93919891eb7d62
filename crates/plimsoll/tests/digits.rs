//! The main job, end to end: README's first command, and how the pipeline ends on other days.

mod support;

use std::fs;
use std::path::PathBuf;

use argo::exec::Directory;
use argo::{Outputs, Workflow};
use support::{User, json, repository, text};

/// Runs the pipeline with parameters; gives the exit code and the final Workflow.
fn run(user: &User, parameters: &[&str]) -> (i32, Workflow) {
    let pipeline = repository().join("examples/digits/pipeline.yaml");
    let mut arguments = vec!["run", pipeline.to_str().expect("a plain path"), "-o", "json"];
    for parameter in parameters {
        arguments.extend(["-p", parameter]);
    }
    let output = user.run(&arguments);
    let workflow = serde_json::from_value(json(&output)).expect("a Workflow");
    let code = output.status.code();
    (
        code.unwrap_or_else(|| panic!("{}", text(&output.stderr))),
        workflow,
    )
}

fn parameter<'a>(outputs: &'a Outputs, name: &str) -> &'a str {
    let found = outputs.parameters.iter().find(|parameter| parameter.name == name);
    let value = found.and_then(|parameter| parameter.value.as_ref());
    value.unwrap_or_else(|| panic!("no output {name}")).as_str()
}

/// Where an output artifact lies on this machine, if the workflow has it.
fn artifact(outputs: &Outputs, name: &str) -> Option<PathBuf> {
    let found = outputs.artifacts.iter().find(|artifact| artifact.name == name)?;
    Directory::path_of(found).map(PathBuf::from)
}

fn report(outputs: &Outputs) -> (String, PathBuf) {
    let folder = artifact(outputs, "report").expect("a report, whatever happened");
    (
        fs::read_to_string(folder.join("report.md")).expect("readable"),
        folder,
    )
}

#[test]
fn the_pipeline_trains_evaluates_publishes_and_reports() {
    let user = User::new();
    let (code, workflow) = run(&user, &[]);
    let status = workflow.status;
    assert_eq!(
        (code, status.phase.as_str()),
        (0, "Succeeded"),
        "{}",
        status.message
    );
    let pods = status
        .nodes
        .values()
        .filter(|node| node.display_name.starts_with("train(") && node.r#type == "Pod");
    assert!(pods.count() >= 12);

    let outputs = status.outputs.expect("global outputs");
    let accuracy: f64 = parameter(&outputs, "test-accuracy").parse().expect("a number");
    assert!((0.9..=1.0).contains(&accuracy), "{accuracy}");
    assert_eq!(parameter(&outputs, "rows-rejected"), "4");
    let models: Vec<serde_json::Value> =
        serde_json::from_str(parameter(&outputs, "models")).expect("a list of models");
    assert!(models.len() >= 12, "{models:?}");
    assert!(
        models.is_sorted_by(|a, b| a["accuracy"].as_f64() >= b["accuracy"].as_f64()),
        "{models:?}"
    );

    assert!(
        artifact(&outputs, "published")
            .expect("it is good enough")
            .join("model.json")
            .is_file()
    );
    let (page, folder) = report(&outputs);
    assert!(
        page.contains("**Succeeded**") && page.contains("](confusion.png)"),
        "{page}"
    );
    assert!(
        fs::read(folder.join("confusion.png"))
            .expect("a picture")
            .starts_with(b"\x89PNG")
    );
}

#[test]
fn a_model_that_is_not_good_enough_is_not_published() {
    let user = User::new();
    let (code, workflow) = run(&user, &["threshold=0.999"]);
    let status = workflow.status;
    assert_eq!(
        (code, status.phase.as_str()),
        (0, "Succeeded"),
        "{}",
        status.message
    );
    let outputs = status.outputs.expect("global outputs");
    assert_eq!(artifact(&outputs, "published"), None);
    assert!(report(&outputs).0.contains("(published from 0.999)"));
}

#[test]
fn a_pipeline_that_fails_is_reported_too() {
    let user = User::new();
    let (code, workflow) = run(&user, &["seed=not-a-number"]);
    let status = workflow.status;
    assert_eq!((code, status.phase.as_str()), (1, "Failed"), "{}", status.message);
    let (page, _) = report(&status.outputs.expect("global outputs"));
    assert!(
        page.contains("**Failed**") && page.contains("- etl: ") && page.contains("No data"),
        "{page}"
    );
}
