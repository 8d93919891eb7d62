//! Sums over ranges of constants, by formula: `sum(1..100)` needs no list.

use super::Tree;
use crate::lang::ast::{Binary, Id, Kind};
use crate::lang::types::GoType;

impl Tree<'_> {
    pub(super) fn sum_of_range(&mut self, id: Id) {
        let result = if let Some([range]) = self.call(id, "sum") {
            self.range(range).map(|(_, sum)| sum)
        } else if let Some([range, predicate]) = self.call(id, "sum") {
            self.range(range)
                .and_then(|(count, sum)| self.applied(count, sum, predicate))
        } else if let Some([range, predicate]) = self.call(id, "reduce") {
            self.range(range)
                .filter(|_| self.adds(predicate))
                .map(|(_, sum)| sum)
        } else if let Some([range, predicate, initial]) = self.call(id, "reduce") {
            self.range(range)
                .filter(|_| self.adds(predicate))
                .and_then(|(_, sum)| Some(self.int(initial)?.wrapping_add(sum)))
        } else {
            None
        };
        if let Some(sum) = result {
            self.set_typed(id, Kind::Int(sum), GoType::Int);
        }
    }

    /// How many numbers a range of constants has, and their sum.
    fn range(&self, id: Id) -> Option<(i64, i64)> {
        let (Binary::Range, from, to) = self.operation(id)? else {
            return None;
        };
        let (from, to) = (self.int(from)?, self.int(to)?);
        if to < from {
            return None;
        }
        let count = to.wrapping_sub(from).wrapping_add(1);
        Some((count, count.wrapping_mul(from.wrapping_add(to)).wrapping_div(2)))
    }

    fn predicate(&self, id: Id) -> Option<&Kind> {
        match self.kind(id) {
            Kind::Predicate(body) => Some(self.kind(*body)),
            _ => None,
        }
    }

    fn is_pointer(&self, id: Id, name: &str) -> bool {
        matches!(self.kind(id), Kind::Pointer(pointer) if **pointer == *name)
    }

    /// `# + #acc`, either way round.
    fn adds(&self, predicate: Id) -> bool {
        match self.predicate(predicate) {
            Some(Kind::Binary(Binary::Add, left, right)) => {
                self.is_pointer(*left, "") && self.is_pointer(*right, "acc")
                    || self.is_pointer(*left, "acc") && self.is_pointer(*right, "")
            }
            _ => false,
        }
    }

    /// The sum of `#`, `# * k`, `# + k`, `# - k` and their mirror images.
    fn applied(&self, count: i64, sum: i64, predicate: Id) -> Option<i64> {
        let (operator, left, right) = match self.predicate(predicate)? {
            Kind::Pointer(name) if name.is_empty() => return Some(sum),
            Kind::Binary(operator, left, right) => (*operator, *left, *right),
            _ => return None,
        };
        let (constant, pointer_left) = if self.is_pointer(left, "") {
            (self.int(right)?, true)
        } else if self.is_pointer(right, "") {
            (self.int(left)?, false)
        } else {
            return None;
        };
        let all = count.wrapping_mul(constant);
        match operator {
            Binary::Multiply => Some(constant.wrapping_mul(sum)),
            Binary::Add => Some(sum.wrapping_add(all)),
            Binary::Subtract if pointer_left => Some(sum.wrapping_sub(all)),
            Binary::Subtract => Some(all.wrapping_sub(sum)),
            _ => None,
        }
    }
}
