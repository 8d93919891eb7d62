//! What the rig asks its own API server, by kubectl: a client library would cost this crate more than the rig.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// kubectl with the administrator's rights.
pub(crate) struct Kubectl {
    /// The program.
    pub(crate) program: PathBuf,
    /// The administrator's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
}

/// How many nodes there are.
pub(crate) struct Nodes {
    /// All of them.
    pub(crate) all: usize,
    /// Those where pods may run.
    pub(crate) ready: usize,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Value>,
}

impl Kubectl {
    /// Whether the server says that it is ready.
    pub(crate) fn server_is_ready(&self) -> bool {
        self.succeeds(&["get", "--raw=/readyz"])
    }

    /// Whether pods may be created in the namespace `default`.
    pub(crate) fn has_default_account(&self) -> bool {
        self.succeeds(&["get", "serviceaccount", "--namespace=default", "default"])
    }

    /// The nodes of a label selector, counted.
    pub(crate) fn nodes(&self, selector: &str) -> Result<Nodes> {
        let selector = format!("--selector={selector}");
        let output = self.run(&["get", "nodes", &selector, "--output=json"], None)?;
        let list: List = serde_json::from_slice(&output.stdout).context("kubectl printed no list")?;
        Ok(Nodes {
            all: list.items.len(),
            ready: list.items.iter().filter(|node| is_node_ready(node)).count(),
        })
    }

    /// Creates the objects, or brings those that are there up to date.
    pub(crate) fn apply(&self, objects: &[Value]) -> Result<()> {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.run(
            &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "--validate=ignore",
                "--filename=-",
            ],
            Some(&list),
        )?;
        Ok(())
    }

    fn succeeds(&self, arguments: &[&str]) -> bool {
        self.run(arguments, None).is_ok()
    }

    fn run(&self, arguments: &[&str], input: Option<&Value>) -> Result<Output> {
        let mut child = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--request-timeout=60s")
            .args(arguments)
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
            stdin.write_all(input.to_string().as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("kubectl {}: {}", arguments.join(" "), said.trim());
        }
        Ok(output)
    }
}

fn is_node_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_ready_that_says_so() {
        let check = |conditions: Value, expected: bool| {
            let node = json!({"status": {"conditions": conditions}});
            assert_eq!(is_node_ready(&node), expected, "{node}");
        };
        check(json!([{"type": "Ready", "status": "True"}]), true);
        check(json!([{"type": "Ready", "status": "Unknown"}]), false);
        check(json!([{"type": "DiskPressure", "status": "True"}]), false);
        check(Value::Null, false);
    }
}
