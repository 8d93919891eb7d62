//! Rewrites of calls that take predicates: of `filter` and what is done with its result, `count`, `all`, `any`.

use super::Tree;
use crate::lang::ast::{Binary, Builtin, Id, Kind};

impl Tree<'_> {
    fn builtin(&self, id: Id) -> Option<&Builtin> {
        match self.kind(id) {
            Kind::Builtin(builtin) => Some(builtin),
            _ => None,
        }
    }

    fn filter(&self, id: Id) -> Option<&Builtin> {
        self.builtin(id)
            .filter(|builtin| *builtin.name == *"filter" && builtin.arguments.len() == 2)
    }

    /// `map(filter(xs, p), f)` is one loop.
    pub(super) fn map_of_filter(&mut self, id: Id) {
        let Some([list, predicate]) = self.call(id, "map") else {
            return;
        };
        let Kind::Predicate(body) = *self.kind(predicate) else {
            return;
        };
        let mut uses_index = false;
        self.ast.walk(predicate, &mut |id| {
            uses_index |= matches!(self.kind(id), Kind::Pointer(name) if **name == *"index");
        });
        let Some(filter) = self
            .filter(list)
            .filter(|filter| filter.map.is_none() && !uses_index)
        else {
            return;
        };
        let mut filter = filter.clone();
        filter.map = Some(body);
        self.set(id, Kind::Builtin(filter));
    }

    /// `len(filter(xs, p))` counts.
    pub(super) fn length_of_filter(&mut self, id: Id) {
        let Some([list]) = self.call(id, "len") else {
            return;
        };
        let Some(filter) = self.filter(list) else { return };
        let count = Builtin::new("count", filter.arguments.clone());
        self.set(id, Kind::Builtin(count));
    }

    pub(super) fn first_of_filter(&mut self, id: Id) {
        self.end_of_filter(id, 0, "first", "find");
    }

    pub(super) fn last_of_filter(&mut self, id: Id) {
        self.end_of_filter(id, -1, "last", "findLast");
    }

    /// `filter(xs, p)[0]` and `first(filter(xs, p))` stop at what they find.
    fn end_of_filter(&mut self, id: Id, wanted: i64, name: &str, find: &str) {
        let (list, throws) = match *self.kind(id) {
            Kind::Member {
                base,
                property,
                optional: false,
                ..
            } if self.int(property) == Some(wanted) => (base, true),
            _ => match self.call(id, name) {
                Some([list]) => (list, false),
                None => return,
            },
        };
        let Some(filter) = self.filter(list) else { return };
        let found = Builtin {
            map: filter.map,
            throws,
            ..Builtin::new(find, filter.arguments.clone())
        };
        self.set(id, Kind::Builtin(found));
    }

    /// `sum(map(xs, f))` is one loop.
    pub(super) fn sum_of_map(&mut self, id: Id) {
        let Some([list]) = self.call(id, "sum") else {
            return;
        };
        let Some([xs, f]) = self.call(list, "map") else {
            return;
        };
        self.set(id, Kind::Builtin(Builtin::new("sum", vec![xs, f])));
    }

    /// `all(xs, p) && all(xs, q)` is one loop, and so is its like for `any` and `none`.
    pub(super) fn combine_predicates(&mut self, id: Id) {
        let Some((operator @ (Binary::And | Binary::Or), left, right)) = self.operation(id) else {
            return;
        };
        let (Some(a), Some(b)) = (self.builtin(left), self.builtin(right)) else {
            return;
        };
        let combined = match (&*a.name, operator) {
            ("all", Binary::And) => Binary::And,
            ("any", Binary::Or) | ("none", Binary::And) => Binary::Or,
            _ => return,
        };
        let (&[xs, p], &[ys, q]) = (a.arguments.as_slice(), b.arguments.as_slice()) else {
            return;
        };
        if a.name != b.name || self.go(xs) != self.go(ys) || !self.same(xs, ys) {
            return;
        }
        let (&Kind::Predicate(p), &Kind::Predicate(q)) = (self.kind(p), self.kind(q)) else {
            return;
        };
        let name = a.name.clone();
        let span = self.ast.span(id);
        let both = self.add(Kind::Binary(combined, p, q), span);
        self.combine_predicates(both);
        let predicate = self.add(Kind::Predicate(both), span);
        self.set(id, Kind::Builtin(Builtin::new(name, vec![xs, predicate])));
    }

    /// Whether two parts of the tree are written the same.
    fn same(&self, a: Id, b: Id) -> bool {
        let text = |id: Id| {
            let mut text = String::new();
            self.ast.walk(id, &mut |id| {
                text.push_str(&shape(self.kind(id)));
                text.push('\n');
            });
            text
        };
        a == b || text(a) == text(b)
    }

    /// `count(xs, p) > 0` is `any(xs, p)`.
    pub(super) fn count_as_any(&mut self, id: Id) {
        let Some((operator, left, right)) = self.operation(id) else {
            return;
        };
        let Some([xs, p]) = self.call(left, "count") else {
            return;
        };
        if matches!(
            (operator, self.int(right)),
            (Binary::Greater, Some(0)) | (Binary::GreaterOrEqual, Some(1))
        ) {
            self.set(id, Kind::Builtin(Builtin::new("any", vec![xs, p])));
        }
    }

    /// `count(xs, p) > 3` stops counting at four.
    pub(super) fn count_threshold(&mut self, id: Id) {
        let Some((operator, left, right)) = self.operation(id) else {
            return;
        };
        let Some([_, _]) = self.call(left, "count") else {
            return;
        };
        let Some(bound) = self.int(right).filter(|bound| *bound >= 0) else {
            return;
        };
        let threshold = match operator {
            Binary::Greater | Binary::LessOrEqual => bound.wrapping_add(1),
            Binary::GreaterOrEqual | Binary::Less => bound,
            _ => return,
        };
        let Kind::Builtin(count) = self.kind(left) else {
            return;
        };
        if threshold > 1 {
            let mut count = count.clone();
            count.threshold = Some(threshold);
            self.set(left, Kind::Builtin(count));
        }
    }
}

/// A node without its children, as text. Children come before it, so that equal texts mean equal trees.
fn shape(kind: &Kind) -> String {
    match kind {
        Kind::Unary(operator, _) => format!("{operator:?}"),
        Kind::Binary(operator, ..) => format!("{operator:?}"),
        Kind::Chain(_) => "chain".to_owned(),
        Kind::Member { optional, .. } => format!("member {optional}"),
        Kind::Slice { from, to, .. } => format!("slice {} {}", from.is_some(), to.is_some()),
        Kind::Call { arguments, .. } => format!("call {}", arguments.len()),
        Kind::Builtin(builtin) => format!("builtin {} {}", builtin.name, builtin.arguments.len()),
        Kind::Predicate(_) => "predicate".to_owned(),
        Kind::Let { name, .. } => format!("let {name}"),
        Kind::Sequence(nodes) => format!("sequence {}", nodes.len()),
        Kind::Conditional { .. } => "conditional".to_owned(),
        Kind::Array(items) => format!("array {}", items.len()),
        Kind::Map(pairs) => format!("map {}", pairs.len()),
        leaf => format!("{leaf:?}"),
    }
}
