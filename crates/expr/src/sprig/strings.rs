//! Sprig's functions of strings.

use super::words;
use super::{any, bytes_text, fixed, int, text, to_text, variadic};
use crate::go;
use crate::lang::GoType::{Any, Int, String as Str};
use crate::lang::{Answer, Array, Context, Elem, Function, Key, Map, MapKind, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("hello", &[], |_, _| Ok("Hello!".into())),
    fixed("abbrev", &[Int, Str], |_, a| {
        Ok(words::abbreviate(text(a, 1), int(a, 0)))
    }),
    fixed("abbrevboth", &[Int, Int, Str], |_, a| {
        Ok(words::abbreviate_both(text(a, 2), int(a, 0), int(a, 1)))
    }),
    fixed("trunc", &[Int, Str], trunc),
    fixed("trim", &[Str], |_, a| Ok(text(a, 0).trim().into())),
    fixed("upper", &[Str], |_, a| Ok(go::to_upper(text(a, 0)).into())),
    fixed("lower", &[Str], |_, a| Ok(go::to_lower(text(a, 0)).into())),
    fixed("title", &[Str], |_, a| Ok(words::title(text(a, 0)).into())),
    fixed("untitle", &[Str], |_, a| Ok(words::untitle(text(a, 0)).into())),
    fixed("substr", &[Int, Int, Str], substring),
    fixed("repeat", &[Int, Str], repeat),
    fixed("trimall", &[Str, Str], trim_all),
    fixed("trimAll", &[Str, Str], trim_all),
    fixed("trimSuffix", &[Str, Str], |_, a| {
        Ok(text(a, 1).strip_suffix(text(a, 0)).unwrap_or(text(a, 1)).into())
    }),
    fixed("trimPrefix", &[Str, Str], |_, a| {
        Ok(text(a, 1).strip_prefix(text(a, 0)).unwrap_or(text(a, 1)).into())
    }),
    fixed("nospace", &[Str], |_, a| {
        Ok(text(a, 0).split_whitespace().collect::<String>().into())
    }),
    fixed("initials", &[Str], |_, a| Ok(words::initials(text(a, 0)).into())),
    fixed("swapcase", &[Str], |_, a| Ok(words::swap_case(text(a, 0)).into())),
    fixed("snakecase", &[Str], |_, a| {
        Ok(words::separated(text(a, 0), '_').into())
    }),
    fixed("camelcase", &[Str], |_, a| Ok(words::pascal(text(a, 0)).into())),
    fixed("kebabcase", &[Str], |_, a| {
        Ok(words::separated(text(a, 0), '-').into())
    }),
    fixed("wrap", &[Int, Str], |context, a| {
        words::wrap(context, text(a, 1), int(a, 0), "\n", false)
    }),
    fixed("wrapWith", &[Int, Str, Str], |context, a| {
        words::wrap(context, text(a, 2), int(a, 0), text(a, 1), true)
    }),
    fixed("contains", &[Str, Str], |_, a| {
        Ok(text(a, 1).contains(text(a, 0)).into())
    }),
    fixed("hasPrefix", &[Str, Str], |_, a| {
        Ok(text(a, 1).starts_with(text(a, 0)).into())
    }),
    fixed("hasSuffix", &[Str, Str], |_, a| {
        Ok(text(a, 1).ends_with(text(a, 0)).into())
    }),
    variadic("quote", &[Any], |context, a| {
        joined(context, a, |context, value| {
            Ok(go::quote(&to_text(context, value)?))
        })
    }),
    variadic("squote", &[Any], |context, a| {
        joined(context, a, |context, value| {
            Ok(format!("'{}'", go::sprint_bounded(context, value)?))
        })
    }),
    variadic("cat", &[Any], |context, a| joined(context, a, go::sprint_bounded)),
    fixed("indent", &[Int, Str], |context, a| indent(context, a, "")),
    fixed("nindent", &[Int, Str], |context, a| indent(context, a, "\n")),
    fixed("replace", &[Str, Str, Str], replace),
    fixed("plural", &[Str, Str, Int], |_, a| {
        Ok(text(a, usize::from(int(a, 2) != 1)).into())
    }),
    fixed("toString", &[Any], |context, a| {
        to_text(context, any(a, 0)).map(Value::from)
    }),
    fixed("toStrings", &[Any], |context, a| {
        strings(context, any(a, 0)).map(Value::strings)
    }),
    fixed("join", &[Str, Any], |context, a| {
        Ok(strings(context, any(a, 1))?.join(text(a, 0)).into())
    }),
    fixed("split", &[Str, Str], |context, a| {
        split(context, text(a, 1), text(a, 0), -1)
    }),
    fixed("splitn", &[Str, Int, Str], |context, a| {
        split(context, text(a, 2), text(a, 0), int(a, 1))
    }),
    fixed("splitList", &[Str, Str], |context, a| {
        let parts = go::split(text(a, 1), text(a, 0), -1).unwrap_or_default();
        context.grow(parts.len())?;
        Ok(Value::strings(parts))
    }),
    fixed("sortAlpha", &[Any], |context, a| {
        if matches!(any(a, 0), Value::Nil) {
            return Ok(Value::strings(["<nil>"]));
        }
        let mut sorted = strings(context, any(a, 0))?;
        sorted.sort();
        Ok(Value::strings(sorted))
    }),
    fixed("fail", &[Str], |_, a| Err(text(a, 0).to_owned())),
];

/// The first bytes, or the last for a negative count.
fn trunc(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let bytes = text(arguments, 1).as_bytes();
    let count = int(arguments, 0);
    let kept = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if kept >= bytes.len() {
        return Ok(any(arguments, 1).clone());
    }
    Ok(bytes_text(if count < 0 {
        &bytes[bytes.len() - kept..]
    } else {
        &bytes[..kept]
    }))
}

fn substring(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let bytes = text(arguments, 2).as_bytes();
    let length = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let (start, end) = (int(arguments, 0), int(arguments, 1));
    let (start, end) = match (start, end) {
        (start, end) if start < 0 => (0, end),
        (start, end) if end < 0 || end > length => (start, length),
        range => range,
    };
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let part = range.and_then(|(start, end)| bytes.get(start..end));
    part.map(bytes_text)
        .ok_or_else(|| format!("runtime error: slice bounds out of range [{start}:{end}]"))
}

fn repeat(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let count =
        usize::try_from(int(arguments, 0)).map_err(|_| "strings: negative Repeat count".to_owned())?;
    context.grow_bytes(text(arguments, 1).len().saturating_mul(count))?;
    Ok(text(arguments, 1).repeat(count).into())
}

fn trim_all(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let cut = text(arguments, 0);
    Ok(text(arguments, 1).trim_matches(|c| cut.contains(c)).into())
}

/// The values that are not nil, each as text, with blanks between.
fn joined(
    context: &mut Context<'_>,
    arguments: &[Value],
    write: impl Fn(&mut Context<'_>, &Value) -> Result<String, String>,
) -> Answer {
    let mut parts = Vec::new();
    for value in arguments.iter().filter(|value| !matches!(value, Value::Nil)) {
        parts.push(write(context, value)?);
    }
    Ok(parts.join(" ").into())
}

fn indent(context: &mut Context<'_>, arguments: &[Value], before: &str) -> Answer {
    let subject = text(arguments, 1);
    let width =
        usize::try_from(int(arguments, 0)).map_err(|_| "strings: negative Repeat count".to_owned())?;
    let lines = subject.matches('\n').count() + 1;
    context.grow_bytes(width.saturating_mul(lines))?;
    let pad = " ".repeat(width);
    let indented = subject.replace('\n', &format!("\n{pad}"));
    Ok(format!("{before}{pad}{indented}").into())
}

fn replace(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let (old, new, subject) = (text(arguments, 0), text(arguments, 1), text(arguments, 2));
    context.grow_bytes(subject.matches(old).count().saturating_mul(new.len()))?;
    Ok(subject.replace(old, new).into())
}

/// A list of anything as strings, without nils; anything else as a list of one.
pub(super) fn strings(context: &mut Context<'_>, value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(array) => {
            context.grow(array.items().len())?;
            let items = array.items().iter().filter(|item| !matches!(item, Value::Nil));
            items.map(|item| to_text(context, item)).collect()
        }
        Value::Nil => Ok(Vec::new()),
        other => Ok(vec![to_text(context, other)?]),
    }
}

/// The parts under the names `_0`, `_1` and so on.
fn split(context: &mut Context<'_>, subject: &str, separator: &str, limit: i64) -> Answer {
    let parts = go::split(subject, separator, limit).unwrap_or_default();
    context.grow(parts.len())?;
    let entries = parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (Key::String(format!("_{index}").into()), part.into()))
        .collect();
    Ok(Value::Map(Map::of(MapKind::StringString, entries)))
}

/// A list of strings, nil where there are none.
pub(super) fn strings_or_nil(parts: Vec<&str>) -> Value {
    if parts.is_empty() {
        let mut nil = Array::nil();
        nil.elem = Elem::String;
        return Value::Array(nil);
    }
    Value::strings(parts)
}
