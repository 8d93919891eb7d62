//! Following a path of Argo's dialect through a document.

use super::script::Script;
use super::selector::{Bound, Member, Token};
use crate::lang::ops::Number;
use crate::lang::{Context, Key, Value};

pub(super) type Found = Result<Value, String>;

/// What the rest of a path selects, from `current` in `root`.
pub(super) fn apply(context: &mut Context<'_>, root: &Value, current: &Value, tokens: &[Token]) -> Found {
    let Some((token, next)) = tokens.split_first() else {
        return Ok(current.clone());
    };
    context.work(1)?;
    match token {
        Token::Root => apply(context, root, root, next),
        Token::Current => apply(context, root, current, next),
        Token::Wildcard => wildcard(context, root, current, next),
        Token::Recursive => {
            let mut found = Vec::new();
            recursive(context, root, current, next, &mut found)?;
            Ok(Value::array(found))
        }
        Token::Length => {
            let length = length(current)?;
            apply(context, root, &length, next)
        }
        Token::Key(key) => {
            let value = key_of(current, key)?;
            apply(context, root, value, next)
        }
        Token::Index(index) => {
            let value = item_of(current, *index)?;
            apply(context, root, value, next)
        }
        Token::Script(script) => scripted(context, root, current, script, next),
        Token::Filter(script) => filter(context, root, current, script, next),
        Token::Range(bounds) => range(context, root, current, bounds, next),
        Token::Union(members) => union(context, root, current, members, next),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Int64(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        _ => "map",
    }
}

fn wrong_target(token: &str, wanted: &str, value: &Value) -> String {
    format!(
        "{token}: invalid token target. expected [{wanted}] got [{}]",
        kind(value)
    )
}

fn key_of<'a>(current: &'a Value, key: &str) -> Result<&'a Value, String> {
    match current {
        Value::Map(map) => map
            .get(key)
            .ok_or_else(|| format!("key: invalid token key '{key}' not found")),
        other => Err(wrong_target("key", "map", other)),
    }
}

fn item_of(current: &Value, index: i64) -> Result<&Value, String> {
    let Value::Array(array) = current else {
        return Err(wrong_target("index", "array slice", current));
    };
    let length = i64::try_from(array.items().len()).unwrap_or(i64::MAX);
    let index = if index < 0 { length + index } else { index };
    usize::try_from(index)
        .ok()
        .and_then(|index| array.items().get(index))
        .ok_or_else(|| "index: invalid token out of range".to_owned())
}

fn length(current: &Value) -> Found {
    let count = match current {
        Value::Map(map) => match map.get("length") {
            Some(value) => return Ok(value.clone()),
            None => map.entries().len(),
        },
        Value::Array(array) => array.items().len(),
        Value::String(text) => text.len(),
        other => return Err(wrong_target("length", "array map slice string", other)),
    };
    Ok(Value::Int64(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The children of a list or a map, maps in the order of their keys.
fn children(token: &str, value: &Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(array) => Ok(array.items().to_vec()),
        Value::Map(map) => Ok(map.entries().values().cloned().collect()),
        other => Err(wrong_target(token, "array map slice", other)),
    }
}

/// What the rest of the path selects from each item, without what it does not find.
fn each(context: &mut Context<'_>, root: &Value, items: &[Value], next: &[Token]) -> Found {
    context.grow(items.len())?;
    if next.is_empty() {
        return Ok(Value::array(items.to_vec()));
    }
    let mut found = Vec::new();
    for item in items {
        match apply(context, root, item, next) {
            Ok(Value::Nil) | Err(_) => context.work(1)?,
            Ok(value) => found.push(value),
        }
    }
    Ok(Value::array(found))
}

fn wildcard(context: &mut Context<'_>, root: &Value, current: &Value, next: &[Token]) -> Found {
    let items = children("wildcard", current)?;
    each(context, root, &items, next)
}

fn recursive(
    context: &mut Context<'_>,
    root: &Value,
    current: &Value,
    next: &[Token],
    found: &mut Vec<Value>,
) -> Result<(), String> {
    context.work(1)?;
    if matches!(current, Value::Nil) {
        return Ok(());
    }
    match apply(context, root, current, next) {
        Ok(Value::Nil) | Err(_) => {}
        Ok(Value::Array(array)) if !next.is_empty() => {
            context.grow(array.items().len())?;
            found.extend_from_slice(array.items());
        }
        Ok(value) => {
            context.grow(1)?;
            found.push(value);
        }
    }
    for child in children("recursive", current).unwrap_or_default() {
        recursive(context, root, &child, next, found)?;
    }
    Ok(())
}

fn scripted(
    context: &mut Context<'_>,
    root: &Value,
    current: &Value,
    script: &Script,
    next: &[Token],
) -> Found {
    let value = match script.evaluate(context, root, current) {
        Ok(Value::String(key)) => key_of(current, &key)?,
        Ok(other) => match integer(&other) {
            Some(index) => item_of(current, index)?,
            None => {
                let given = kind(&other);
                return Err(format!(
                    "unexpected expression result. expected [int string] got [{given}]"
                ));
            }
        },
        Err(problem) => return Err(format!("invalid expression. {problem}")),
    };
    apply(context, root, value, next)
}

/// A whole number, however it is held.
fn integer(value: &Value) -> Option<i64> {
    match Number::of(value)? {
        Number::Int(value) => Some(value),
        Number::Float(value) if value.trunc() == value => Some(crate::lang::ops::truncate(value)),
        Number::Float(_) => None,
    }
}

fn filter(
    context: &mut Context<'_>,
    root: &Value,
    current: &Value,
    script: &Script,
    next: &[Token],
) -> Found {
    if script.is_empty() {
        return Err("invalid expression. is empty".to_owned());
    }
    let mut kept = Vec::new();
    for item in children("filter", current)? {
        context.work(1)?;
        if script
            .evaluate(context, root, &item)
            .is_ok_and(|value| includes(&value))
        {
            kept.push(item);
        }
    }
    if let Some((Token::Index(_), _)) = next.split_first() {
        return apply(context, current, &Value::array(kept), next);
    }
    each(context, root, &kept, next)
}

/// Whether a filter keeps an item for which it answers this.
fn includes(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::Array(array) => !array.items().is_empty(),
        Value::Map(map) => !map.entries().is_empty(),
        Value::String(text) => {
            let inside = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
            !inside('\'').or_else(|| inside('"')).unwrap_or(text).is_empty()
        }
        other => Number::of(other).is_some_and(|number| number.float() != 0.0),
    }
}

/// Several items: an index selects among them, anything else is asked of each.
fn several(context: &mut Context<'_>, root: &Value, items: Vec<Value>, next: &[Token]) -> Found {
    if let Some((Token::Index(_), _)) = next.split_first() {
        return apply(context, root, &Value::array(items), next);
    }
    each(context, root, &items, next)
}

fn range(
    context: &mut Context<'_>,
    root: &Value,
    current: &Value,
    bounds: &[Option<Bound>; 3],
    next: &[Token],
) -> Found {
    let Value::Array(array) = current else {
        return Err(wrong_target("range", "array slice", current));
    };
    let length = i64::try_from(array.items().len()).unwrap_or(i64::MAX);
    let clamp = |at: i64| (if at < 0 { length + at } else { at }).clamp(0, length);
    let [from, to, step] = bounds;
    let from = bound(context, root, current, from.as_ref())?.map_or(0, clamp);
    let to = bound(context, root, current, to.as_ref())?.map_or(length, clamp);
    let step = bound(context, root, current, step.as_ref())?.unwrap_or(1);
    if step == 0 {
        return Err("range: invalid token out of range".to_owned());
    }
    let size = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    let part = usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0);
    let part = array.items().get(part).unwrap_or_default();
    let items: Vec<Value> = if step > 0 {
        part.iter().step_by(size).cloned().collect()
    } else {
        part.iter().rev().step_by(size).cloned().collect()
    };
    several(context, root, items, next)
}

fn bound(
    context: &mut Context<'_>,
    root: &Value,
    current: &Value,
    bound: Option<&Bound>,
) -> Result<Option<i64>, String> {
    let script = match bound {
        None => return Ok(None),
        Some(Bound::Number(number)) => return Ok(Some(*number)),
        Some(Bound::Script(script)) => script,
    };
    let value = script
        .evaluate(context, root, current)
        .map_err(|problem| format!("range: invalid token invalid expression. {problem}"))?;
    match integer(&value) {
        Some(number) => Ok(Some(number)),
        None => Err(format!(
            "range: invalid token unexpected expression result. expected [int] got [{}]",
            kind(&value)
        )),
    }
}

fn union(
    context: &mut Context<'_>,
    root: &Value,
    current: &Value,
    members: &[Member],
    next: &[Token],
) -> Found {
    let mut keys = Vec::new();
    let mut indices = Vec::new();
    for member in members {
        match member {
            Member::Key(key) => keys.push(key.as_str().into()),
            Member::Index(index) => indices.push(*index),
            Member::Script(script) => match script.evaluate(context, root, current) {
                Ok(Value::String(key)) => keys.push(key),
                Ok(other) => indices.push(integer(&other).ok_or_else(|| {
                    let given = kind(&other);
                    format!("union: invalid token argument. expected [int string] got [{given}]")
                })?),
                Err(problem) => return Err(format!("union: invalid token invalid expression. {problem}")),
            },
        }
    }
    if !keys.is_empty() && !indices.is_empty() {
        return Err("union: invalid token argument. expected [string] got [int]".to_owned());
    }
    let items = if keys.is_empty() {
        if !matches!(current, Value::Array(_)) {
            return Err(wrong_target("union", "array slice", current));
        }
        let found = indices
            .into_iter()
            .filter_map(|index| item_of(current, index).ok());
        found.cloned().collect()
    } else {
        let Value::Map(map) = current else {
            return Err(wrong_target("union", "map", current));
        };
        let found = keys
            .into_iter()
            .filter_map(|key| map.entries().get(&Key::String(key)));
        found.cloned().collect()
    };
    several(context, root, items, next)
}
