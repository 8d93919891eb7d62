//! The names that tags can use.

use std::collections::BTreeMap;

use crate::lang::Value;

/// The names a text may use, dotted as they are written: `inputs.parameters.n`.
///
/// A name whose value is [`Value::Nil`] is one that exists and has no value: an output of a step that was skipped.
pub trait Scope {
    /// The value of a name.
    fn get(&self, name: &str) -> Option<&Value>;

    /// Calls `visit` with each name and value, which is what expressions see.
    fn each(&self, visit: &mut dyn FnMut(&str, &Value));
}

impl<K: std::borrow::Borrow<str> + Ord> Scope for BTreeMap<K, Value> {
    fn get(&self, name: &str) -> Option<&Value> {
        BTreeMap::get(self, name)
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &Value)) {
        for (name, value) in self {
            visit(name.borrow(), value);
        }
    }
}

/// Scopes over scopes: the first one that has a name wins.
#[derive(Clone, Copy)]
pub struct Layers<'a>(pub &'a [&'a dyn Scope]);

impl Scope for Layers<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|scope| scope.get(name))
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &Value)) {
        for scope in self.0.iter().rev() {
            scope.each(visit);
        }
    }
}
