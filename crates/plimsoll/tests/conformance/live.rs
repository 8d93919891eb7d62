//! A platform of the real binary for tests, and a client that drives it as anyone's would.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use kinds::kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kinds::kube::config::{KubeConfigOptions, Kubeconfig};
use kinds::kube::core::TypeMeta;
use kinds::kube::runtime::wait::await_condition;
use kinds::kube::{Api, Client, Config};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running `plimsoll up`; it is killed when dropped.
pub(crate) struct Up {
    /// An administrator's client, over https.
    pub(crate) client: Client,
    process: Child,
}

impl Up {
    /// Starts the platform of `data_dir`, with more in its environment; `None` if it dies before it is ready.
    pub(crate) async fn start(data_dir: &Path, environment: &[(&str, &str)]) -> Option<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_plimsoll"))
            .arg("--data-dir")
            .arg(data_dir)
            .arg("up")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // One line on stdout says that it is ready.
        BufReader::new(process.stdout.take()?)
            .lines()
            .next_line()
            .await
            .ok()??;
        let kubeconfig = Kubeconfig::read_from(data_dir.join("kubeconfig")).unwrap();
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
            .await
            .unwrap();
        Some(Self {
            client: Client::try_from(config).unwrap(),
            process,
        })
    }

    /// Resolves when the process has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await.unwrap()
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) -> ExitStatus {
        if let Some(pid) = self
            .process
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        self.ended().await
    }
}

/// Creates any object; one that exists is left as it is.
pub(crate) async fn create(
    client: &Client,
    namespace: &str,
    object: &Value,
) -> Result<DynamicObject, String> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let resource = resource(&version, &kind);
    let mut object: DynamicObject =
        serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    object.types = Some(TypeMeta {
        api_version: version,
        kind: kind.clone(),
    });
    let api = if kind == "Namespace" || kind.starts_with("Cluster") {
        Api::all_with(client.clone(), &resource)
    } else {
        Api::namespaced_with(client.clone(), namespace, &resource)
    };
    match api.create(&PostParams::default(), &object).await {
        Err(kinds::kube::Error::Api(status)) if status.code == 409 => Ok(object),
        created => created.map_err(|error| format!("{kind} refused: {error}")),
    }
}

/// Waits until `over` gives something of a workflow, and gives that.
pub(crate) async fn wait_for<T>(
    client: &Client,
    namespace: &str,
    name: &str,
    over: impl Fn(&Value) -> Option<T> + Sync,
) -> Result<T, String> {
    let api = Api::namespaced_with(
        client.clone(),
        namespace,
        &resource("argoproj.io/v1alpha1", "Workflow"),
    );
    let is_over =
        |object: Option<&DynamicObject>| object.is_some_and(|object| over(&whole(object)).is_some());
    let last = await_condition(api, name, is_over)
        .await
        .map_err(|error| error.to_string())?;
    last.and_then(|object| over(&whole(&object)))
        .ok_or_else(|| "the workflow is gone".to_owned())
}

/// The object as JSON, its metadata too.
fn whole(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

/// The phase of a workflow that is over.
pub(crate) fn final_phase(workflow: &Value) -> Option<String> {
    let phase = workflow["status"]["phase"].as_str().unwrap_or_default();
    ["Succeeded", "Failed", "Error"]
        .contains(&phase)
        .then(|| phase.to_owned())
}

fn resource(version: &str, kind: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}
