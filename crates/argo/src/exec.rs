//! What `plimsoll exec` is told to do around a step's command, and how it reports.
//!
//! ```text
//!   pod: image volume (this binary)  --> MOUNT/plimsoll exec -- command args...
//!        env PLIMSOLL_ORDERS (JSON)  --> load inputs, write script, run, collect outputs
//!                                    --> WorkflowTaskResult named after the node
//! ```
//!
//! The workflow engine writes orders; the executor follows them and decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::location::ArtifactLocation;
use crate::repository::ArtifactRepository;
use crate::scalar::{is_false, null_default};
use crate::template::{Http, ResourceTemplate};
use crate::values::{Artifact, Parameter};

/// `plimsoll exec --install FOLDER` copies itself to `FOLDER/plimsoll`, for the other containers of the pod.
pub const INSTALL: &str = "--install";
/// The environment variable that holds the orders as JSON; long ones go on in `PLIMSOLL_ORDERS_1` and so on.
pub const ORDERS_ENV: &str = "PLIMSOLL_ORDERS";
/// Bytes of orders in one variable: Linux refuses a variable of 128 KiB or more.
pub const ORDERS_CHUNK: usize = 100 * 1024;
/// The environment variable that names the API server's unix socket, where there is one.
pub const SOCKET_ENV: &str = "PLIMSOLL_API_SOCKET";
/// The environment variable that holds the pod's token for that socket.
pub const TOKEN_ENV: &str = "PLIMSOLL_API_TOKEN";
/// The environment variable that names the user, `UID:GID`, whom the executor runs the command as where that is not
/// its own: it itself must reach the server and the artifacts.
pub const USER_ENV: &str = "PLIMSOLL_USER";
/// The folder of a step's pod in which secrets that its artifacts name lie, the value of a key as the file `NAME/KEY`:
/// Argo's own.
pub const SECRETS: &str = "/argo/secret";
/// The label of a task result that says whether everything was reported (`"true"`).
pub const REPORT_COMPLETED_LABEL: &str = "workflows.argoproj.io/report-outputs-completed";
/// The label that names the workflow, on pods and task results.
pub const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";
/// The exit code of the executor's own failures.
pub const EXECUTOR_FAILED: i32 = 64;

/// Everything one executor needs to know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Orders {
    /// Name of the workflow.
    pub workflow: String,
    /// Its uid: the owner of the task result.
    pub workflow_uid: String,
    /// Namespace of the workflow, its pods and its task results.
    pub namespace: String,
    /// Id of the node: the name of the task result.
    pub node_id: String,
    /// Name of the pod.
    pub pod_name: String,
    /// Artifacts to load before the command: each has a path and a resolved location (a raw one included).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub inputs: Vec<Artifact>,
    /// A script to write before the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
    /// Parameters to read after the command (`valueFrom.path`, `valueFrom.default`).
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub output_parameters: Vec<Parameter>,
    /// Artifacts to save after the command. One without a location of its own goes to `archive_location`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub output_artifacts: Vec<Artifact>,
    /// Where artifacts without a location of their own go: the repository with the key prefix already made,
    /// so that the key of artifact NAME is `<key>/NAME.tgz` (`<key>/NAME` when not archived).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive_location: Option<ArtifactLocation>,
    /// Whether standard output is the node's `result`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub include_result: bool,
    /// Whether the combined output is saved as the artifact `main-logs`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub archive_logs: bool,
    /// Deadline of the node, RFC 3339, for its message only: the controller ends the pod.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "null_default")]
    pub deadline: String,
    /// The artifact repository, for locations that name only a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<ArtifactRepository>,
    /// What the container has to do with others of its pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peers: Option<Peers>,
    /// What is asked of the API server in place of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceTemplate>,
    /// The request that is made in place of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Whether nothing is reported: of a pod's containers only the main one does.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "null_default")]
    pub silent: bool,
}

/// A container among others of its pod: each tells in a shared folder when and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Peers {
    /// The folder: `<folder>/<name>/exitcode` is there once that container's command has ended.
    pub folder: String,
    /// The name of this container.
    pub name: String,
    /// Containers that must have ended well before this one's command starts.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub after: Vec<String>,
    /// Containers at whose end the command is ended too; none for one that ends by itself.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub until: Vec<String>,
    /// Containers that must have ended before this one's outputs are collected: they write to the same volumes.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_default")]
    pub gather: Vec<String>,
    /// How often the command is tried in all; 0 and 1 are once.
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "null_default")]
    pub attempts: u32,
    /// Milliseconds between two tries.
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "null_default")]
    pub pause: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Orders {
    /// The environment variables that carry these orders.
    ///
    /// A dollar sign is written in JSON's own escaped form, so that the expansion of `$(NAME)` in a
    /// container's `env` finds nothing to expand.
    pub fn to_env(&self) -> serde_json::Result<Vec<(String, String)>> {
        let mut rest = serde_json::to_string(self)?.replace('$', "\\u0024");
        let mut variables = Vec::new();
        loop {
            let after = rest.split_off(rest.floor_char_boundary(ORDERS_CHUNK));
            variables.push((orders_name(variables.len()), rest));
            if after.is_empty() {
                return Ok(variables);
            }
            rest = after;
        }
    }

    /// Reads orders from the environment that `variable` looks up; `None` if it has none.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Option<serde_json::Result<Self>> {
        let text: String = (0..).map_while(|number| variable(&orders_name(number))).collect();
        (!text.is_empty()).then(|| serde_json::from_str(&text))
    }
}

/// The environment variable that holds the value of an http step's header, by its place, where a secret does.
pub fn header_variable(place: usize) -> String {
    format!("PLIMSOLL_HEADER_{place}")
}

fn orders_name(number: usize) -> String {
    if number == 0 {
        ORDERS_ENV.to_owned()
    } else {
        format!("{ORDERS_ENV}_{number}")
    }
}

/// A source text to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Script {
    /// The file to write, executable; the command's last argument names it.
    pub path: String,
    /// Its content.
    pub source: String,
}

/// The artifact plug-in name that stands for a plain directory of this machine. `key` is the file's path
/// under the directory; `configuration` is a [`Directory`]. A plug-in is Argo's own way to name a store
/// it does not know, so manifests and statuses keep Argo's form.
pub const DIRECTORY_PLUGIN: &str = "plimsoll.dev/directory";

/// The configuration of [`DIRECTORY_PLUGIN`]: an absolute path, or, for an artifact that was saved, JSON
/// that also holds what was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Directory {
    /// The directory's absolute path.
    pub directory: String,
    /// `sha256:<hex>` of the artifact as kept; empty if unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Bytes of the artifact as kept, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Directory {
    /// Reads a configuration in either form.
    pub fn parse(configuration: &str) -> Self {
        serde_json::from_str(configuration).unwrap_or_else(|_| Self {
            directory: configuration.to_owned(),
            ..Self::default()
        })
    }

    /// Where an artifact lies: its absolute path on this machine; `None` if it lies in no directory.
    pub fn path_of(artifact: &Artifact) -> Option<String> {
        let plugin = artifact
            .location
            .plugin
            .as_ref()
            .filter(|plugin| plugin.name == DIRECTORY_PLUGIN)?;
        Some(format!(
            "{}/{}",
            Self::parse(&plugin.configuration).directory,
            plugin.key
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_survive_the_environment() {
        let check = |source: &str, variables: usize| {
            let orders = Orders {
                node_id: "wf-1".into(),
                script: Some(Script {
                    path: "/tmp/script".into(),
                    source: source.into(),
                }),
                ..Orders::default()
            };
            let env = orders.to_env().unwrap();
            assert_eq!(env.len(), variables);
            assert!(
                env.iter()
                    .all(|(_, value)| !value.contains('$') && value.len() <= ORDERS_CHUNK)
            );
            let look_up = |name: &str| {
                env.iter()
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone())
            };
            assert_eq!(Orders::from_env(look_up).unwrap().unwrap(), orders);
        };
        check("echo $$ $(HOME) \"quoted\"", 1);
        check(&"é$".repeat(40_000), 4);
        assert!(Orders::from_env(|_| None).is_none());
    }

    #[test]
    fn a_directory_is_a_path_or_json() {
        let check = |configuration: &str, directory: &str, size: Option<u64>| {
            let parsed = Directory::parse(configuration);
            assert_eq!((parsed.directory.as_str(), parsed.size), (directory, size));
        };
        check("/data/artifacts", "/data/artifacts", None);
        check(
            r#"{"directory":"/data/artifacts","digest":"sha256:00","size":7}"#,
            "/data/artifacts",
            Some(7),
        );
    }
}
