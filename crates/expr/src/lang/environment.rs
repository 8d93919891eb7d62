//! The names an expression can use: the caller's variables and, for Argo, its functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::argo;
use super::check::Names;
use super::value::{Key, Map, MapKind, Value};

/// The variables and functions of an evaluation.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: Map,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            variables: Map::from_iter([]),
        }
    }
}

impl Environment {
    /// An environment of these variables and nothing else.
    pub fn new(variables: Map) -> Self {
        Self { variables }
    }

    /// Argo's environment: dotted names such as `inputs.parameters.x` become nested maps, and `asInt`,
    /// `asFloat`, `toJson`, `jsonpath` and `sprig` are there.
    ///
    /// Where one name is the beginning of another (`a` and `a.b`), the shorter one is dropped, as Argo does.
    pub fn argo<'a>(variables: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        let mut root = Node::default();
        for (name, value) in variables {
            root.insert(name, value);
        }
        for (name, value) in argo::functions() {
            root.children.insert((*name).into(), Node::leaf(value.clone()));
        }
        Self {
            variables: root.into_map(),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }

    /// All variables, as `$env` sees them.
    pub fn variables(&self) -> &Map {
        &self.variables
    }
}

impl Names for Environment {
    fn value(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// A name on the way to becoming nested maps.
#[derive(Default)]
struct Node {
    value: Option<Value>,
    children: BTreeMap<Arc<str>, Node>,
}

impl Node {
    fn leaf(value: Value) -> Self {
        Self {
            value: Some(value),
            children: BTreeMap::new(),
        }
    }

    fn insert(&mut self, name: &str, value: Value) {
        let node = name
            .split('.')
            .fold(self, |node, part| node.children.entry(part.into()).or_default());
        node.value = Some(value);
    }

    fn into_map(self) -> Map {
        let entries = self
            .children
            .into_iter()
            .map(|(name, node)| (Key::String(name), node.into_value()))
            .collect();
        Map::of(MapKind::StringAny, entries)
    }

    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return self.value.unwrap_or_default();
        }
        Value::Map(self.into_map())
    }
}
