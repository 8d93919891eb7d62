//! The main job, end to end: README's first command.

mod support;

use support::{User, json, repository, text};

#[test]
fn the_digits_pipeline_trains_evaluates_and_publishes() {
    let user = User::new();
    let pipeline = repository().join("examples/digits/pipeline.yaml");
    let output = user.run(&["run", pipeline.to_str().expect("a plain path"), "-o", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let workflow = json(&output);
    assert_eq!(workflow["status"]["phase"], "Succeeded");

    let outputs = workflow["status"]["outputs"]["parameters"]
        .as_array()
        .expect("global outputs");
    let output = |name: &str| {
        let found = outputs.iter().find(|parameter| parameter["name"] == name);
        found
            .and_then(|parameter| parameter["value"].as_str())
            .unwrap_or_else(|| panic!("no output {name}"))
            .to_owned()
    };
    let accuracy: f64 = output("test-accuracy").parse().expect("a number");
    assert!((0.9..=1.0).contains(&accuracy), "{accuracy}");
    let models: Vec<serde_json::Value> = serde_json::from_str(&output("models")).expect("a list of models");
    assert!(models.len() >= 12, "{models:?}");

    let nodes = workflow["status"]["nodes"].as_object().expect("nodes");
    let node = |name: &str| {
        nodes
            .values()
            .find(|node| node["displayName"] == name)
            .unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(node("publish")["phase"], "Succeeded");
    assert_eq!(
        node("train(0:decay:0,epochs:20,name:m01,rate:0.001)")["type"],
        "Pod"
    );
    let artifacts = user.data_dir().join("artifacts");
    assert!(artifacts.is_dir(), "no artifacts in {}", artifacts.display());
}
