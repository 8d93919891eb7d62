//! `abs`, `round`, `int`, `max`, `mean`, `bitand` and their like.

use super::{Entry, argument};
use crate::go;
use crate::lang::function::Answer;
use crate::lang::limits::MAX_VALUE_DEPTH;
use crate::lang::ops::{self, Number, truncate};
use crate::lang::value::{Array, Value};
use crate::lang::vm::Context;

pub(super) const TABLE: &[Entry] = &[
    ("abs", abs),
    ("ceil", |_, arguments| rounded("ceil", arguments, f64::ceil)),
    ("floor", |_, arguments| rounded("floor", arguments, f64::floor)),
    ("round", |_, arguments| rounded("round", arguments, f64::round)),
    ("int", |_, arguments| int(argument(arguments, 0))),
    ("float", |_, arguments| float(argument(arguments, 0))),
    ("max", |context, arguments| extreme(context, "max", arguments)),
    ("min", |context, arguments| extreme(context, "min", arguments)),
    ("mean", mean),
    ("median", median),
    ("bitand", |_, arguments| {
        bits("bitand", arguments, |a, b| Ok(a & b))
    }),
    ("bitor", |_, arguments| bits("bitor", arguments, |a, b| Ok(a | b))),
    ("bitxor", |_, arguments| {
        bits("bitxor", arguments, |a, b| Ok(a ^ b))
    }),
    ("bitnand", |_, arguments| {
        bits("bitnand", arguments, |a, b| Ok(a & !b))
    }),
    ("bitshl", |_, arguments| {
        bits("bitshl", arguments, |a, b| shift(b, 0, |by| a.checked_shl(by)))
    }),
    ("bitshr", |_, arguments| {
        bits("bitshr", arguments, |a, b| {
            shift(b, a >> 63, |by| a.checked_shr(by))
        })
    }),
    ("bitushr", |_, arguments| {
        bits("bitushr", arguments, |a, b| {
            shift(b, 0, |by| a.cast_unsigned().checked_shr(by).map(u64::cast_signed))
        })
    }),
    ("bitnot", |_, arguments| {
        Ok(Value::Int(!integer("bitnot", argument(arguments, 0))?))
    }),
];

fn abs(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    match argument(arguments, 0) {
        Value::Int(value) => Ok(Value::Int(value.wrapping_abs())),
        Value::Int64(value) => Ok(Value::Int64(value.wrapping_abs())),
        Value::Byte(value) => Ok(Value::Byte(*value)),
        Value::Float(value) => Ok(Value::Float(if *value < 0.0 { -value } else { *value })),
        other => Err(format!("invalid argument for abs (type {})", other.go_type())),
    }
}

fn rounded(name: &str, arguments: &[Value], round: fn(f64) -> f64) -> Answer {
    let value = argument(arguments, 0);
    match Number::of(value) {
        Some(number) => Ok(Value::Float(round(number.float()))),
        None => Err(format!("invalid argument for {name} (type {})", value.go_type())),
    }
}

/// `int(value)`, also of a string of digits.
pub(crate) fn int(value: &Value) -> Answer {
    match value {
        Value::Int(_) => Ok(value.clone()),
        Value::Int64(value) => Ok(Value::Int(*value)),
        Value::Byte(value) => Ok(Value::Int(i64::from(*value))),
        Value::Float(value) => Ok(Value::Int(truncate(*value))),
        Value::Duration(value) => Ok(Value::Int(i64::try_from(value.as_nanos()).unwrap_or(i64::MAX))),
        Value::String(text) => match go::parse_int(text) {
            Some(value) => Ok(Value::Int(value)),
            None => Err(format!("invalid operation: int({text})")),
        },
        Value::Nil => Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        other => Err(format!("invalid operation: int({})", other.go_type())),
    }
}

/// `float(value)`, also of a string.
pub(crate) fn float(value: &Value) -> Answer {
    match (Number::of(value), value) {
        (Some(number), _) => Ok(Value::Float(number.float())),
        (None, Value::String(text)) => match go::parse_float(text) {
            Some(value) => Ok(Value::Float(value)),
            None => Err(format!("invalid operation: float({text})")),
        },
        _ => Err(format!("invalid operation: float({})", value.go_type())),
    }
}

/// `max` and `min` of numbers and of lists of them, however nested.
fn extreme(context: &mut Context<'_>, name: &'static str, arguments: &[Value]) -> Answer {
    let mut best = Value::Nil;
    for value in arguments {
        match value {
            Value::Array(array) => {
                let nested = extreme_of(context, name, array, 0)?;
                improve(name, &mut best, nested)?;
            }
            Value::Bytes(bytes) => {
                for byte in bytes.iter() {
                    improve(name, &mut best, Value::Byte(*byte))?;
                }
            }
            _ if Number::of(value).is_some() || matches!(value, Value::Duration(_)) => {
                improve(name, &mut best, value.clone())?;
            }
            _ if arguments.len() == 1 => return Ok(value.clone()),
            _ => return Err(format!("invalid argument for {name} (type {})", value.go_type())),
        }
    }
    Ok(best)
}

fn extreme_of(context: &mut Context<'_>, name: &'static str, array: &Array, depth: usize) -> Answer {
    check_depth(context, array, depth)?;
    let mut best = Value::Nil;
    for item in array.items() {
        let value = match item {
            Value::Array(nested) => extreme_of(context, name, nested, depth + 1)?,
            _ if Number::of(item).is_some() => item.clone(),
            _ => return Err(format!("invalid argument for {name} (type {})", item.go_type())),
        };
        improve(name, &mut best, value)?;
    }
    Ok(best)
}

fn improve(name: &str, best: &mut Value, value: Value) -> Result<(), String> {
    if matches!(value, Value::Nil) {
        return Ok(());
    }
    let better = matches!(best, Value::Nil)
        || match name {
            "max" => ops::compare(best, &value, "<")?.is_lt(),
            _ => ops::compare(best, &value, ">")?.is_gt(),
        };
    if better {
        *best = value;
    }
    Ok(())
}

fn check_depth(context: &mut Context<'_>, array: &Array, depth: usize) -> Result<(), String> {
    context.work(array.items().len())?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    Ok(())
}

/// All numbers in the arguments and in the lists among them, in order.
fn flat(
    context: &mut Context<'_>,
    name: &str,
    values: &[Value],
    depth: usize,
    out: &mut Vec<f64>,
) -> Result<(), String> {
    for value in values {
        match (Number::of(value), value) {
            (Some(number), _) => out.push(number.float()),
            (None, Value::Bytes(bytes)) => out.extend(bytes.iter().map(|byte| f64::from(*byte))),
            (None, Value::Duration(duration)) => out.push(duration.as_secs_f64() * 1e9),
            (None, Value::Array(array)) => {
                check_depth(context, array, depth)?;
                flat(context, name, array.items(), depth + 1, out)?;
            }
            _ => return Err(format!("invalid argument for {name} (type {})", value.go_type())),
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a list is bounded far below")]
fn mean(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut numbers = Vec::new();
    flat(context, "mean", arguments, 0, &mut numbers)?;
    if numbers.is_empty() {
        return Ok(Value::Float(0.0));
    }
    let sum: f64 = numbers.iter().sum();
    Ok(Value::Float(sum / numbers.len() as f64))
}

fn median(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut numbers = Vec::new();
    flat(context, "median", arguments, 0, &mut numbers)?;
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    Ok(Value::Float(match numbers.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }))
}

fn integer(name: &str, value: &Value) -> Result<i64, String> {
    match value {
        Value::Int(value) | Value::Int64(value) => Ok(*value),
        Value::Byte(value) => Ok(i64::from(*value)),
        other => Err(format!(
            "cannot use {} as argument (type int) to call {name}",
            other.go_type()
        )),
    }
}

fn bits(name: &str, arguments: &[Value], operation: impl Fn(i64, i64) -> Result<i64, String>) -> Answer {
    let a = integer(name, argument(arguments, 0))?;
    let b = integer(name, argument(arguments, 1))?;
    operation(a, b).map(Value::Int)
}

/// A shift by `by`; one by more than the width leaves `gone`.
fn shift(by: i64, gone: i64, shifted: impl Fn(u32) -> Option<i64>) -> Result<i64, String> {
    if by < 0 {
        return Err(format!("invalid operation: negative shift count {by} (type int)"));
    }
    Ok(u32::try_from(by).ok().and_then(shifted).unwrap_or(gone))
}
