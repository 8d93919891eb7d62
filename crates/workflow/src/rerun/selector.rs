//! Selectors of nodes, as `--node-field-selector` takes them: `displayName=approve,inputs.parameters.p.value!=x`.
//! Rule: k8s.io/apimachinery/pkg/fields, and `SelectorMatchesNode` of workflow/util/util.go.

use argo::NodeStatus;

/// What nodes must be; all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSelector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: String,
    value: String,
    equal: bool,
}

impl NodeSelector {
    /// Reads a selector; an empty one means every node.
    ///
    /// # Errors
    /// A term is not `FIELD=VALUE`, `FIELD==VALUE` or `FIELD!=VALUE`, or ends in a lone backslash.
    pub fn parse(text: &str) -> Result<Self, String> {
        let terms = split(text)?.into_iter().filter(|term| !term.is_empty());
        terms
            .map(|term| parse_term(&term))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a node is meant. A field that it does not have is empty.
    pub fn matches(&self, node: &NodeStatus) -> bool {
        self.0
            .iter()
            .all(|term| (field(node, &term.field) == term.value) == term.equal)
    }
}

/// At commas that no backslash escapes; the escapes stay.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut terms, mut term) = (Vec::new(), String::new());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ',' => terms.push(std::mem::take(&mut term)),
            '\\' => {
                term.push(c);
                term.push(
                    chars
                        .next()
                        .ok_or_else(|| format!("invalid selector: '{text}' ends in a backslash"))?,
                );
            }
            c => term.push(c),
        }
    }
    terms.push(term);
    Ok(terms)
}

fn parse_term(term: &str) -> Result<Term, String> {
    let at = term
        .find(['=', '!'])
        .filter(|at| term[*at..].starts_with('=') || term[*at..].starts_with("!="));
    let at = at.ok_or_else(|| format!("invalid selector: '{term}'; can't understand '{term}'"))?;
    let (field, rest) = term.split_at(at);
    let (equal, rest) = match rest.strip_prefix("!=") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix("==").unwrap_or(&rest[1..])),
    };
    Ok(Term {
        field: field.to_owned(),
        value: unescape(rest)?,
        equal,
    })
}

/// A value may hold `\\`, `\,` and `\=`.
fn unescape(value: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                _ => {
                    return Err(format!(
                        "invalid field selector: invalid escape sequence in '{value}'"
                    ));
                }
            },
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character '{c}' in '{value}'"
                ));
            }
            c => plain.push(c),
        }
    }
    Ok(plain)
}

fn field(node: &NodeStatus, name: &str) -> String {
    let reference = node.template_ref.as_ref();
    let text = match name {
        "displayName" => &node.display_name,
        "templateName" => reference.map_or(&node.template_name, |reference| &reference.template),
        "phase" => &node.phase,
        "name" => &node.name,
        "id" => &node.id,
        "templateRef.name" => {
            return reference
                .map(|reference| reference.name.clone())
                .unwrap_or_default();
        }
        "templateRef.template" => {
            return reference
                .map(|reference| reference.template.clone())
                .unwrap_or_default();
        }
        other => return input(node, other).unwrap_or_default(),
    };
    text.clone()
}

fn input(node: &NodeStatus, field: &str) -> Option<String> {
    let name = field.strip_prefix("inputs.parameters.")?.strip_suffix(".value")?;
    let value = node.inputs.as_ref()?.parameter(name)?.value.as_ref()?;
    Some(value.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nodes_are_picked_by_their_fields() {
        let node: NodeStatus = serde_json::from_value(json!({
            "id": "wf-1", "name": "wf.a", "displayName": "a", "phase": "Failed", "templateName": "t",
            "inputs": {"parameters": [{"name": "p", "value": "x,y"}]},
        }))
        .unwrap();
        for (selector, expected) in [
            ("", true),
            ("id=wf-1", true),
            ("displayName==a,phase=Failed", true),
            ("displayName=a,phase=Succeeded", false),
            ("phase!=Succeeded", true),
            (r"inputs.parameters.p.value=x\,y", true),
            ("inputs.parameters.q.value=", true),
            ("templateName=t", true),
            ("templateRef.name=t", false),
        ] {
            let parsed = NodeSelector::parse(selector).unwrap();
            assert_eq!(parsed.matches(&node), expected, "{selector}");
        }
        for wrong in ["a", "a!b", r"a=\x", r"a=b\", "a=b=c"] {
            assert!(NodeSelector::parse(wrong).is_err(), "{wrong}");
        }
    }
}
