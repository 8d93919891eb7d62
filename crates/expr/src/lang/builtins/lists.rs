//! `first`, `take`, `concat`, `sort` and the other functions of lists.

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

/// A list as Go's reflection sees one: a slice of anything.
fn list<'a>(what: &str, value: &'a Value) -> Result<&'a Array, String> {
    match value {
        Value::Array(array) => Ok(array),
        other => Err(format!("cannot {what} {}", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Map(_) => "map",
        other => other.go_type(),
    }
}

fn take(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let array = list("take from", argument(arguments, 0))?;
    let count = match argument(arguments, 1) {
        Value::Int(count) | Value::Int64(count) => *count,
        other => return Err(format!("cannot take {} elements", kind(other))),
    };
    let length = array.items().len();
    let Ok(count) = usize::try_from(count) else {
        return Err("reflect.Value.Slice: slice index out of bounds".to_owned());
    };
    let items = array.items()[..count.min(length)].to_vec();
    Ok(Value::Array(Array::of(array.elem, items)))
}

fn reverse(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let array = list("reverse", argument(arguments, 0))?;
    context.grow(array.items().len())?;
    Ok(Value::array(array.items().iter().rev().cloned().collect()))
}

fn uniq(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let array = list("uniq", argument(arguments, 0))?;
    let mut kept: Vec<Value> = Vec::new();
    for item in array.items() {
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
        context.grow(array.items().len())?;
        items.extend_from_slice(array.items());
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
    flatten_into(context, array, 0, &mut items)?;
    context.grow(items.len())?;
    Ok(Value::array(items))
}

fn flatten_into(
    context: &mut Context<'_>,
    array: &Array,
    depth: usize,
    out: &mut Vec<Value>,
) -> Result<(), String> {
    context.work(array.items().len())?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    for item in array.items() {
        match item {
            Value::Array(nested) => flatten_into(context, nested, depth + 1, out)?,
            other => out.push(other.clone()),
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
