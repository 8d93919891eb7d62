//! `fmt.Sprint`: values as `%v` prints them.

use super::float::{Style, format_float};
use crate::lang::limits::MAX_VALUE_DEPTH;
use crate::lang::vm::Context;
use crate::lang::{Key, Value};

/// The text of a value as `%v`, for messages.
pub(crate) fn sprint(value: &Value) -> String {
    sprint_bounded(&mut Context::default(), value).unwrap_or_else(|_| "...".to_owned())
}

/// The text of a value as `%v`, within the bounds of an evaluation.
pub(crate) fn sprint_bounded(context: &mut Context<'_>, value: &Value) -> Result<String, String> {
    let mut out = String::new();
    print(context, value, 0, &mut out)?;
    Ok(out)
}

fn print(context: &mut Context<'_>, value: &Value, depth: usize, out: &mut String) -> Result<(), String> {
    context.work(1)?;
    if depth > MAX_VALUE_DEPTH {
        return Err("recursion depth exceeded".to_owned());
    }
    match value {
        Value::Nil => out.push_str("<nil>"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) | Value::Int64(value) => out.push_str(&value.to_string()),
        Value::Byte(value) => out.push_str(&value.to_string()),
        Value::Float(value) => out.push_str(&format_float(*value, Style::General)),
        Value::String(text) => {
            context.grow_bytes(text.len())?;
            out.push_str(text);
        }
        Value::Bytes(bytes) => {
            let items: Vec<_> = bytes.iter().map(u8::to_string).collect();
            out.push_str(&format!("[{}]", items.join(" ")));
        }
        Value::Array(array) => {
            out.push('[');
            for (index, item) in array.items().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                print(context, item, depth + 1, out)?;
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push_str("map[");
            for (index, (key, value)) in map.entries().iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                print_key(context, key, depth, out)?;
                out.push(':');
                print(context, value, depth + 1, out)?;
            }
            out.push(']');
        }
        Value::Time(time) => out.push_str(&super::layout::string(time)),
        Value::Duration(duration) => out.push_str(&meta::duration::format(*duration)),
        Value::Location(zone) => out.push_str(zone.iana_name().unwrap_or("Local")),
        Value::Version(version) => out.push_str(&version.to_string()),
        Value::Function(_) | Value::Method(_) => out.push_str("func"),
    }
    Ok(())
}

fn print_key(context: &mut Context<'_>, key: &Key, depth: usize, out: &mut String) -> Result<(), String> {
    match key {
        Key::String(text) => {
            out.push_str(text);
            Ok(())
        }
        other => print(context, &other.to_value(), depth + 1, out),
    }
}
