//! The rewrites that expr-lang makes before it compiles.
//!
//! They are meant to be invisible and are not: `x && false` is `false` even where `x` would fail, `sum(["a", b])`
//! joins strings, `filter(xs, p)[0]` never looks past the first match. So they are made here too, in the same
//! order. Nodes are rewritten in place; a node's nature stays what the checker said unless a rewrite sets it.

mod calls;
mod fold;
mod ranges;

use std::collections::BTreeMap;

use super::ast::{Ast, Binary, Id, Kind};
use super::error::{Fault, Span};
use super::limits::MAX_DEPTH;
use super::types::{GoType, Nature};
use super::value::{Elem, Key, Map, MapKind, Value};

/// How often constants are folded, at most.
const MAX_FOLDS: usize = 1_000;

/// Rewrites the tree.
///
/// # Errors
/// Where a constant part would fail: an integer divided by zero.
pub(crate) fn optimize(ast: &mut Ast, natures: &mut Vec<Nature>) -> Result<(), Box<Fault>> {
    let mut tree = Tree { ast, natures };
    tree.each(Tree::in_constants);
    for _ in 0..MAX_FOLDS {
        if !tree.fold()? {
            break;
        }
    }
    tree.each(Tree::in_range);
    tree.each(Tree::map_of_filter);
    tree.each(Tree::length_of_filter);
    tree.each(Tree::last_of_filter);
    tree.each(Tree::first_of_filter);
    tree.each(Tree::combine_predicates);
    tree.each(Tree::sum_of_range);
    tree.each(Tree::sum_of_list);
    tree.each(Tree::sum_of_map);
    tree.each(Tree::count_as_any);
    tree.each(Tree::count_threshold);
    Ok(())
}

pub(super) struct Tree<'a> {
    pub(super) ast: &'a mut Ast,
    pub(super) natures: &'a mut Vec<Nature>,
}

impl Tree<'_> {
    /// The nodes, children before parents, each once.
    fn nodes(&self) -> Vec<Id> {
        let mut nodes = Vec::new();
        self.ast.walk(self.ast.root, &mut |id| nodes.push(id));
        nodes
    }

    fn each(&mut self, rewrite: impl Fn(&mut Self, Id)) {
        for id in self.nodes() {
            rewrite(self, id);
        }
    }

    pub(super) fn kind(&self, id: Id) -> &Kind {
        self.ast.kind(id)
    }

    pub(super) fn go(&self, id: Id) -> GoType {
        self.natures[Ast::index(id)].go
    }

    /// Makes a node another, of the same nature.
    pub(super) fn set(&mut self, id: Id, kind: Kind) {
        self.ast.replace(id, kind);
    }

    /// Makes a node another, of a nature of its own.
    pub(super) fn set_typed(&mut self, id: Id, kind: Kind, go: GoType) {
        self.set(id, kind);
        self.natures[Ast::index(id)] = go.into();
    }

    /// Adds a node of unknown nature.
    pub(super) fn add(&mut self, kind: Kind, span: Span) -> Id {
        let id = self.ast.add(kind, span);
        self.natures.push(Nature::UNKNOWN);
        id
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.kind(id) {
            Kind::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The left and right side of an operation.
    pub(super) fn operation(&self, id: Id) -> Option<(Binary, Id, Id)> {
        match self.kind(id) {
            Kind::Binary(operator, left, right) => Some((*operator, *left, *right)),
            _ => None,
        }
    }

    /// `x in ["a", "b"]` looks up a set, for which `x` has to be a string; numbers likewise.
    fn in_constants(&mut self, id: Id) {
        let Some((Binary::In, left, right)) = self.operation(id) else {
            return;
        };
        let Kind::Array(items) = self.kind(right) else {
            return;
        };
        let keys = |key: fn(&Kind) -> Option<Key>| -> Option<BTreeMap<Key, Value>> {
            items
                .iter()
                .map(|item| Some((key(self.kind(*item))?, Value::Map(Map::from_iter([])))))
                .collect()
        };
        if items.is_empty() {
            return;
        }
        let ints = keys(|kind| match kind {
            Kind::Int(value) => Some(Key::Int(*value)),
            _ => None,
        });
        let strings = keys(|kind| match kind {
            Kind::String(text) => Some(Key::String(text.clone())),
            _ => None,
        });
        let set = match (ints, strings) {
            (Some(ints), _) if self.go(left) == GoType::Int => Map::of(MapKind::Set(Elem::Int), ints),
            (_, Some(strings)) => Map::of(MapKind::Set(Elem::String), strings),
            _ => return,
        };
        let set = self.add(Kind::Constant(Value::Map(set)), self.ast.span(right));
        self.set(id, Kind::Binary(Binary::In, left, set));
    }

    /// `n in 1..5` compares, where `n` is known to be an integer.
    fn in_range(&mut self, id: Id) {
        let Some((Binary::In, left, right)) = self.operation(id) else {
            return;
        };
        if self.go(left) != GoType::Int {
            return;
        }
        let Some((Binary::Range, from, to)) = self.operation(right) else {
            return;
        };
        if self.int(from).is_none() || self.int(to).is_none() {
            return;
        }
        let span = self.ast.span(id);
        let above = self.add(Kind::Binary(Binary::GreaterOrEqual, left, from), span);
        let below = self.add(Kind::Binary(Binary::LessOrEqual, left, to), span);
        self.set(id, Kind::Binary(Binary::And, above, below));
    }

    /// `sum([a, b, c])` is `a + (b + c)`, whatever `+` means for them.
    fn sum_of_list(&mut self, id: Id) {
        let Some([list]) = self.call(id, "sum") else {
            return;
        };
        let Kind::Array(items) = self.kind(list) else {
            return;
        };
        let items = items.clone();
        if items.len() < 2 || items.len() + self.ast.depth(id) as usize > MAX_DEPTH as usize {
            return;
        }
        let span = self.ast.span(id);
        let Some((&last, rest)) = items.split_last() else {
            return;
        };
        let (first, middle) = (rest[0], &rest[1..]);
        let mut right = last;
        for item in middle.iter().rev() {
            right = self.add(Kind::Binary(Binary::Add, *item, right), span);
        }
        self.set(id, Kind::Binary(Binary::Add, first, right));
    }

    /// The arguments of a call of a function of the language, if there are so many.
    pub(super) fn call<const N: usize>(&self, id: Id, name: &str) -> Option<[Id; N]> {
        match self.kind(id) {
            Kind::Builtin(builtin) if *builtin.name == *name => builtin.arguments.as_slice().try_into().ok(),
            _ => None,
        }
    }
}
