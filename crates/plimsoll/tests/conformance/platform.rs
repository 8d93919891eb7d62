//! One platform for all cases, as near to the upstream cluster as it must be: its furniture and its programs.

use serde_json::{Value, json};

use crate::cases::{Case, Ending};
use crate::live::{Up, create, final_phase, wait_for};

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

    /// Runs the workflows of a case side by side; gives them as they are once each is over or, where the case
    /// waits for a person, once nothing else goes on in it.
    pub(crate) async fn run(&self, namespace: &str, case: &Case) -> Result<Vec<Value>, String> {
        let waits = case.ending == Ending::Waits;
        let runs = case.workflows.iter().enumerate().map(|(number, workflow)| {
            let name = &workflow["metadata"]["name"];
            // Workflows of one name are each in a namespace of their own.
            let before = case.workflows[..number]
                .iter()
                .filter(|other| other["metadata"]["name"] == *name)
                .count();
            let namespace = format!("{namespace}-{before}");
            async move { self.run_one(&namespace, case, workflow, waits).await }
        });
        futures::future::try_join_all(runs).await
    }

    async fn run_one(
        &self,
        namespace: &str,
        case: &Case,
        workflow: &Value,
        waits: bool,
    ) -> Result<Value, String> {
        let client = &self.up.client;
        for object in furniture(namespace).iter().chain(&case.others) {
            create(client, namespace, &as_typed(object)).await?;
        }
        let created = create(client, namespace, &as_typed(workflow)).await?;
        let name = created.metadata.name.unwrap_or_default();
        let over = |workflow: &Value| final_phase(workflow).is_some() || (waits && is_at_rest(workflow));
        wait_for(client, namespace, &name, |workflow| {
            over(workflow).then(|| workflow.clone())
        })
        .await
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        let _ = self.up.stop().await;
    }
}

/// An object as upstream's tests and command line read it: into Go's types.
pub(crate) fn as_typed(object: &Value) -> Value {
    let mut object = object.clone();
    cli::check::read_as_typed(&mut object);
    object
}

/// What every namespace of the upstream run had, the namespace itself first.
pub(crate) fn furniture(namespace: &str) -> [Value; 3] {
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
        image("argoproj/argosay:v1", "argosay", &[]),
        image("docker/whalesay*", "argosay", &[]),
        image("argoproj/argosay*", "argosay", &["argosay"]),
        image("python*", "python", &["python"]),
    ]});
    all.to_string()
}

/// Whether only a person takes it further.
pub(crate) fn is_at_rest(workflow: &Value) -> bool {
    let Some(nodes) = workflow["status"]["nodes"].as_object() else {
        return false;
    };
    let any = |kind: &str, phases: &[&str]| {
        nodes
            .values()
            .any(|node| node["type"] == kind && phases.iter().any(|phase| node["phase"] == *phase))
    };
    any("Suspend", &["Running"]) && !any("Pod", &["Pending", "Running"])
}
