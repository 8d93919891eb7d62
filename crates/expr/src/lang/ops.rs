//! The operators, on values: expr-lang's runtime.
//!
//! Integers wrap and numbers of different types meet as Go's generated helpers have it.

use std::cmp::Ordering;

use super::ast::Binary;
use super::limits::MAX_VALUE_DEPTH;
use super::methods;
use super::value::{Array, Elem, Key, Map, MapKind, Value};
use super::vm::Context;

pub(super) type Answer = Result<Value, String>;

/// Go's message for a failed type assertion.
pub(crate) fn not_a(value: &Value, wanted: &str) -> String {
    match value {
        Value::Nil => format!("interface conversion: interface {{}} is nil, not {wanted}"),
        _ => format!(
            "interface conversion: interface {{}} is {}, not {wanted}",
            value.go_type()
        ),
    }
}

/// A number, with Go's integer types in one.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(crate) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(value) | Value::Int64(value) => Some(Self::Int(*value)),
            Value::Byte(value) => Some(Self::Int(i64::from(*value))),
            Value::Float(value) => Some(Self::Float(*value)),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "as Go converts int to float64")]
    pub(crate) fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    pub(crate) fn int(self) -> i64 {
        match self {
            Self::Int(value) => value,
            Self::Float(value) => truncate(value),
        }
    }
}

/// `float64` to `int` as amd64 does it: what does not fit becomes the smallest integer.
#[expect(clippy::cast_possible_truncation, reason = "checked first")]
#[expect(clippy::cast_precision_loss, reason = "the bounds are powers of two")]
pub(crate) fn truncate(value: f64) -> i64 {
    if value >= i64::MIN as f64 && value < -(i64::MIN as f64) {
        value as i64
    } else {
        i64::MIN
    }
}

/// Go's `runtime.ToInt`: numbers only.
pub(crate) fn to_int(value: &Value) -> Result<i64, String> {
    Number::of(value)
        .map(Number::int)
        .ok_or_else(|| format!("invalid operation: int({})", value.go_type()))
}

fn to_float(value: &Value) -> Result<f64, String> {
    Number::of(value)
        .map(Number::float)
        .ok_or_else(|| format!("invalid operation: float({})", value.go_type()))
}

pub(crate) fn negate(value: Value) -> Answer {
    Ok(match value {
        Value::Int(value) => Value::Int(value.wrapping_neg()),
        Value::Int64(value) => Value::Int64(value.wrapping_neg()),
        Value::Byte(value) => Value::Byte(value.wrapping_neg()),
        Value::Float(value) => Value::Float(-value),
        other => return Err(format!("invalid operation: - {}", other.go_type())),
    })
}

/// `==` where both sides were promised to be of one type.
pub(crate) fn equal_typed(a: &Value, b: &Value, ints: bool) -> Answer {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) if ints => Ok(Value::Bool(a == b)),
        (Value::String(a), Value::String(b)) if !ints => Ok(Value::Bool(a == b)),
        _ => {
            let wanted = if ints { "int" } else { "string" };
            let fits = matches!((b, ints), (Value::Int(_), true) | (Value::String(_), false));
            Err(not_a(if fits { a } else { b }, wanted))
        }
    }
}

/// Any binary operator that looks at both sides.
pub(crate) fn binary(context: &mut Context<'_>, operator: Binary, a: &Value, b: &Value) -> Answer {
    Ok(match operator {
        Binary::Equal => Value::Bool(equal(context, a, b)?),
        Binary::NotEqual => Value::Bool(!equal(context, a, b)?),
        Binary::Less => Value::Bool(compare(a, b, "<")?.is_lt()),
        Binary::Greater => Value::Bool(compare(a, b, ">")?.is_gt()),
        Binary::LessOrEqual => Value::Bool(compare(a, b, "<=")?.is_le()),
        Binary::GreaterOrEqual => Value::Bool(compare(a, b, ">=")?.is_ge()),
        Binary::In => Value::Bool(contains(context, a, b)?),
        Binary::Matches => matches_text(a, b)?,
        Binary::Contains => text_test(a, b, |a, b| a.contains(b))?,
        Binary::StartsWith => text_test(a, b, |a, b| a.starts_with(b))?,
        Binary::EndsWith => text_test(a, b, |a, b| a.ends_with(b))?,
        Binary::Range => range(context, a, b)?,
        Binary::Add => super::arithmetic::add(a, b)?,
        Binary::Subtract => super::arithmetic::subtract(a, b)?,
        Binary::Multiply => super::arithmetic::multiply(a, b)?,
        Binary::Divide => super::arithmetic::divide(a, b)?,
        Binary::Modulo => super::arithmetic::modulo(a, b)?,
        Binary::Power => Value::Float(crate::go::pow(to_float(a)?, to_float(b)?)),
        Binary::Or | Binary::And | Binary::Coalesce => return Err("invalid opcode".to_owned()),
    })
}

/// Go's ordering of two values, or its message where they have none.
pub(crate) fn compare(a: &Value, b: &Value, symbol: &str) -> Result<Outcome, String> {
    let ordering = match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.timestamp().cmp(&b.timestamp())),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        _ => match (Number::of(a), Number::of(b)) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => Some(a.cmp(&b)),
            (Some(a), Some(b)) => a.float().partial_cmp(&b.float()),
            _ => {
                let (a, b) = (a.go_type(), b.go_type());
                return Err(format!("invalid operation: {a} {symbol} {b}"));
            }
        },
    };
    Ok(Outcome(ordering))
}

/// An ordering, or none where one side is not a number.
pub(crate) struct Outcome(Option<Ordering>);

impl Outcome {
    pub(crate) fn is_lt(&self) -> bool {
        self.0 == Some(Ordering::Less)
    }
    pub(crate) fn is_gt(&self) -> bool {
        self.0 == Some(Ordering::Greater)
    }
    fn is_le(&self) -> bool {
        matches!(self.0, Some(Ordering::Less | Ordering::Equal))
    }
    fn is_ge(&self) -> bool {
        matches!(self.0, Some(Ordering::Greater | Ordering::Equal))
    }
}

/// `==`: numbers by value, lists item by item, everything else as Go's `reflect.DeepEqual`.
pub(crate) fn equal(context: &mut Context<'_>, a: &Value, b: &Value) -> Result<bool, String> {
    equal_at(context, a, b, 0)
}

fn equal_at(context: &mut Context<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, String> {
    context.work(1)?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    Ok(match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a.timestamp() == b.timestamp(),
        (Value::Array(a), Value::Array(b)) if itemwise(a, b) => {
            if a.items().len() != b.items().len() {
                return Ok(false);
            }
            for (a, b) in a.items().iter().zip(b.items()) {
                if !equal_at(context, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        _ => match (Number::of(a), Number::of(b)) {
            (Some(Number::Int(a)), Some(Number::Int(b))) => a == b,
            #[expect(clippy::float_cmp, reason = "as Go compares them")]
            (Some(a), Some(b)) => a.float() == b.float(),
            _ => a.is_nil() && b.is_nil() || deep_equal_at(context, a, b, depth)?,
        },
    })
}

/// Lists that expr-lang compares item by item: of the same type, or one of them `[]any`.
fn itemwise(a: &Array, b: &Array) -> bool {
    let plain = |elem| matches!(elem, Elem::Any | Elem::Int | Elem::Float | Elem::String);
    plain(a.elem) && plain(b.elem) && (a.elem == b.elem || a.elem == Elem::Any || b.elem == Elem::Any)
}

/// Go's `reflect.DeepEqual`: the same types all the way down.
pub(crate) fn deep_equal(context: &mut Context<'_>, a: &Value, b: &Value) -> Result<bool, String> {
    deep_equal_at(context, a, b, 0)
}

fn deep_equal_at(context: &mut Context<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, String> {
    context.work(1)?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    if a.go_type() != b.go_type() {
        return Ok(false);
    }
    Ok(match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
        (Value::Byte(a), Value::Byte(b)) => a == b,
        #[expect(clippy::float_cmp, reason = "as Go compares them")]
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Location(a), Value::Location(b)) => a == b,
        (Value::Version(a), Value::Version(b)) => a == b,
        (Value::Array(a), Value::Array(b)) => {
            if a.is_nil() != b.is_nil() || a.items().len() != b.items().len() {
                return Ok(false);
            }
            for (a, b) in a.items().iter().zip(b.items()) {
                if !deep_equal_at(context, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => maps_equal(context, a, b, depth)?,
        _ => false,
    })
}

fn maps_equal(context: &mut Context<'_>, a: &Map, b: &Map, depth: usize) -> Result<bool, String> {
    if a.entries().len() != b.entries().len() {
        return Ok(false);
    }
    for ((key_a, a), (key_b, b)) in a.entries().iter().zip(b.entries()) {
        if key_a != key_b || !deep_equal_at(context, a, b, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `needle in haystack`.
fn contains(context: &mut Context<'_>, needle: &Value, haystack: &Value) -> Result<bool, String> {
    match haystack {
        Value::Nil => Ok(false),
        Value::Array(array) => {
            for item in array.items() {
                if equal(context, item, needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Bytes(bytes) => {
            let number = Number::of(needle).map(Number::float);
            Ok(bytes.iter().any(|byte| Some(f64::from(*byte)) == number))
        }
        Value::Map(map) => Ok(map.entries().contains_key(&map_key(map, needle)?)),
        // A time is a struct, none of whose fields can be seen.
        Value::Time(_) => match needle {
            Value::String(_) => Ok(false),
            other => Err(format!(
                "cannot use {} as field name of time.Time",
                other.go_type()
            )),
        },
        other => Err(format!(r#"operator "in" not defined on {}"#, other.go_type())),
    }
}

/// The key that Go's reflection looks up in a map; nil stands for the key type's zero value.
pub(crate) fn map_key(map: &Map, key: &Value) -> Result<Key, String> {
    let wanted = match map.kind {
        MapKind::StringAny | MapKind::StringString | MapKind::Set(Elem::String) => "string",
        MapKind::Set(_) => "int",
        MapKind::AnyAny | MapKind::Groups => {
            return key
                .to_key()
                .ok_or_else(|| format!("runtime error: hash of unhashable type {}", key.go_type()));
        }
    };
    match (key, wanted) {
        (Value::Nil, "string") => Ok(Key::String("".into())),
        (Value::Nil, _) => Ok(Key::Int(0)),
        (Value::String(text), "string") => Ok(Key::String(text.clone())),
        (Value::Int(number), "int") => Ok(Key::Int(*number)),
        _ => Err(format!(
            "reflect.Value.MapIndex: value of type {} is not assignable to type {wanted}",
            key.go_type()
        )),
    }
}

fn matches_text(text: &Value, pattern: &Value) -> Answer {
    if text.is_nil() || pattern.is_nil() {
        return Ok(Value::Bool(false));
    }
    let pattern = pattern.as_str().ok_or_else(|| not_a(pattern, "string"))?;
    let pattern = crate::go::regexp(pattern)?;
    matches_pattern(text, Some(&pattern))
}

pub(crate) fn matches_pattern(text: &Value, pattern: Option<&regex::Regex>) -> Answer {
    let Some(pattern) = pattern else {
        return Err("invalid opcode".to_owned());
    };
    match text {
        _ if text.is_nil() => Ok(Value::Bool(false)),
        Value::String(text) => Ok(Value::Bool(pattern.is_match(text))),
        Value::Bytes(bytes) => Ok(Value::Bool(pattern.is_match(&String::from_utf8_lossy(bytes)))),
        other => Err(not_a(other, "[]uint8")),
    }
}

fn text_test(a: &Value, b: &Value, test: impl Fn(&str, &str) -> bool) -> Answer {
    if a.is_nil() || b.is_nil() {
        return Ok(Value::Bool(false));
    }
    let a = a.as_str().ok_or_else(|| not_a(a, "string"))?;
    let b = b.as_str().ok_or_else(|| not_a(b, "string"))?;
    Ok(Value::Bool(test(a, b)))
}

fn range(context: &mut Context<'_>, from: &Value, to: &Value) -> Answer {
    let (from, to) = (to_int(from)?, to_int(to)?);
    let size = to.wrapping_sub(from).wrapping_add(1).max(0);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    context.grow(size)?;
    let items = (0..size).map(|offset| Value::Int(from.wrapping_add_unsigned(offset as u64)));
    Ok(Value::Array(Array::of(Elem::Int, items.collect())))
}

/// `from[key]` and `from.key`.
pub(crate) fn fetch(from: &Value, key: &Value) -> Answer {
    if let Some(name) = key.as_str()
        && let Some(method) = methods::bind(from, name)
    {
        return Ok(method);
    }
    match from {
        Value::Array(array) => {
            let index = position(key, array.items().len())?;
            Ok(array.items().get(index).cloned().unwrap_or_default())
        }
        Value::Bytes(bytes) => byte_at(bytes, key),
        Value::String(text) => byte_at(text.as_bytes(), key),
        Value::Map(map) => Ok(match map.entries().get(&map_key(map, key)?) {
            Some(value) => value.clone(),
            None if map.kind == MapKind::Groups => Value::Array(Array::nil()),
            None if map.kind == MapKind::StringString => "".into(),
            None => Value::Nil,
        }),
        other => {
            let key = crate::go::sprint(key);
            Err(format!("cannot fetch {key} from {}", other.go_type()))
        }
    }
}

fn byte_at(bytes: &[u8], key: &Value) -> Answer {
    let index = position(key, bytes.len())?;
    Ok(Value::Byte(bytes.get(index).copied().unwrap_or(0)))
}

/// An index, counted from the end if negative.
fn position(key: &Value, length: usize) -> Result<usize, String> {
    let index = to_int(key)?;
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let index = if index < 0 { length + index } else { index };
    match usize::try_from(index) {
        Ok(at) if index < length => Ok(at),
        _ => Err(format!("index out of range: {index} (array length is {length})")),
    }
}

/// `list[from:to]`; strings are cut at bytes.
pub(crate) fn slice(list: &Value, from: &Value, to: &Value) -> Answer {
    let cut = |length: usize| -> Result<std::ops::Range<usize>, String> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let (from, to) = (to_int(from)?, to_int(to)?);
        let from = if from < 0 { (length + from).max(0) } else { from };
        let to = if to < 0 {
            (length + to).max(0)
        } else {
            to.min(length)
        };
        let from = from.min(to);
        Ok(usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0))
    };
    match list {
        Value::Array(array) => {
            let range = cut(array.items().len())?;
            if array.is_nil() {
                return Ok(list.clone());
            }
            let part = array.items()[range].to_vec();
            let elem = if array.elem == Elem::Pair {
                Elem::Any
            } else {
                array.elem
            };
            Ok(Value::Array(Array::of(elem, part)))
        }
        Value::Bytes(bytes) => Ok(Value::Bytes(bytes[cut(bytes.len())?].into())),
        Value::String(text) => {
            let part = &text.as_bytes()[cut(text.len())?];
            Ok(Value::string(String::from_utf8_lossy(part)))
        }
        _ => Err(format!("cannot slice {}", crate::go::sprint(from))),
    }
}

/// The length that a slice without an end stops at: bytes, for a string.
pub(crate) fn byte_length(value: &Value) -> Answer {
    let length = match value {
        Value::Array(array) => array.items().len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Map(map) => map.entries().len(),
        Value::String(text) => text.len(),
        other => return Err(format!("invalid argument for len (type {})", other.go_type())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// `reflect.Kind` of a value.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Nil => "invalid",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Int64(_) | Value::Duration(_) => "int64",
        Value::Byte(_) => "uint8",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::Array(array) if array.elem == Elem::Pair => "array",
        Value::Array(_) | Value::Bytes(_) => "slice",
        Value::Map(_) => "map",
        Value::Time(_) => "struct",
        Value::Location(_) | Value::Version(_) => "ptr",
        Value::Function(_) | Value::Method(_) => "func",
    }
}
