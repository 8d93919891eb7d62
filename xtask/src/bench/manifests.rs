//! The workflows that are measured.

use std::fmt::Write;

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  generateName: bench-\nspec:\n  \
                    entrypoint: main\n  templates:\n";
const PLAIN: &str = "  - name: step\n    container: {image: busybox, command: [\"true\"]}\n";
const WITH_OUTPUT: &str = "  - name: step\n    container: {image: busybox, command: [sh, -c, \"echo 1 >/tmp/out\"]}\n    \
                           outputs: {parameters: [{name: out, valueFrom: {path: /tmp/out}}]}\n";

/// Steps one after the other that do nothing.
pub(crate) fn chain(steps: u32) -> String {
    chain_of(steps, PLAIN)
}

/// Steps one after the other that give an output parameter each.
pub(crate) fn chain_with_outputs(steps: u32) -> String {
    chain_of(steps, WITH_OUTPUT)
}

fn chain_of(steps: u32, template: &str) -> String {
    let mut text = format!("{HEAD}{template}  - name: main\n    steps:\n");
    for number in 0..steps {
        // Writing to a string does not fail.
        let _ = writeln!(text, "    - - {{name: s{number}, template: step}}");
    }
    text
}

/// Steps all at once that do nothing.
pub(crate) fn fan_out(steps: u32) -> String {
    format!(
        "{HEAD}{PLAIN}  - name: main\n    steps:\n    - - {{name: s, template: step, withSequence: {{count: \"{steps}\"}}}}\n"
    )
}

/// Nodes that no process stands behind: a fan-out of which `when` skips every one.
pub(crate) fn process_less(nodes: u32) -> String {
    format!(
        "{HEAD}{PLAIN}  - name: main\n    steps:\n    - - {{name: s, template: step, when: \"{{{{item}}}} < 0\", withSequence: {{count: \"{nodes}\"}}}}\n"
    )
}
