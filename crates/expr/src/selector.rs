//! The conditions of a resource step: `status.succeeded > 0`, `status.phase == Completed`.
//!
//! They have the syntax of label selectors, and what stands for a label is a path into the object. Argo looks it
//! up with gjson, of whose paths a label's name can only spell the plainest: fields and the indices of lists.

use std::collections::BTreeMap;
use std::fmt;

use meta::LabelSelector;
use meta::selector::{self, Operator, Requirement};
use serde_json::Value as Json;

/// The requirements of a success or failure condition.
#[derive(Clone, Debug)]
pub struct Condition {
    requirements: Vec<Written>,
}

/// A requirement and how it was written, without its blanks.
#[derive(Clone, Debug)]
pub struct Written {
    requirement: Requirement,
    text: String,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// For what is not a label selector.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = LabelSelector::parse(text)?.requirements;
        let written = parsed.into_iter().zip(selector::terms(text));
        Ok(Self {
            requirements: written
                .map(|(requirement, text)| Written {
                    requirement,
                    text: text.to_owned(),
                })
                .collect(),
        })
    }

    /// Whether every requirement holds: what a success condition asks.
    pub fn all(&self, object: &Json) -> bool {
        let holds = |written: &Written| holds(&written.requirement, object);
        self.requirements.iter().all(holds)
    }

    /// The first requirement that holds: one is enough for a failure condition.
    pub fn any(&self, object: &Json) -> Option<&Written> {
        let holds = |written: &&Written| holds(&written.requirement, object);
        self.requirements.iter().find(holds)
    }
}

impl fmt::Display for Written {
    /// As apimachinery's `Requirement.String`: without blanks, but around `in` and `notin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, values) = match &self.requirement.operator {
            Operator::In(values) => ("in", values),
            Operator::NotIn(values) => ("notin", values),
            _ => return f.write_str(&self.text.replace(' ', "")),
        };
        if !self.text.contains('(') {
            return f.write_str(&self.text.replace(' ', ""));
        }
        let mut values = values.clone();
        values.sort();
        write!(f, "{} {word} ({})", self.requirement.key, values.join(","))
    }
}

fn holds(requirement: &Requirement, object: &Json) -> bool {
    let found = look_up(object, &requirement.key).map(|value| (requirement.key.clone(), text(value)));
    requirement.matches(&found.into_iter().collect::<BTreeMap<_, _>>())
}

/// The value at a path of fields and indices.
fn look_up<'a>(object: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.').try_fold(object, |value, part| match value {
        Json::Object(fields) => fields.get(part),
        Json::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A value as gjson makes a string of it: null is empty, maps and lists are their JSON.
fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_look_into_the_object() {
        let object = serde_json::json!({
            "status": {"phase": "Completed", "succeeded": 2, "ready": true, "conditions": [{"type": "Done"}], "none": null},
        });
        for (condition, all, any) in [
            ("status.phase == Completed", true, true),
            ("status.phase=Completed,status.succeeded > 1", true, true),
            ("status.succeeded > 2", false, false),
            ("status.phase == Failed,status.ready == true", false, true),
            ("status.conditions.0.type == Done", true, true),
            ("status.phase in (Completed, Done)", true, true),
            ("status.phase notin (Failed)", true, true),
            ("status.missing", false, false),
            ("!status.missing", true, true),
            ("status.none", true, true),
        ] {
            let parsed = Condition::parse(condition).unwrap();
            assert_eq!(parsed.all(&object), all, "{condition}");
            assert_eq!(parsed.any(&object).is_some(), any, "{condition}");
        }
        assert!(Condition::parse("a in (b").is_err());
    }

    #[test]
    fn requirements_are_said_as_kubernetes_says_them() {
        let object = serde_json::json!({"status": {"phase": "Failed", "failed": 1}});
        for (condition, expected) in [
            ("status.phase == Failed", "status.phase==Failed"),
            ("status.phase = Failed", "status.phase=Failed"),
            (
                "status.phase in (Failed, Error)",
                "status.phase in (Error,Failed)",
            ),
            ("status.phase == X, status.failed > 0", "status.failed>0"),
            ("status.phase != X", "status.phase!=X"),
        ] {
            let parsed = Condition::parse(condition).unwrap();
            assert_eq!(parsed.any(&object).unwrap().to_string(), expected);
        }
    }
}
