//! The order of a merged list.
//!
//! Rule: apimachinery's `normalizeElementOrder`. What the patch orders goes in the patch's order; what only the
//! object has keeps its own; the two are interleaved by their places in the object, where both have one.

use serde_json::Value;

/// What tells items apart: the field `key` of objects, or the whole value where there is no key.
pub(super) fn identity<'a>(item: &'a Value, key: Option<&str>) -> Option<&'a Value> {
    match key {
        Some(key) => item.get(key),
        None => Some(item),
    }
}

pub(super) fn position(list: &[Value], item: &Value, key: Option<&str>) -> Option<usize> {
    let wanted = identity(item, key)?;
    list.iter().position(|other| identity(other, key) == Some(wanted))
}

/// Orders `merged`: `wanted` is the patch's order, `before` the object's.
pub(super) fn arrange(
    merged: Vec<Value>,
    wanted: &[Value],
    before: &[Value],
    key: Option<&str>,
) -> Vec<Value> {
    let (mut patched, mut kept): (Vec<_>, Vec<_>) = merged
        .into_iter()
        .partition(|item| position(wanted, item, key).is_some());
    patched.sort_by_key(|item| position(wanted, item, key));
    kept.sort_by_key(|item| position(before, item, key));
    interleave(kept, patched, before, key)
}

/// An item of `kept` goes first only where the object had it before the next of `patched`.
fn interleave(kept: Vec<Value>, patched: Vec<Value>, before: &[Value], key: Option<&str>) -> Vec<Value> {
    let mut all = Vec::with_capacity(kept.len() + patched.len());
    let (mut kept, mut patched) = (kept.into_iter().peekable(), patched.into_iter().peekable());
    while let (Some(left), Some(right)) = (kept.peek(), patched.peek()) {
        let places = position(before, left, key).zip(position(before, right, key));
        let left_first = places.is_some_and(|(left, right)| left < right);
        all.extend(if left_first { kept.next() } else { patched.next() });
    }
    all.extend(kept);
    all.extend(patched);
    all
}
