//! One platform for all examples.

use serde_json::{Value, json};

use super::cases::Case;
use super::live::{Up, create, final_phase, wait_for};

/// A platform with the stand-ins for images.
pub(crate) struct Platform {
    up: Up,
    _folder: tempfile::TempDir,
}

impl Platform {
    /// Starts one in a folder of its own.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.yaml"), settings()).unwrap();
        Self {
            up: Up::start(folder.path(), &[]).await.unwrap(),
            _folder: folder,
        }
    }

    /// Runs one example in a new namespace; gives the phase it ends in, or `Waits` once it waits for a person.
    pub(crate) async fn run(&self, namespace: &str, case: &Case) -> Result<String, String> {
        let client = &self.up.client;
        for object in furniture(namespace) {
            create(client, namespace, &object).await?;
        }
        for object in case.prerequisites() {
            create(client, namespace, &object).await?;
        }
        let workflow = create(client, namespace, &case.workflow()).await?;
        wait_for(
            client,
            namespace,
            &workflow.metadata.name.unwrap_or_default(),
            ending,
        )
        .await
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        let _ = self.up.stop().await;
    }
}

/// What every namespace of the upstream run had, the namespace itself first.
fn furniture(namespace: &str) -> [Value; 3] {
    let limits = json!({"template": "2", "workflow": "1"});
    [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "my-config"}, "data": limits}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "my-secret"}, "stringData": {"mypassword": "S00perS3cretPa55word"}}),
    ]
}

/// Settings with the stand-ins of this folder.
fn settings() -> String {
    let images = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance/images");
    let image = |pattern: &str, folder: &str, entrypoint: &[&str]| json!({"image": pattern, "programs": format!("{images}/{folder}"), "entrypoint": entrypoint});
    let all = json!({"images": [
        image("argoproj/argosay:v1", "cowsay", &[]),
        image("argoproj/argosay*", "argosay", &["argosay"]),
        image("python*", "python", &["python"]),
    ]});
    all.to_string()
}

/// The phase of a workflow that is over, or `Waits` for one that only a person takes further.
fn ending(workflow: &Value) -> Option<String> {
    if let Some(phase) = final_phase(workflow) {
        return Some(phase);
    }
    let nodes = workflow["status"]["nodes"].as_object()?;
    let any = |kind: &str, phases: &[&str]| {
        nodes
            .values()
            .any(|node| node["type"] == kind && phases.iter().any(|phase| node["phase"] == *phase))
    };
    (any("Suspend", &["Running"]) && !any("Pod", &["Pending", "Running"])).then(|| "Waits".to_owned())
}
