//! The names an expression uses, which must exist before it can be evaluated.

use std::collections::BTreeSet;

use crate::lang::syntax::{Ast, Binary, Id, Kind, parse};
use crate::lang::{Environment, Value};

/// The names and dotted paths that an expression uses, in order, each once: `a`, `a.b`.
///
/// Paths whose absence the expression itself handles, by `??` or `?.`, are not among them. `None` if the text is
/// not an expression.
pub fn identifiers(expression: &str) -> Option<Vec<String>> {
    let ast = parse(expression, &|_| false).ok()?;
    let guarded = guarded(&ast);
    let mut names = Vec::new();
    ast.walk(ast.root, &mut |id| {
        if guarded.contains(&id) {
            return;
        }
        let name = match ast.kind(id) {
            Kind::Identifier(name) => Some(name.to_string()),
            Kind::Member { .. } => path(&ast, id),
            _ => None,
        };
        names.extend(name.filter(|name| !names.contains(name)));
    });
    Some(names)
}

/// The members left of a `??`, and those that a `?.` is asked of.
fn guarded(ast: &Ast) -> BTreeSet<Id> {
    let is_member = |id: Id| matches!(ast.kind(id), Kind::Member { .. });
    let mut guarded = BTreeSet::new();
    ast.walk(ast.root, &mut |id| match ast.kind(id) {
        Kind::Binary(Binary::Coalesce, left, _) => ast.walk(*left, &mut |id| {
            if is_member(id) {
                guarded.insert(id);
            }
        }),
        Kind::Member {
            base, optional: true, ..
        } if is_member(*base) => {
            guarded.insert(*base);
        }
        _ => {}
    });
    guarded
}

/// `a.b.c` of a member all of whose steps are plain names.
fn path(ast: &Ast, member: Id) -> Option<String> {
    let mut parts = Vec::new();
    let mut at = member;
    loop {
        match ast.kind(at) {
            Kind::Member {
                base,
                property,
                optional: false,
                ..
            } => {
                parts.push(ast.string(*property)?.to_string());
                at = *base;
            }
            Kind::Identifier(name) => {
                parts.push(name.to_string());
                parts.reverse();
                return Some(parts.join("."));
            }
            _ => return None,
        }
    }
}

/// Whether a dotted path leads to something, even to nil.
pub(super) fn exists(environment: &Environment, path: &str) -> bool {
    let mut parts = path.split('.');
    let mut at = parts.next().and_then(|name| environment.get(name));
    for part in parts {
        at = match at {
            Some(Value::Map(map)) => map.get(part),
            _ => None,
        };
    }
    at.is_some()
}
