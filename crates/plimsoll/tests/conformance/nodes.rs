//! What upstream's end-to-end tests expect of single nodes, as far as it is a phase or a type:
//! `{sel: status.Name == "a" ; Equal(t, v1alpha1.NodeFailed, status.Phase)} {sel: ...}`.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// Which nodes, and what they are.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    selectors: Vec<(Field, String)>,
    phase: Option<String>,
    kind: Option<String>,
}

/// How a node is picked.
#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    NamePart,
    DisplayName,
    Template,
}

/// All expectations of a row; selectors that say something else pick nothing and are left out.
pub(crate) fn read(text: &str) -> Vec<Expectation> {
    let groups = text.split("{sel:").skip(1);
    groups
        .map(|group| Expectation {
            selectors: selectors(group.split(';').next().unwrap_or_default()),
            phase: asserted(group, r"\.Node([A-Z][a-z]+), \w+\.Phase"),
            kind: asserted(group, r" Equal\(t, \w+\.NodeType(\w+), \w+\.Type"),
        })
        .filter(|expectation| !expectation.selectors.is_empty())
        .collect()
}

fn selectors(text: &str) -> Vec<(Field, String)> {
    static FORMS: LazyLock<[(Field, Regex); 4]> = LazyLock::new(|| {
        [
            (Field::Name, r#"\.Name == "([^"]*)""#),
            (Field::NamePart, r#"Contains\(\w+\.Name, "([^"]*)"\)"#),
            (Field::DisplayName, r#"DisplayName\("([^"]*)"\)"#),
            (Field::Template, r#"\.TemplateName == "([^"]*)""#),
        ]
        .map(|(field, form)| (field, Regex::new(form).unwrap()))
    });
    let found = FORMS
        .iter()
        .filter_map(|(field, form)| Some((*field, form.captures(text)?[1].to_owned())));
    found.collect()
}

fn asserted(text: &str, form: &str) -> Option<String> {
    Some(Regex::new(form).unwrap().captures(text)?[1].to_owned())
}

impl Expectation {
    /// What is wrong with the nodes of these workflows.
    pub(crate) fn problem(&self, workflows: &[Value]) -> Option<String> {
        let nodes = workflows
            .iter()
            .filter_map(|workflow| workflow["status"]["nodes"].as_object());
        let fits =
            |found: &Value, wanted: &Option<String>| wanted.as_ref().is_none_or(|wanted| found == wanted);
        let mut picked = nodes
            .flat_map(|nodes| nodes.values())
            .filter(|node| self.picks(node))
            .peekable();
        if picked.peek().is_none() {
            return Some(format!("no node is as {self:?} picks it"));
        }
        // Upstream's tests look at the first that a selector picks, in no order: one must be right.
        let right = picked.any(|node| fits(&node["phase"], &self.phase) && fits(&node["type"], &self.kind));
        (!right).then(|| format!("no node is as {self:?}"))
    }

    fn picks(&self, node: &Value) -> bool {
        let text = |field: &str| node[field].as_str().unwrap_or_default().to_owned();
        self.selectors.iter().all(|(field, wanted)| match field {
            Field::Name => text("name") == *wanted,
            Field::NamePart => text("name").contains(wanted.as_str()),
            Field::DisplayName => text("displayName") == *wanted,
            Field::Template => text("templateName") == *wanted,
        })
    }
}
