//! Pieces as YAML that people read and `kubectl apply` takes: each object under what it is for, each right under why it
//! is needed.

use super::Piece;
use crate::error::{CommandError, Result};
use crate::objects;

/// Where a rule of a role begins.
const RULE: &str = "- apiGroups:";

/// All pieces as one stream of documents.
///
/// # Errors
/// An object has no YAML form.
pub fn yaml(pieces: &[Piece]) -> Result<String> {
    let documents: Vec<String> = pieces.iter().map(document).collect::<Result<_>>()?;
    Ok(documents.concat())
}

fn document(piece: &Piece) -> Result<String> {
    let body = serde_saphyr::to_string(&piece.object).map_err(|error| {
        let title = objects::title(&piece.object);
        CommandError::failed(format!("cannot show {title}")).because(&error)
    })?;
    Ok(format!(
        "---\n# {}\n{}",
        piece.purpose,
        explain(&body, &piece.reasons)
    ))
}

/// The text with a comment before each rule.
fn explain(body: &str, reasons: &[&str]) -> String {
    let mut reasons = reasons.iter();
    let mut text = String::with_capacity(body.len());
    for line in body.lines() {
        let rule = line.trim_start();
        if let Some(why) = rule.starts_with(RULE).then(|| reasons.next()).flatten() {
            let indent = &line[..line.len() - rule.len()];
            text.push_str(&format!("{indent}# {why}\n"));
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_stands_under_its_reason() {
        let rule = |resource: &str| json!({"apiGroups": [""], "resources": [resource], "verbs": ["get"]});
        let piece = Piece {
            object: json!({"kind": "Role", "rules": [rule("pods"), rule("nodes")]}),
            purpose: "what it may do",
            reasons: vec!["see pods", "see nodes"],
        };
        expect_test::expect![[r#"
            ---
            # what it may do
            kind: Role
            rules:
            # see pods
            - apiGroups:
              - ""
              resources:
              - pods
              verbs:
              - get
            # see nodes
            - apiGroups:
              - ""
              resources:
              - nodes
              verbs:
              - get
        "#]]
        .assert_eq(&yaml(&[piece]).expect("YAML"));
    }
}
