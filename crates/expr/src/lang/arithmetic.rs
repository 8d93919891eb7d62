//! `+ - * / %` on numbers, strings, times and durations.

use super::ops::{Answer, Number};
use super::value::Value;
use meta::time::SignedDuration;

fn mismatch(a: &Value, operator: &str, b: &Value) -> Answer {
    Err(format!(
        "invalid operation: {} {operator} {}",
        a.go_type(),
        b.go_type()
    ))
}

/// Two integers by one rule, anything with a float by another.
fn numbers(
    a: &Value,
    b: &Value,
    int: impl Fn(i64, i64) -> i64,
    float: impl Fn(f64, f64) -> f64,
) -> Option<Value> {
    Some(match (Number::of(a)?, Number::of(b)?) {
        (Number::Int(a), Number::Int(b)) => Value::Int(int(a, b)),
        (a, b) => Value::Float(float(a.float(), b.float())),
    })
}

pub(super) fn add(a: &Value, b: &Value) -> Answer {
    if let Some(sum) = numbers(a, b, i64::wrapping_add, |a, b| a + b) {
        return Ok(sum);
    }
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(Value::string(format!("{a}{b}"))),
        (Value::Time(time), Value::Duration(by)) | (Value::Duration(by), Value::Time(time)) => {
            moved(time, *by)
        }
        (Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.saturating_add(*b))),
        _ => mismatch(a, "+", b),
    }
}

pub(super) fn subtract(a: &Value, b: &Value) -> Answer {
    if let Some(difference) = numbers(a, b, i64::wrapping_sub, |a, b| a - b) {
        return Ok(difference);
    }
    match (a, b) {
        (Value::Time(a), Value::Time(b)) => Ok(Value::Duration(since(a, b))),
        (Value::Time(time), Value::Duration(by)) => moved(time, SignedDuration::ZERO.saturating_sub(*by)),
        (Value::Duration(a), Value::Duration(b)) => Ok(Value::Duration(a.saturating_sub(*b))),
        _ => mismatch(a, "-", b),
    }
}

/// The time between two, or the longest that Go's `int64` of nanoseconds holds.
pub(super) fn since(a: &jiff::Zoned, b: &jiff::Zoned) -> SignedDuration {
    let nanos = a.timestamp().duration_since(b.timestamp()).as_nanos();
    let nanos = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    SignedDuration::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

fn moved(time: &jiff::Zoned, by: SignedDuration) -> Answer {
    time.checked_add(by)
        .map(|time| Value::Time(Box::new(time)))
        .map_err(|_| "time out of range".to_owned())
}

pub(super) fn multiply(a: &Value, b: &Value) -> Answer {
    if let Some(product) = numbers(a, b, i64::wrapping_mul, |a, b| a * b) {
        return Ok(product);
    }
    let nanos = |duration: &SignedDuration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    let times = |by: &Value, duration: &SignedDuration| match Number::of(by)? {
        Number::Int(by) => Some(by.wrapping_mul(nanos(duration))),
        #[expect(clippy::cast_precision_loss, reason = "as Go does")]
        Number::Float(by) => Some(super::ops::truncate(by * nanos(duration) as f64)),
    };
    let product = match (a, b) {
        (Value::Duration(a), Value::Duration(b)) => Some(nanos(a).wrapping_mul(nanos(b))),
        (Value::Duration(duration), by) | (by, Value::Duration(duration)) => times(by, duration),
        _ => None,
    };
    match product {
        Some(nanos) => Ok(Value::Duration(SignedDuration::from_nanos(nanos))),
        None => mismatch(a, "*", b),
    }
}

/// Always a float: `1 / 2` is `0.5`, and division by zero is infinite.
pub(super) fn divide(a: &Value, b: &Value) -> Answer {
    match (Number::of(a), Number::of(b)) {
        (Some(a), Some(b)) => Ok(Value::Float(a.float() / b.float())),
        _ => mismatch(a, "/", b),
    }
}

pub(super) fn modulo(a: &Value, b: &Value) -> Answer {
    match (Number::of(a), Number::of(b)) {
        (Some(Number::Int(_)), Some(Number::Int(0))) => {
            Err("runtime error: integer divide by zero".to_owned())
        }
        (Some(Number::Int(a)), Some(Number::Int(b))) => Ok(Value::Int(a.wrapping_rem(b))),
        _ => mismatch(a, "%", b),
    }
}
