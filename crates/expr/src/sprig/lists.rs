//! Sprig's functions of lists. Each `must...` form fails as the plain one does: expressions have no other way.

use super::defaults::is_empty;
use super::numbers::to_int;
use super::{any, fixed, int, variadic};
use crate::lang::GoType::{Any, Int};
use crate::lang::ops::{deep_equal, kind};
use crate::lang::{Answer, Array, Context, Elem, Function, Value};

pub(super) static TABLE: &[Function] = &[
    variadic("list", &[Any], |_, a| Ok(Value::array(a.to_vec()))),
    variadic("tuple", &[Any], |_, a| Ok(Value::array(a.to_vec()))),
    fixed("append", &[Any, Any], push),
    fixed("push", &[Any, Any], push),
    fixed("mustAppend", &[Any, Any], push),
    fixed("mustPush", &[Any, Any], push),
    fixed("prepend", &[Any, Any], prepend),
    fixed("mustPrepend", &[Any, Any], prepend),
    fixed("first", &[Any], |_, a| {
        Ok(items("find first on", any(a, 0))?
            .first()
            .cloned()
            .unwrap_or_default())
    }),
    fixed("mustFirst", &[Any], |_, a| {
        Ok(items("find first on", any(a, 0))?
            .first()
            .cloned()
            .unwrap_or_default())
    }),
    fixed("last", &[Any], |_, a| {
        Ok(items("find last on", any(a, 0))?
            .last()
            .cloned()
            .unwrap_or_default())
    }),
    fixed("mustLast", &[Any], |_, a| {
        Ok(items("find last on", any(a, 0))?
            .last()
            .cloned()
            .unwrap_or_default())
    }),
    fixed("rest", &[Any], rest),
    fixed("mustRest", &[Any], rest),
    fixed("initial", &[Any], initial),
    fixed("mustInitial", &[Any], initial),
    fixed("reverse", &[Any], reverse),
    fixed("mustReverse", &[Any], reverse),
    fixed("compact", &[Any], compact),
    fixed("mustCompact", &[Any], compact),
    fixed("uniq", &[Any], uniq),
    fixed("mustUniq", &[Any], uniq),
    variadic("without", &[Any, Any], without),
    variadic("mustWithout", &[Any, Any], without),
    fixed("has", &[Any, Any], has),
    fixed("mustHas", &[Any, Any], has),
    variadic("slice", &[Any, Any], slice),
    variadic("mustSlice", &[Any, Any], slice),
    variadic("concat", &[Any], concat),
    fixed("chunk", &[Int, Any], chunk),
    fixed("mustChunk", &[Int, Any], chunk),
];

fn items<'a>(what: &str, value: &'a Value) -> Result<&'a [Value], String> {
    match value {
        Value::Array(array) => Ok(array.items()),
        Value::Nil => Err("runtime error: invalid memory address or nil pointer dereference".to_owned()),
        other => Err(format!("Cannot {what} type {}", kind(other))),
    }
}

fn made(context: &mut Context<'_>, items: Vec<Value>) -> Answer {
    context.grow(items.len())?;
    Ok(Value::array(items))
}

fn push(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut list = items("push on", any(arguments, 0))?.to_vec();
    list.push(any(arguments, 1).clone());
    made(context, list)
}

fn prepend(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut list = vec![any(arguments, 1).clone()];
    list.extend_from_slice(items("prepend on", any(arguments, 0))?);
    made(context, list)
}

fn rest(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    match items("find rest on", any(arguments, 0))? {
        [] => Ok(Value::Array(Array::nil())),
        [_, rest @ ..] => made(context, rest.to_vec()),
    }
}

fn initial(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    match items("find initial on", any(arguments, 0))? {
        [] => Ok(Value::Array(Array::nil())),
        [initial @ .., _] => made(context, initial.to_vec()),
    }
}

fn reverse(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let list = items("find reverse on", any(arguments, 0))?;
    made(context, list.iter().rev().cloned().collect())
}

fn compact(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let list = items("compact on", any(arguments, 0))?;
    made(
        context,
        list.iter().filter(|item| !is_empty(item)).cloned().collect(),
    )
}

fn is_in(context: &mut Context<'_>, list: &[Value], needle: &Value) -> Result<bool, String> {
    for item in list {
        if deep_equal(context, needle, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut kept = Vec::new();
    for item in items("find uniq on", any(arguments, 0))? {
        if !is_in(context, &kept, item)? {
            kept.push(item.clone());
        }
    }
    made(context, kept)
}

fn without(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let omitted = arguments.get(1..).unwrap_or_default();
    let mut kept = Vec::new();
    for item in items("find without on", any(arguments, 0))? {
        if !is_in(context, omitted, item)? {
            kept.push(item.clone());
        }
    }
    made(context, kept)
}

fn has(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    if matches!(any(arguments, 1), Value::Nil) {
        return Ok(false.into());
    }
    let list = items("find has on", any(arguments, 1))?;
    Ok(is_in(context, list, any(arguments, 0))?.into())
}

fn slice(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let Value::Array(array) = any(arguments, 0) else {
        if matches!(any(arguments, 0), Value::Nil) {
            items("slice", &Value::Nil)?;
        }
        let given = kind(any(arguments, 0));
        return Err(format!("list should be type of slice or array but {given}"));
    };
    let list = array.items();
    if list.is_empty() {
        return Ok(Value::Nil);
    }
    let index = |value: &Value| usize::try_from(to_int(value)).unwrap_or(usize::MAX);
    let start = arguments.get(1).map_or(0, index);
    let end = arguments.get(2).map_or(list.len(), index);
    let part = list
        .get(start..end)
        .ok_or_else(|| "reflect.Value.Slice: slice index out of bounds".to_owned())?;
    context.grow(part.len())?;
    Ok(Value::Array(Array::of(array.elem, part.to_vec())))
}

fn concat(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut all = Vec::new();
    for list in arguments {
        let list = items("concat", list).map_err(|problem| match problem.starts_with("Cannot") {
            true => format!("{problem} as list"),
            false => problem,
        })?;
        context.grow(list.len())?;
        all.extend_from_slice(list);
    }
    Ok(Value::Array(if all.is_empty() {
        Array::nil()
    } else {
        Array::new(all)
    }))
}

fn chunk(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let list = items("chunk", any(arguments, 1))?;
    let size = int(arguments, 0);
    let before_last = i64::try_from(list.len()).unwrap_or(i64::MAX) - 1;
    if size < 0 && before_last > 0 && before_last <= size.unsigned_abs().cast_signed() {
        return Ok(Value::Array(Array::of(Elem::Lists, Vec::new())));
    }
    let size = usize::try_from(size).ok().filter(|size| *size > 0);
    let size = size.ok_or("runtime error: makeslice: len out of range")?;
    context.grow(list.len())?;
    let chunks = list
        .chunks(size)
        .map(|chunk| Value::array(chunk.to_vec()))
        .collect();
    Ok(Value::Array(Array::of(Elem::Lists, chunks)))
}
