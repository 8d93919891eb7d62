//! Names and ids, exactly as Argo makes them: people's links, dashboards and logs depend on them.
//!
//! ```text
//!   steps   parent[i].step      loop   name(i:item)     exit  name.onExit
//!   dag     parent.task         retry  name(n)          hook  name.hooks.NAME
//! ```

use meta::hash::fnv1a_32;

/// Longest name of a pod.
const MAX_POD_NAME: usize = 253;
/// What the hash and its dash may take of it.
const HASH_LENGTH: usize = 10;

/// A node's id from its name: the root's is the workflow's name.
pub(crate) fn node_id(workflow: &str, node: &str) -> String {
    if workflow == node {
        workflow.to_owned()
    } else {
        format!("{workflow}-{}", fnv1a_32(node.as_bytes()))
    }
}

/// A pod's name (Argo's version 2) from its node's name and template.
pub fn pod_name(workflow: &str, node: &str, template: &str) -> String {
    if workflow == node {
        return workflow.to_owned();
    }
    let mut prefix = workflow.to_owned();
    if !template.is_empty() {
        prefix.push('-');
        prefix.push_str(template);
    }
    truncate(&mut prefix, MAX_POD_NAME - HASH_LENGTH - 1);
    format!("{prefix}-{}", fnv1a_32(node.as_bytes()))
}

fn truncate(text: &mut String, length: usize) {
    if text.len() > length {
        let end = (0..=length).rev().find(|i| text.is_char_boundary(*i));
        text.truncate(end.unwrap_or(0));
    }
}

/// The node that handles the end of another.
pub(crate) fn on_exit(node: &str) -> String {
    format!("{node}.onExit")
}

/// The node of a named hook of another.
pub(crate) fn hook(node: &str, hook: &str) -> String {
    format!("{node}.hooks.{hook}")
}

/// One turn of a loop. Parentheses would make the name ambiguous and are dropped.
pub(crate) fn loop_item(name: &str, index: usize, description: &str) -> String {
    let description: String = description.chars().filter(|c| !matches!(c, '(' | ')')).collect();
    format!("{name}({index}:{description})")
}

/// The index in a loop item's name, or in an attempt's.
pub(crate) fn loop_index(node: &str) -> Option<usize> {
    let (_, tail) = node.rsplit_once('(')?;
    let digits = tail.split([':', ')']).next()?;
    digits.parse().ok()
}

/// The step or task that a node's name comes from: what follows the last dot outside of brackets.
pub(crate) fn step_of(node: &str) -> &str {
    let mut end = node.len();
    let mut opener: Option<char> = None;
    for (i, c) in node.char_indices().rev() {
        match (opener, c) {
            (Some(o), _) if c == o => opener = None,
            (Some(_), _) => {}
            (None, ')') => opener = Some('('),
            (None, ']') => opener = Some('['),
            (None, _) => {
                end = i + c.len_utf8();
                break;
            }
        }
    }
    let name = &node[..end];
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// A node's display name: its name without its boundary's and without `[i].` or `.` before it.
pub(crate) fn display_name(node: &str, boundary: &str) -> String {
    let rest = node.strip_prefix(boundary).unwrap_or(node);
    let after_group = rest
        .strip_prefix('[')
        .and_then(|r| r.split_once(']'))
        .filter(|(digits, tail)| {
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && tail.starts_with('.')
        })
        .map_or(rest, |(_, tail)| tail);
    match after_group.strip_prefix('.') {
        Some(name) => name.to_owned(),
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_pod_names() {
        assert_eq!(node_id("wf", "wf"), "wf");
        assert_eq!(
            node_id("coinflip", "coinflip[0].flip-coin"),
            "coinflip-2574652590"
        );
        assert_eq!(pod_name("wf", "wf", "main"), "wf");
        assert!(pod_name("wf", "wf[0].a", "main").starts_with("wf-main-"));
        assert!(pod_name(&"w".repeat(300), "x", "t").len() <= MAX_POD_NAME);
    }

    #[test]
    fn display_names() {
        for (node, boundary, expected) in [
            ("wf[0].a", "wf", "a"),
            ("wf[0]", "wf", "[0]"),
            ("wf.a", "wf", "a"),
            ("wf.a(0:x)", "wf", "a(0:x)"),
            ("wf(0)", "wf", "(0)"),
            ("wf(0)[1].b", "wf(0)", "b"),
        ] {
            assert_eq!(display_name(node, boundary), expected, "{node}");
        }
    }

    #[test]
    fn steps_of_nodes() {
        for (node, expected) in [
            ("wf[0].fanout1(0:1)(0)[0]", "fanout1"),
            ("wf.a", "a"),
            ("wf[0].flip-coin", "flip-coin"),
            ("wf.a(0:x.y)", "a"),
        ] {
            assert_eq!(step_of(node), expected, "{node}");
        }
        assert_eq!(loop_index("a(12:x)"), Some(12));
        assert_eq!(loop_index("a(3)"), Some(3));
        assert_eq!(loop_index("a"), None);
    }
}
