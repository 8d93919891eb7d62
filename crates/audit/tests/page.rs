//! The page is well-formed, needs nothing from elsewhere, and says what the report says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use audit::page;
use common::{Objects, cpu_node, gpus, made_up, node, objects, pod};
use serde_json::json;

/// The names of all elements, if the text is well-formed XML after its document type.
fn elements(page: &str) -> Result<Vec<String>, String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").ok_or("no document type")?;
    let (mut open, mut seen): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    while let Some((before, after)) = rest.split_once('<') {
        entities(before)?;
        let (tag, after) = after.split_once('>').ok_or("a tag is not closed")?;
        if let Some(name) = tag.strip_prefix('/') {
            let expected = open.pop();
            (expected.as_deref() == Some(name))
                .then_some(())
                .ok_or(format!("</{name}> closes {expected:?}"))?;
        } else {
            let (inner, closed) = tag.strip_suffix('/').map_or((tag, false), |inner| (inner, true));
            let (name, attributes) = inner.split_once(' ').unwrap_or((inner, ""));
            well_formed(attributes)?;
            seen.push(name.to_owned());
            if !closed {
                open.push(name.to_owned());
            }
        }
        rest = after;
    }
    if open.is_empty() && rest.trim().is_empty() {
        Ok(seen)
    } else {
        Err(format!("left open: {open:?}"))
    }
}

fn entities(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let known = ["amp;", "lt;", "gt;", "quot;"]
            .iter()
            .any(|entity| part.starts_with(entity));
        known.then_some(()).ok_or(format!("a bare & before {part}"))?;
    }
    Ok(())
}

/// Attributes are `key="value"`, each once.
fn well_formed(attributes: &str) -> Result<(), String> {
    let mut keys: Vec<&str> = Vec::new();
    let mut rest = attributes;
    while let Some((key, after)) = rest.split_once("=\"") {
        let (value, after) = after
            .split_once('"')
            .ok_or(format!("{attributes}: a value is not closed"))?;
        entities(value)?;
        if keys.contains(&key.trim()) {
            return Err(format!("{attributes}: {key} twice"));
        }
        keys.push(key.trim());
        rest = after;
    }
    if rest.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("{attributes}: {rest} is no attribute"))
    }
}

fn check(objects: &Objects) -> String {
    let page = page(&objects.audit());
    let seen = elements(&page).unwrap_or_else(|problem| panic!("{problem}"));
    for element in [
        "script", "link", "img", "iframe", "object", "embed", "image", "use", "base",
    ] {
        assert!(!seen.iter().any(|name| name == element), "<{element}>");
    }
    for outside in [
        "http:",
        "https:",
        "src=",
        "href=",
        "url(",
        "@import",
        "javascript:",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    page
}

#[test]
fn the_page_of_a_large_cluster_stands_alone() {
    let nodes = made_up::nodes(300, "n", 5);
    let pods = made_up::pods(&nodes, 40, 6);
    let page = check(&Objects {
        nodes,
        pods,
        namespaces: made_up::namespaces(),
    });
    for heading in [
        "Where the GPUs are",
        "What could be won",
        "Waiting pods",
        "By team",
    ] {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert_eq!(page.matches("<svg viewBox=\"0 0 720").count(), 5);
    for light_dark_print in [
        "prefers-color-scheme: dark",
        "@media print",
        "color-scheme: light dark",
    ] {
        assert!(page.contains(light_dark_print));
    }
}

#[test]
fn names_of_others_are_text() {
    let name = "<script>alert(1)</script>&\"'\u{7}";
    let labels = json!({"metadata": {"labels": {"node-pool": name, "nvidia.com/gpu.product": name}}});
    let page = check(&objects(
        vec![node(name, labels)],
        vec![
            pod(name, name, gpus(1), json!({})),
            pod("w", "", gpus(9), json!({})),
        ],
    ));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;' "));
}

#[test]
fn a_cluster_without_anything_has_a_page() {
    check(&objects(vec![], vec![]));
    check(&objects(vec![cpu_node("c")], vec![]));
}
