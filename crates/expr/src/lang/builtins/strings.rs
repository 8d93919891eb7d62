//! `trim`, `split`, `replace` and the other functions of strings, with `toJSON`, base64, `type` and `string`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Entry, argument, length, text};
use crate::go;
use crate::lang::function::Answer;
use crate::lang::ops;
use crate::lang::value::{Array, Elem, Value};
use crate::lang::vm::Context;

pub(super) const TABLE: &[Entry] = &[
    ("len", len),
    (
        "type",
        |_, arguments| Ok(type_name(argument(arguments, 0)).into()),
    ),
    ("string", string),
    ("trim", trim),
    ("trimPrefix", |_, arguments| {
        affix(arguments, |text, affix| text.strip_prefix(affix))
    }),
    ("trimSuffix", |_, arguments| {
        affix(arguments, |text, affix| text.strip_suffix(affix))
    }),
    ("upper", |_, arguments| {
        Ok(go::to_upper(text(arguments, 0)?).into())
    }),
    ("lower", |_, arguments| {
        Ok(go::to_lower(text(arguments, 0)?).into())
    }),
    ("split", |context, arguments| split(context, arguments, go::split)),
    ("splitAfter", |context, arguments| {
        split(context, arguments, go::split_after)
    }),
    ("replace", replace),
    ("repeat", repeat),
    ("join", join),
    ("indexOf", |_, arguments| {
        position(text(arguments, 0)?.find(text(arguments, 1)?))
    }),
    ("lastIndexOf", |_, arguments| {
        position(text(arguments, 0)?.rfind(text(arguments, 1)?))
    }),
    ("hasPrefix", |_, arguments| {
        Ok(text(arguments, 0)?.starts_with(text(arguments, 1)?).into())
    }),
    ("hasSuffix", |_, arguments| {
        Ok(text(arguments, 0)?.ends_with(text(arguments, 1)?).into())
    }),
    ("toJSON", |context, arguments| {
        go::to_json_indented(context, argument(arguments, 0)).map(Value::from)
    }),
    ("fromJSON", |context, arguments| {
        go::from_json(context, text(arguments, 0)?)
    }),
    ("toBase64", |_, arguments| {
        Ok(STANDARD.encode(text(arguments, 0)?).into())
    }),
    ("fromBase64", |_, arguments| {
        go::from_base64(text(arguments, 0)?).map(|bytes| String::from_utf8_lossy(&bytes).into_owned().into())
    }),
];

fn len(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    match argument(arguments, 0) {
        Value::Array(array) => Ok(length(array.items().len())),
        Value::Bytes(bytes) => Ok(length(bytes.len())),
        Value::Map(map) => Ok(length(map.entries().len())),
        Value::String(text) => Ok(length(text.chars().count())),
        other => Err(format!("invalid argument for len (type {})", other.go_type())),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Int64(_) => "int",
        Value::Byte(_) => "uint",
        Value::Float(_) => "float",
        Value::String(_) => "string",
        Value::Bytes(_) | Value::Array(_) => "array",
        Value::Map(_) => "map",
        Value::Time(_) => "time.Time",
        Value::Duration(_) => "time.Duration",
        Value::Location(_) | Value::Version(_) => "unknown",
        Value::Function(_) | Value::Method(_) => "func",
    }
}

fn string(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let value = argument(arguments, 0);
    if let Value::String(_) = value {
        return Ok(value.clone());
    }
    go::sprint_bounded(context, value).map(Value::from)
}

fn trim(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let subject = text(arguments, 0)?;
    if arguments.len() < 2 {
        return Ok(subject.trim().into());
    }
    let cut = text(arguments, 1)?;
    Ok(subject.trim_matches(|c| cut.contains(c)).into())
}

fn affix(arguments: &[Value], strip: impl for<'a> Fn(&'a str, &str) -> Option<&'a str>) -> Answer {
    let subject = text(arguments, 0)?;
    let affix = if arguments.len() == 2 {
        text(arguments, 1)?
    } else {
        " "
    };
    Ok(strip(subject, affix).unwrap_or(subject).into())
}

fn split(
    context: &mut Context<'_>,
    arguments: &[Value],
    split: for<'a> fn(&'a str, &str, i64) -> Option<Vec<&'a str>>,
) -> Answer {
    let subject = text(arguments, 0)?;
    let separator = text(arguments, 1)?;
    let limit = match arguments.get(2) {
        Some(limit) => ops::to_int(limit)?,
        None => -1,
    };
    context.work(subject.len())?;
    Ok(match split(subject, separator, limit) {
        Some(parts) => {
            context.grow(parts.len())?;
            Value::strings(parts)
        }
        None => {
            let mut nil = Array::nil();
            nil.elem = Elem::String;
            Value::Array(nil)
        }
    })
}

fn replace(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let subject = text(arguments, 0)?;
    let (from, to) = (text(arguments, 1)?, text(arguments, 2)?);
    let limit = match arguments.get(3) {
        Some(limit) => ops::to_int(limit)?,
        None => -1,
    };
    // An empty pattern matches around every character.
    let matches = if from.is_empty() {
        subject.chars().count() + 1
    } else {
        subject.len() / from.len()
    };
    context.grow_bytes(matches.saturating_mul(to.len()))?;
    let count = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(subject.replacen(from, to, count).into())
}

fn repeat(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let subject = text(arguments, 0)?;
    let count = ops::to_int(argument(arguments, 1))?;
    if count < 0 {
        return Err(format!(
            "invalid argument for repeat (expected positive integer, got {count})"
        ));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > 1_000_000 {
        return Err("memory budget exceeded".to_owned());
    }
    context.grow(subject.len().saturating_mul(count))?;
    Ok(subject.repeat(count).into())
}

fn join(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let glue = if arguments.len() == 2 {
        text(arguments, 1)?
    } else {
        ""
    };
    let list = match argument(arguments, 0) {
        Value::Array(array) if matches!(array.elem, Elem::Any | Elem::String) => array,
        other => return Err(format!("invalid argument for join (type {})", other.go_type())),
    };
    let mut parts = Vec::with_capacity(list.items().len());
    for item in list.items() {
        let part = item.as_str().ok_or_else(|| ops::not_a(item, "string"))?;
        context.grow_bytes(part.len() + glue.len())?;
        parts.push(part);
    }
    Ok(parts.join(glue).into())
}

/// The place of a match in bytes, or -1.
fn position(found: Option<usize>) -> Answer {
    Ok(found.map_or(Value::Int(-1), length))
}
