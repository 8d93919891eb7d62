//! Sets of fields, as `managedFields` records who applied what.
//!
//! A field is the path to a leaf. List elements that all have a `name` are told apart by it; other lists are one leaf.
//! Rule: the encoding is structured-merge-diff's `fieldsV1` (`f:` a field, `k:` an element by key).

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Field(String),
    Named(String),
}

/// The path to a leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FieldPath(Vec<Step>);

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet(BTreeSet<FieldPath>);

/// What identifies an object is nobody's to own.
const UNOWNED: [&str; 2] = ["apiVersion", "kind"];
const UNOWNED_METADATA: [&str; 7] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
];

impl FieldSet {
    /// The fields that an applied configuration sets.
    pub(super) fn of(object: &Value) -> Self {
        let mut set = Self::default();
        for (key, value) in object.as_object().into_iter().flatten() {
            let mut path = FieldPath(vec![Step::Field(key.clone())]);
            match key.as_str() {
                key if UNOWNED.contains(&key) => {}
                "metadata" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        if !UNOWNED_METADATA.contains(&key.as_str()) {
                            path.0.push(Step::Field(key.clone()));
                            set.collect(&mut path, value);
                            path.0.pop();
                        }
                    }
                }
                _ => set.collect(&mut path, value),
            }
        }
        set
    }

    fn collect(&mut self, path: &mut FieldPath, value: &Value) {
        let children: Vec<(Step, &Value)> = match value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (Step::Field(key.clone()), value))
                .collect(),
            Value::Array(items) => named(items).unwrap_or_default(),
            _ => Vec::new(),
        };
        if children.is_empty() {
            self.0.insert(path.clone());
        }
        for (step, child) in children {
            path.0.push(step);
            self.collect(path, child);
            path.0.pop();
        }
    }

    pub(super) fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a FieldPath> {
        self.0.intersection(&other.0)
    }

    pub(super) fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a FieldPath> {
        self.0.difference(&other.0)
    }

    pub(super) fn contains(&self, path: &FieldPath) -> bool {
        self.0.contains(path)
    }

    pub(super) fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).cloned().collect())
    }

    /// The set as `fieldsV1`.
    pub(super) fn encode(&self) -> Value {
        let mut root = json!({});
        for path in &self.0 {
            let mut at = &mut root;
            for step in &path.0 {
                at = &mut at[step.key()];
                if at.is_null() {
                    *at = json!({});
                }
            }
        }
        root
    }

    /// The set that `fieldsV1` stands for.
    pub(super) fn decode(fields: &Value) -> Self {
        let mut set = Self::default();
        if let Some(map) = fields.as_object() {
            set.decode_into(&mut FieldPath::default(), map);
        }
        set
    }

    fn decode_into(&mut self, path: &mut FieldPath, map: &Map<String, Value>) {
        for (key, value) in map {
            let Some(step) = Step::parse(key) else { continue };
            path.0.push(step);
            match value.as_object().filter(|inner| !inner.is_empty()) {
                Some(inner) => self.decode_into(path, inner),
                None => {
                    self.0.insert(path.clone());
                }
            }
            path.0.pop();
        }
    }
}

/// The elements of a list that are told apart by `name`.
fn named(items: &[Value]) -> Option<Vec<(Step, &Value)>> {
    items
        .iter()
        .map(|item| Some((Step::Named(item.get("name")?.as_str()?.to_owned()), item)))
        .collect()
}

impl Step {
    fn key(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Named(name) => format!("k:{}", json!({"name": name})),
        }
    }

    fn parse(key: &str) -> Option<Self> {
        if let Some(name) = key.strip_prefix("f:") {
            return Some(Self::Field(name.to_owned()));
        }
        let keys: Value = serde_json::from_str(key.strip_prefix("k:")?).ok()?;
        Some(Self::Named(keys["name"].as_str()?.to_owned()))
    }

    fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Field(name) => value.get(name),
            Self::Named(name) => value
                .as_array()?
                .iter()
                .find(|item| item["name"] == name.as_str()),
        }
    }

    fn get_mut<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Field(name) => value.get_mut(name),
            Self::Named(name) => value
                .as_array_mut()?
                .iter_mut()
                .find(|item| item["name"] == name.as_str()),
        }
    }
}

impl FieldPath {
    /// The value at the path.
    pub(super) fn value<'v>(&self, object: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(object, |value, step| step.get(value))
    }

    /// Removes the leaf. The name of a list's element takes the element with it.
    pub(super) fn remove(&self, object: &mut Value) {
        let Some((last, parents)) = self.0.split_last() else {
            return;
        };
        match (last, parents.split_last()) {
            (Step::Field(field), Some((Step::Named(name), list))) if field == "name" => {
                let list = list.iter().try_fold(object, |value, step| step.get_mut(value));
                if let Some(Value::Array(items)) = list {
                    items.retain(|item| item["name"] != name.as_str());
                }
            }
            (Step::Field(field), _) => {
                let parent = parents.iter().try_fold(object, |value, step| step.get_mut(value));
                if let Some(Value::Object(map)) = parent {
                    map.remove(field);
                }
            }
            // A list's element is never a leaf: it has a name at least.
            (Step::Named(_), _) => {}
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Named(name) => write!(f, "[name=\"{name}\"]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_encode_and_decode() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {"a/b": "c"}},
            "spec": {"containers": [{"name": "m", "image": "i", "args": ["x"]}], "empty": {}}});
        let set = FieldSet::of(&pod);
        let encoded = json!({"f:metadata": {"f:labels": {"f:a/b": {}}}, "f:spec": {"f:empty": {},
            "f:containers": {"k:{\"name\":\"m\"}": {"f:args": {}, "f:image": {}, "f:name": {}}}}});
        assert_eq!(set.encode(), encoded);
        assert_eq!(FieldSet::decode(&encoded), set);
        let image = set
            .0
            .iter()
            .find(|path| path.to_string().ends_with("image"))
            .unwrap();
        assert_eq!(image.to_string(), ".spec.containers[name=\"m\"].image");
        assert_eq!(image.value(&pod), Some(&json!("i")));
    }
}
