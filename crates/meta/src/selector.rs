//! Label selectors: the string form of lists (`app=web,tier in (a,b),!legacy`) and the object form of
//! specs (`matchLabels`, `matchExpressions`). Rule: apimachinery's `labels.Parse` and `LabelSelector`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The label's key.
    pub key: String,
    /// What its value must be.
    pub operator: Operator,
}

/// What a label's value must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// One of these values.
    In(Vec<String>),
    /// None of these values, or the label is absent.
    NotIn(Vec<String>),
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// An integer greater than this (node affinity and list selectors).
    Gt(i64),
    /// An integer less than this.
    Lt(i64),
}

impl Requirement {
    /// Whether labels satisfy the condition.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match &self.operator {
            Operator::In(values) => value.is_some_and(|v| values.contains(v)),
            Operator::NotIn(values) => value.is_none_or(|v| !values.contains(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt(bound) => value
                .and_then(|v| v.parse::<i64>().ok())
                .is_some_and(|v| v > *bound),
            Operator::Lt(bound) => value
                .and_then(|v| v.parse::<i64>().ok())
                .is_some_and(|v| v < *bound),
        }
    }
}

/// A conjunction of conditions; the empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// All must hold.
    pub requirements: Vec<Requirement>,
}

impl LabelSelector {
    /// Whether labels satisfy every condition.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|r| r.matches(labels))
    }

    /// Reads the string form.
    ///
    /// # Errors
    /// It is not one; in kube-apiserver's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        crate::selector_text::parse(text).map(|requirements| Self { requirements })
    }
}

/// The terms of a selector's string form: what lies between commas outside parentheses.
pub fn terms(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut terms) = (0_usize, 0, Vec::new());
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                terms.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

/// The object form, as specs hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectorSpec {
    /// Labels that must have exactly these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<Expression>,
}

/// One condition of the object form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expression {
    /// The label's key.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, and for nodes `Gt` and `Lt`.
    pub operator: String,
    /// The values, where the operator takes any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl Expression {
    /// The condition it stands for.
    pub fn requirement(&self) -> Result<Requirement, String> {
        let bound = || {
            let value = self.values.first().filter(|_| self.values.len() == 1);
            value
                .and_then(|v| v.parse().ok())
                .ok_or_else(|| format!("{} takes one integer", self.operator))
        };
        let operator = match self.operator.as_str() {
            "In" => Operator::In(self.values.clone()),
            "NotIn" => Operator::NotIn(self.values.clone()),
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            "Gt" => Operator::Gt(bound()?),
            "Lt" => Operator::Lt(bound()?),
            other => return Err(format!("\"{other}\" is not a valid label selector operator")),
        };
        Ok(Requirement {
            key: self.key.clone(),
            operator,
        })
    }
}

impl SelectorSpec {
    /// The selector it stands for.
    pub fn selector(&self) -> Result<LabelSelector, String> {
        let equal = self.match_labels.iter().map(|(key, value)| {
            Ok(Requirement {
                key: key.clone(),
                operator: Operator::In(vec![value.clone()]),
            })
        });
        let requirements = equal
            .chain(self.match_expressions.iter().map(Expression::requirement))
            .collect::<Result<_, String>>()?;
        Ok(LabelSelector { requirements })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, labels: &[(&str, &str)], expected: bool) {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(
            LabelSelector::parse(selector).unwrap().matches(&labels),
            expected,
            "{selector}"
        );
    }

    #[test]
    fn string_form() {
        check("", &[], true);
        check("app=web", &[("app", "web")], true);
        check("app == web", &[("app", "db")], false);
        check("app!=web", &[], true);
        check("app in (web, db),tier", &[("app", "db"), ("tier", "x")], true);
        check("app notin (web)", &[("app", "web")], false);
        check("!legacy", &[("legacy", "")], false);
        check("argo.dev/done", &[("argo.dev/done", "")], true);
        check("n>5", &[("n", "6")], true);
        check("n<5", &[("n", "x")], false);
        for bad in ["a=b,,c", "a in b", "a in (b", "=x", "a b"] {
            assert!(LabelSelector::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn object_form() {
        let spec: SelectorSpec = serde_json::from_str(
            r#"{"matchLabels":{"a":"1"},"matchExpressions":[{"key":"b","operator":"NotIn","values":["2"]}]}"#,
        )
        .unwrap();
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        assert!(spec.selector().unwrap().matches(&labels));
        let bad = Expression {
            key: "a".into(),
            operator: "Near".into(),
            values: vec![],
        };
        assert!(bad.requirement().is_err());
    }
}
