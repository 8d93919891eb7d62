//! Sprig's functions of dictionaries. They answer changed copies: values are never changed in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::defaults::is_empty;
use super::{any, fixed, text, to_text, variadic};
use crate::lang::GoType::{Any, String as Str, StringAny};
use crate::lang::limits::MAX_VALUE_DEPTH;
use crate::lang::{Answer, Context, Function, Key, Map, MapKind, Value};

pub(super) static TABLE: &[Function] = &[
    variadic("dict", &[Any], dict),
    fixed("get", &[StringAny, Str], |_, a| {
        Ok(map(a, 0).get(text(a, 1)).cloned().unwrap_or_else(|| "".into()))
    }),
    fixed("set", &[StringAny, Str, Any], |context, a| {
        context.grow(map(a, 0).entries().len())?;
        let mut entries = map(a, 0).into_entries();
        entries.insert(Key::String(text(a, 1).into()), any(a, 2).clone());
        Ok(dictionary(entries))
    }),
    fixed("unset", &[StringAny, Str], |context, a| {
        context.grow(map(a, 0).entries().len())?;
        let mut entries = map(a, 0).into_entries();
        entries.remove(&Key::String(text(a, 1).into()));
        Ok(dictionary(entries))
    }),
    fixed("hasKey", &[StringAny, Str], |_, a| {
        Ok(map(a, 0).get(text(a, 1)).is_some().into())
    }),
    variadic("pluck", &[Str, StringAny], |_, a| {
        let found = (1..a.len()).filter_map(|index| map(a, index).get(text(a, 0)).cloned());
        Ok(Value::array(found.collect()))
    }),
    variadic("keys", &[StringAny], |context, a| {
        let mut keys = Vec::new();
        for index in 0..a.len() {
            keys.extend(map(a, index).entries().keys().filter_map(name));
        }
        context.grow(keys.len())?;
        Ok(Value::strings(keys))
    }),
    fixed("values", &[StringAny], |context, a| {
        context.grow(map(a, 0).entries().len())?;
        Ok(Value::array(map(a, 0).entries().values().cloned().collect()))
    }),
    variadic("pick", &[StringAny, Str], |_, a| Ok(chosen(a, true))),
    variadic("omit", &[StringAny, Str], |_, a| Ok(chosen(a, false))),
    variadic("merge", &[StringAny, StringAny], |context, a| {
        merge(context, a, false)
    }),
    variadic("mustMerge", &[StringAny, StringAny], |context, a| {
        merge(context, a, false)
    }),
    variadic("mergeOverwrite", &[StringAny, StringAny], |context, a| {
        merge(context, a, true)
    }),
    variadic("mustMergeOverwrite", &[StringAny, StringAny], |context, a| {
        merge(context, a, true)
    }),
    variadic("dig", &[Any], dig),
];

fn map(arguments: &[Value], index: usize) -> Map {
    match any(arguments, index) {
        Value::Map(map) => map.clone(),
        _ => Map::from_iter([]),
    }
}

fn dictionary(entries: BTreeMap<Key, Value>) -> Value {
    Value::Map(Map::of(MapKind::StringAny, entries))
}

fn name(key: &Key) -> Option<Arc<str>> {
    match key {
        Key::String(name) => Some(name.clone()),
        _ => None,
    }
}

/// Keys and values in turn; a last key without a value has an empty one.
fn dict(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut entries = BTreeMap::new();
    for pair in arguments.chunks(2) {
        let key = to_text(context, any(pair, 0))?;
        let value = pair.get(1).cloned().unwrap_or_else(|| "".into());
        entries.insert(Key::String(key.into()), value);
    }
    context.grow(entries.len())?;
    Ok(dictionary(entries))
}

fn chosen(arguments: &[Value], keep: bool) -> Value {
    let named =
        |key: &Key| (1..arguments.len()).any(|index| *key == Key::String(text(arguments, index).into()));
    let mut entries = map(arguments, 0).into_entries();
    entries.retain(|key, _| named(key) == keep);
    dictionary(entries)
}

/// Merges the later dictionaries into the first, which wins unless `overwrite`.
fn merge(context: &mut Context<'_>, arguments: &[Value], overwrite: bool) -> Answer {
    let mut entries = map(arguments, 0).into_entries();
    for index in 1..arguments.len() {
        merge_into(context, &mut entries, &map(arguments, index), overwrite, 0)?;
    }
    Ok(dictionary(entries))
}

fn merge_into(
    context: &mut Context<'_>,
    into: &mut BTreeMap<Key, Value>,
    from: &Map,
    overwrite: bool,
    depth: usize,
) -> Result<(), String> {
    context.grow(from.entries().len())?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    for (key, value) in from.entries() {
        let old = into.get(key);
        let merged = match (old, value) {
            (Some(Value::Map(old)), Value::Map(new)) if !old.entries().is_empty() => {
                let mut entries = old.clone().into_entries();
                merge_into(context, &mut entries, new, overwrite, depth + 1)?;
                dictionary(entries)
            }
            (_, Value::Nil) if !overwrite => continue,
            (Some(old), _) if !overwrite && !is_empty(old) => continue,
            _ => value.clone(),
        };
        into.insert(key.clone(), merged);
    }
    Ok(())
}

/// The value at the end of a path of keys, or the default, which stands before the dictionary.
fn dig(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let [keys @ .., default, dictionary] = arguments else {
        return Err("dig needs at least three arguments".to_owned());
    };
    if keys.is_empty() {
        return Err("dig needs at least three arguments".to_owned());
    }
    let not_a = crate::lang::ops::not_a;
    let map = "map[string]interface {}";
    if !matches!(dictionary, Value::Map(_)) {
        return Err(not_a(dictionary, map));
    }
    if let Some(key) = keys.iter().find(|key| key.as_str().is_none()) {
        return Err(not_a(key, "string"));
    }
    let mut at = dictionary;
    for key in keys.iter().filter_map(Value::as_str) {
        let Value::Map(entries) = at else {
            return Err(not_a(at, map));
        };
        match entries.get(key) {
            Some(value) => at = value,
            None => return Ok(default.clone()),
        }
    }
    Ok(at.clone())
}
