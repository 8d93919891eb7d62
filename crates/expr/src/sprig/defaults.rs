//! Sprig's defaults, conversions to and from JSON, and questions about types.

use super::{any, fixed, text, variadic};
use crate::go;
use crate::lang::GoType::{Any, Bool, String as Str};
use crate::lang::ops::kind;
use crate::lang::{Answer, Context, Function, Value};

pub(super) static TABLE: &[Function] = &[
    variadic("default", &[Any, Any], |_, a| {
        let given = a.get(1).filter(|given| !is_empty(given));
        Ok(given.unwrap_or(any(a, 0)).clone())
    }),
    fixed("empty", &[Any], |_, a| Ok(is_empty(any(a, 0)).into())),
    variadic("coalesce", &[Any], |_, a| {
        Ok(a.iter()
            .find(|value| !is_empty(value))
            .cloned()
            .unwrap_or_default())
    }),
    variadic("all", &[Any], |_, a| Ok((!a.iter().any(is_empty)).into())),
    variadic("any", &[Any], |_, a| {
        Ok(a.iter().any(|value| !is_empty(value)).into())
    }),
    fixed("fromJson", &[Str], |context, a| {
        Ok(go::from_json(context, text(a, 0)).unwrap_or_default())
    }),
    fixed("mustFromJson", &[Str], |context, a| {
        go::from_json(context, text(a, 0))
    }),
    fixed("toJson", &[Any], |context, a| {
        Ok(go::to_json(context, any(a, 0)).unwrap_or_default().into())
    }),
    fixed("mustToJson", &[Any], |context, a| {
        go::to_json(context, any(a, 0)).map(Value::from)
    }),
    fixed("toPrettyJson", &[Any], |context, a| {
        Ok(go::to_json_indented(context, any(a, 0))
            .unwrap_or_default()
            .into())
    }),
    fixed("mustToPrettyJson", &[Any], |context, a| {
        go::to_json_indented(context, any(a, 0)).map(Value::from)
    }),
    fixed("toRawJson", &[Any], |context, a| {
        go::to_json_raw(context, any(a, 0)).map(Value::from)
    }),
    fixed("mustToRawJson", &[Any], |context, a| {
        go::to_json_raw(context, any(a, 0)).map(Value::from)
    }),
    fixed("ternary", &[Any, Any, Bool], |_, a| {
        let yes = matches!(any(a, 2), Value::Bool(true));
        Ok(any(a, usize::from(!yes)).clone())
    }),
    fixed("deepCopy", &[Any], deep_copy),
    fixed("mustDeepCopy", &[Any], deep_copy),
    fixed("typeOf", &[Any], |_, a| Ok(any(a, 0).go_type().into())),
    fixed("typeIs", &[Str, Any], |_, a| {
        Ok((text(a, 0) == any(a, 1).go_type()).into())
    }),
    fixed("typeIsLike", &[Str, Any], |_, a| {
        let given = any(a, 1).go_type();
        Ok((text(a, 0) == given || given.strip_prefix('*') == Some(text(a, 0))).into())
    }),
    fixed("kindOf", &[Any], |_, a| Ok(kind(any(a, 0)).into())),
    fixed("kindIs", &[Str, Any], |_, a| {
        Ok((text(a, 0) == kind(any(a, 1))).into())
    }),
    fixed("deepEqual", &[Any, Any], deep_equal),
];

/// What Go's templates take for false: nil, zero, nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Nil => true,
        Value::Bool(value) => !value,
        Value::Int(value) | Value::Int64(value) => *value == 0,
        Value::Byte(value) => *value == 0,
        Value::Float(value) => *value == 0.0,
        Value::String(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Array(array) => array.items().is_empty(),
        Value::Map(map) => map.entries().is_empty(),
        Value::Duration(duration) => duration.is_zero(),
        Value::Time(_) | Value::Location(_) | Value::Version(_) | Value::Function(_) | Value::Method(_) => {
            false
        }
    }
}

/// Values are never changed, so that a copy is the value itself.
fn deep_copy(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    match any(arguments, 0) {
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        value => Ok(value.clone()),
    }
}

fn deep_equal(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let same = crate::lang::ops::deep_equal(context, any(arguments, 0), any(arguments, 1))?;
    Ok(same.into())
}
