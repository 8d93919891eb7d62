//! Simulated nodes: pods that ask for their GPUs are placed on them and run here.

mod support;

use support::{User, text};

const WORKFLOW: &str = "apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata: {generateName: gpus-}
spec:
  entrypoint: main
  templates:
    - name: main
      nodeSelector: {nvidia.com/gpu.product: Tesla-T4}
      container:
        image: alpine
        command: [sh, -c]
        args: [\"test $NODE = node-1 -o $NODE = node-2\"]
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        resources: {limits: {nvidia.com/gpu: 2}}
";

#[test]
fn pods_run_on_simulated_nodes() {
    let user = User::new();
    user.file("gpus.yaml", WORKFLOW);
    let flags = ["--nodes", "2", "--gpus", "2", "--gpu-model", "T4"];
    let output = user.run(&[&["run", "gpus.yaml"], &flags[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("simulated"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_cannot_be_simulated_is_bad_input() {
    let user = User::new();
    let output = user.run(&["up", "--nodes", "1", "--gpus", "1", "--gpu-model", "A100-80G"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error:") && said.contains("A100-80GB"), "{said}");
}
