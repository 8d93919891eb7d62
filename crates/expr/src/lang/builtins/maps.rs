//! `keys`, `values`, `toPairs`, `fromPairs`. Go's maps have no order; ours answer in that of their keys.

use std::collections::BTreeMap;

use super::{Entry, argument};
use crate::lang::function::Answer;
use crate::lang::value::{Array, Elem, Key, Map, MapKind, Value};
use crate::lang::vm::Context;

pub(super) const TABLE: &[Entry] = &[
    ("keys", |context, arguments| {
        list(context, "keys", arguments, |key, _| key.to_value())
    }),
    ("values", |context, arguments| {
        list(context, "values", arguments, |_, value| value.clone())
    }),
    ("toPairs", to_pairs),
    ("fromPairs", from_pairs),
];

fn map<'a>(what: &str, arguments: &'a [Value]) -> Result<&'a Map, String> {
    match argument(arguments, 0) {
        Value::Map(map) => Ok(map),
        other => {
            let kind = crate::lang::ops::kind(other);
            Err(match what {
                "toPairs" => format!("cannot transform {kind} to pairs"),
                _ => format!("cannot get {what} from {kind}"),
            })
        }
    }
}

fn list(
    context: &mut Context<'_>,
    what: &str,
    arguments: &[Value],
    item: impl Fn(&Key, &Value) -> Value,
) -> Answer {
    let map = map(what, arguments)?;
    context.grow(map.entries().len())?;
    Ok(Value::array(
        map.entries()
            .iter()
            .map(|(key, value)| item(key, value))
            .collect(),
    ))
}

fn to_pairs(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let map = map("toPairs", arguments)?;
    context.grow(map.entries().len())?;
    let pair = |(key, value): (&Key, &Value)| {
        Value::Array(Array::of(Elem::Pair, vec![key.to_value(), value.clone()]))
    };
    let pairs = map.entries().iter().map(pair).collect();
    Ok(Value::Array(Array::of(Elem::Pairs, pairs)))
}

fn from_pairs(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let Value::Array(array) = argument(arguments, 0) else {
        let given = crate::go::sprint(argument(arguments, 0));
        return Err(format!("cannot transform {given} from pairs"));
    };
    context.grow(array.items().len())?;
    let mut entries = BTreeMap::new();
    for item in array.items() {
        let Value::Array(pair) = item else {
            return Err(format!("invalid pair {}", crate::go::sprint(item)));
        };
        let [key, value] = pair.items() else {
            return Err(format!("invalid pair length {}", crate::go::sprint(item)));
        };
        let key = key
            .to_key()
            .ok_or_else(|| format!("runtime error: hash of unhashable type {}", key.go_type()))?;
        entries.insert(key, value.clone());
    }
    Ok(Value::Map(Map::of(MapKind::AnyAny, entries)))
}
