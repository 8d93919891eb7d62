//! Sorting, with comparisons that can fail: two items may have no order.

use super::ops;
use super::value::Value;
use super::vm::Context;

/// Reads `"asc"` or `"desc"`.
pub(super) fn is_descending(order: &Value) -> Result<bool, String> {
    match order.as_str() {
        Some("asc") => Ok(false),
        Some("desc") => Ok(true),
        Some(_) => Err("unknown order, use asc or desc".to_owned()),
        None => Err("sortBy order argument must be a string".to_owned()),
    }
}

/// Sorts `items` by `keys`, each the key of the item at its place.
pub(super) fn by_keys(
    context: &mut Context<'_>,
    items: Vec<Value>,
    keys: Vec<Value>,
    descending: bool,
) -> Result<Vec<Value>, String> {
    let mut pairs: Vec<(Value, Value)> = keys.into_iter().zip(items).collect();
    stable(context, &mut pairs, &|a, b| less(&a.0, &b.0, descending))?;
    Ok(pairs.into_iter().map(|(_, item)| item).collect())
}

/// Sorts values by their own order.
pub(super) fn values(context: &mut Context<'_>, items: &mut [Value], descending: bool) -> Result<(), String> {
    stable(context, items, &|a, b| less(a, b, descending))
}

fn less(a: &Value, b: &Value, descending: bool) -> Result<bool, String> {
    let (a, b) = if descending { (b, a) } else { (a, b) };
    Ok(ops::compare(a, b, "<")?.is_lt())
}

/// A sort that stops at the first comparison that fails. Go's is insertion sort below a dozen items, which is
/// stable; beyond that ours stays stable.
fn stable<T: Clone>(
    context: &mut Context<'_>,
    items: &mut [T],
    less: &dyn Fn(&T, &T) -> Result<bool, String>,
) -> Result<(), String> {
    let length = items.len();
    context.work(length * (length.max(2).ilog2() as usize))?;
    let mut failure = None;
    items.sort_by(|a, b| {
        if failure.is_some() {
            return std::cmp::Ordering::Equal;
        }
        let order = less(a, b).and_then(|below| {
            Ok(match (below, less(b, a)?) {
                (true, _) => std::cmp::Ordering::Less,
                (false, true) => std::cmp::Ordering::Greater,
                (false, false) => std::cmp::Ordering::Equal,
            })
        });
        order.unwrap_or_else(|problem| {
            failure = Some(problem);
            std::cmp::Ordering::Equal
        })
    });
    failure.map_or(Ok(()), Err)
}
