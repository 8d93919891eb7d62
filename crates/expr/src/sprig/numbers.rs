//! Sprig's arithmetic, which takes anything for a number: strings are read, what cannot be read is zero.

use super::decimal::Decimal;
use super::{any, fixed, int, variadic};
use crate::go;
use crate::lang::GoType::{Any, Float, Int, String as Str};
use crate::lang::ops::truncate;
use crate::lang::{Answer, Array, Context, Elem, Function, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("atoi", &[Str], |_, a| {
        Ok(Value::Int(go::parse_int(super::text(a, 0)).unwrap_or(0)))
    }),
    fixed("int64", &[Any], |_, a| Ok(Value::Int64(to_int(any(a, 0))))),
    fixed("int", &[Any], |_, a| Ok(Value::Int(to_int(any(a, 0))))),
    fixed("float64", &[Any], |_, a| Ok(Value::Float(to_float(any(a, 0))))),
    fixed("toDecimal", &[Any], |_, a| {
        let octal = go::sprint(any(a, 0));
        Ok(Value::Int64(i64::from_str_radix(&octal, 8).unwrap_or(0)))
    }),
    variadic("seq", &[Int], seq),
    fixed("until", &[Int], |context, a| {
        let count = int(a, 0);
        steps(context, 0, count, if count < 0 { -1 } else { 1 }).map(ints)
    }),
    fixed("untilStep", &[Int, Int, Int], |context, a| {
        steps(context, int(a, 0), int(a, 1), int(a, 2)).map(ints)
    }),
    fixed("add1", &[Any], |_, a| {
        Ok(Value::Int64(to_int(any(a, 0)).wrapping_add(1)))
    }),
    variadic("add", &[Any], |_, a| {
        Ok(Value::Int64(a.iter().map(to_int).fold(0, i64::wrapping_add)))
    }),
    fixed("sub", &[Any, Any], |_, a| {
        Ok(Value::Int64(to_int(any(a, 0)).wrapping_sub(to_int(any(a, 1)))))
    }),
    fixed("div", &[Any, Any], |_, a| {
        divided(a, i64::checked_div, i64::wrapping_div)
    }),
    fixed("mod", &[Any, Any], |_, a| {
        divided(a, i64::checked_rem, i64::wrapping_rem)
    }),
    variadic("mul", &[Any, Any], |_, a| {
        Ok(Value::Int64(a.iter().map(to_int).fold(1, i64::wrapping_mul)))
    }),
    fixed("add1f", &[Any], |_, a| {
        Ok(decimals(
            &[any(a, 0).clone(), Value::Int(1)],
            Decimal::add,
            |a, b| a + b,
        ))
    }),
    variadic("addf", &[Any], |_, a| {
        let mut all = vec![Value::Float(0.0)];
        all.extend_from_slice(a);
        Ok(decimals(&all, Decimal::add, |a, b| a + b))
    }),
    variadic("subf", &[Any, Any], |_, a| {
        Ok(decimals(a, Decimal::sub, |a, b| a - b))
    }),
    variadic("divf", &[Any, Any], |_, a| {
        if a.iter().skip(1).any(|value| to_float(value) == 0.0) {
            return Err("decimal division by 0".to_owned());
        }
        Ok(decimals(a, Decimal::div, |a, b| a / b))
    }),
    variadic("mulf", &[Any, Any], |_, a| {
        Ok(decimals(a, Decimal::mul, |a, b| a * b))
    }),
    variadic("biggest", &[Any, Any], |_, a| Ok(best(a, i64::max))),
    variadic("max", &[Any, Any], |_, a| Ok(best(a, i64::max))),
    variadic("min", &[Any, Any], |_, a| Ok(best(a, i64::min))),
    variadic("maxf", &[Any, Any], |_, a| Ok(best_float(a, f64::max))),
    variadic("minf", &[Any, Any], |_, a| Ok(best_float(a, f64::min))),
    fixed("ceil", &[Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)).ceil()))
    }),
    fixed("floor", &[Any], |_, a| {
        Ok(Value::Float(to_float(any(a, 0)).floor()))
    }),
    variadic("round", &[Any, Int, Float], round),
];

/// `cast.ToInt64`: strings in any of Go's bases, zero for what is not a number.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value,
        Value::Byte(value) => i64::from(*value),
        Value::Float(value) => truncate(*value),
        Value::Bool(value) => i64::from(*value),
        Value::String(text) => parse_int(without_zero_decimals(text)).unwrap_or(0),
        _ => 0,
    }
}

/// `12.000` is `12`, `12.5` stays.
fn without_zero_decimals(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.chars().all(|c| c == '0') => whole,
        _ => text,
    }
}

/// `strconv.ParseInt` with base zero: the prefix names the base, underscores may stand between digits.
fn parse_int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (8, &lower[1..])
    } else {
        (10, lower.as_str())
    };
    if !digits.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), radix).ok()
}

/// `cast.ToFloat64`.
#[expect(clippy::cast_precision_loss, reason = "as Go converts int to float64")]
pub(super) fn to_float(value: &Value) -> f64 {
    match value {
        Value::Int(value) | Value::Int64(value) => *value as f64,
        Value::Byte(value) => f64::from(*value),
        Value::Float(value) => *value,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::String(text) => go::parse_float(text).unwrap_or(0.0),
        _ => 0.0,
    }
}

fn divided(
    arguments: &[Value],
    checked: fn(i64, i64) -> Option<i64>,
    wrapping: fn(i64, i64) -> i64,
) -> Answer {
    let (a, b) = (to_int(any(arguments, 0)), to_int(any(arguments, 1)));
    match checked(a, b) {
        Some(result) => Ok(Value::Int64(result)),
        None if b == 0 => Err("runtime error: integer divide by zero".to_owned()),
        None => Ok(Value::Int64(wrapping(a, b))),
    }
}

/// Folds the arguments as decimals, or as floats where decimals overflow.
fn decimals(
    arguments: &[Value],
    exact: fn(Decimal, Decimal) -> Option<Decimal>,
    float: fn(f64, f64) -> f64,
) -> Value {
    let floats: Vec<f64> = arguments.iter().map(to_float).collect();
    let mut all = floats.iter().map(|value| Decimal::from_float(*value));
    let first = all.next().flatten();
    let result = all.fold(first, |sum, next| exact(sum?, next?));
    Value::Float(match result {
        Some(result) => result.to_float(),
        None => floats.into_iter().reduce(float).unwrap_or(0.0),
    })
}

fn best(arguments: &[Value], choose: fn(i64, i64) -> i64) -> Value {
    Value::Int64(arguments.iter().map(to_int).reduce(choose).unwrap_or(0))
}

fn best_float(arguments: &[Value], choose: fn(f64, f64) -> f64) -> Value {
    Value::Float(arguments.iter().map(to_float).reduce(choose).unwrap_or(0.0))
}

/// Rounds to so many places; the third argument is the fraction from which it goes up.
fn round(_: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let up_from = match arguments.get(2) {
        Some(Value::Float(value)) => *value,
        _ => 0.5,
    };
    let power = go::pow(10.0, to_float(any(arguments, 1)));
    let scaled = power * to_float(any(arguments, 0));
    let rounded = if scaled.fract() >= up_from {
        scaled.ceil()
    } else {
        scaled.floor()
    };
    Ok(Value::Float(rounded / power))
}

fn ints(items: Vec<i64>) -> Value {
    Value::Array(Array::of(Elem::Int, items.into_iter().map(Value::Int).collect()))
}

/// The numbers from `start` up or down to, and without, `stop`.
fn steps(context: &mut Context<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, String> {
    let away = (stop < start && step >= 0) || (stop >= start && step <= 0);
    if away {
        return Ok(Vec::new());
    }
    let count = stop.abs_diff(start).div_ceil(step.unsigned_abs());
    context.grow(usize::try_from(count).unwrap_or(usize::MAX))?;
    let count = i64::try_from(count).unwrap_or(0);
    Ok((0..count)
        .map(|index| start.wrapping_add(index.wrapping_mul(step)))
        .collect())
}

/// `seq`: one to the end, start to end, or start, step and end.
fn seq(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let (start, step, end) = match arguments.len() {
        1 => (1, None, int(arguments, 0)),
        2 => (int(arguments, 0), None, int(arguments, 1)),
        3 => (int(arguments, 0), Some(int(arguments, 1)), int(arguments, 2)),
        _ => return Ok("".into()),
    };
    let direction = if end < start { -1 } else { 1 };
    if end < start && step.is_some_and(|step| step > 0) {
        return Ok("".into());
    }
    let items = steps(
        context,
        start,
        end.wrapping_add(direction),
        step.unwrap_or(direction),
    )?;
    let items: Vec<String> = items.iter().map(i64::to_string).collect();
    Ok(items.join(" ").into())
}
