//! `first`, `take`, `concat`, `sort` and the other functions of lists.

use std::borrow::Cow;

use super::{Entry, argument};
use crate::lang::function::Answer;
use crate::lang::limits::MAX_VALUE_DEPTH;
use crate::lang::ops;
use crate::lang::sort;
use crate::lang::value::{Array, Elem, Value};
use crate::lang::vm::Context;

pub(super) const TABLE: &[Entry] = &[
    ("first", |_, arguments| Ok(item_or_nil(argument(arguments, 0), 0))),
    ("last", |_, arguments| Ok(item_or_nil(argument(arguments, 0), -1))),
    ("get", get),
    ("take", take),
    ("reverse", reverse),
    ("uniq", uniq),
    ("concat", concat),
    ("flatten", flatten),
    ("sort", sorted),
];

/// What indexing would answer, or nil where it would fail.
fn item_or_nil(list: &Value, index: i64) -> Value {
    ops::fetch(list, &Value::Int(index)).unwrap_or_default()
}

/// Indexing that answers nil for what is not there.
fn get(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let (from, key) = (argument(arguments, 0), argument(arguments, 1));
    match from {
        Value::Array(_) | Value::String(_) | Value::Bytes(_) => {
            ops::to_int(key)?;
            Ok(ops::fetch(from, key).unwrap_or_default())
        }
        Value::Map(map) => Ok(map
            .entries()
            .get(&ops::map_key(map, key)?)
            .cloned()
            .unwrap_or_default()),
        _ => Ok(Value::Nil),
    }
}

/// The items of a list as Go's reflection sees one: a slice of anything, or bytes.
fn list<'a>(what: &str, value: &'a Value) -> Result<Cow<'a, [Value]>, String> {
    match value {
        Value::Array(array) => Ok(Cow::Borrowed(array.items())),
        Value::Bytes(bytes) => Ok(bytes.iter().copied().map(Value::Byte).collect()),
        other => Err(format!("cannot {what} {}", ops::kind(other))),
    }
}

fn take(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let from = argument(arguments, 0);
    let length = list("take from", from)?.len();
    let count = match argument(arguments, 1) {
        Value::Int(count) | Value::Int64(count) => *count,
        Value::Duration(count) => i64::try_from(count.as_nanos()).unwrap_or(i64::MAX),
        other => return Err(format!("cannot take {} elements", ops::kind(other))),
    };
    let count = usize::try_from(count).map_err(|_| "reflect.Value.Slice: slice index out of bounds")?;
    let end = i64::try_from(count.min(length)).unwrap_or(i64::MAX);
    ops::slice(from, &Value::Int(0), &Value::Int(end))
}

fn reverse(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let array = list("reverse", argument(arguments, 0))?;
    context.grow(array.len())?;
    Ok(Value::array(array.iter().rev().cloned().collect()))
}

fn uniq(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let array = list("uniq", argument(arguments, 0))?;
    let mut kept: Vec<Value> = Vec::new();
    for item in array.iter() {
        let mut seen = false;
        for other in &kept {
            seen = seen || ops::equal(context, item, other)?;
        }
        if !seen {
            kept.push(item.clone());
        }
    }
    Ok(Value::array(kept))
}

fn concat(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut items = Vec::new();
    for argument in arguments {
        let array = list("concat", argument)?;
        context.grow(array.len())?;
        items.extend_from_slice(&array);
    }
    // Go appends to a nil slice, which stays nil where there is nothing to append.
    Ok(Value::Array(if items.is_empty() {
        Array::nil()
    } else {
        Array::new(items)
    }))
}

fn flatten(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let array = list("flatten", argument(arguments, 0))?;
    let mut items = Vec::new();
    flatten_into(context, &array, 0, &mut items)?;
    context.grow(items.len())?;
    Ok(Value::array(items))
}

fn flatten_into(
    context: &mut Context<'_>,
    items: &[Value],
    depth: usize,
    out: &mut Vec<Value>,
) -> Result<(), String> {
    context.work(items.len())?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    for item in items {
        match list("flatten", item) {
            Ok(nested) => flatten_into(context, &nested, depth + 1, out)?,
            Err(_) => out.push(item.clone()),
        }
    }
    Ok(())
}

fn sorted(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    // Whatever is not one of these slices sorts to a nil one.
    let mut items = match argument(arguments, 0) {
        Value::Array(array) if !matches!(array.elem, Elem::Pair | Elem::Pairs) => {
            Some(array.items().to_vec())
        }
        _ => None,
    };
    let descending = match arguments.get(1) {
        None => false,
        Some(order) => match order.as_str() {
            Some("asc") => false,
            Some("desc") => true,
            Some(order) => return Err(format!("invalid order {order}, expected asc or desc")),
            None => {
                let given = order.go_type();
                return Err(format!("sort order argument must be a string (got {given})"));
            }
        },
    };
    match &mut items {
        Some(items) => {
            context.grow(items.len())?;
            sort::values(context, items, descending)?;
            Ok(Value::array(std::mem::take(items)))
        }
        None => Ok(Value::Array(Array::nil())),
    }
}
