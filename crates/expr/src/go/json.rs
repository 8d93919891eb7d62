//! JSON as Go's `encoding/json` writes it: sorted keys, `<`, `>` and `&` escaped, its own form of floats.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::float::{Style, format_float};
use crate::lang::limits::MAX_VALUE_DEPTH;
use crate::lang::vm::Context;
use crate::lang::{Elem, Key, MapKind, Value};

/// `json.Marshal`.
pub(crate) fn to_json(context: &mut Context<'_>, value: &Value) -> Result<String, String> {
    write(context, value, None, true)
}

/// `json.MarshalIndent` with two spaces.
pub(crate) fn to_json_indented(context: &mut Context<'_>, value: &Value) -> Result<String, String> {
    write(context, value, Some("  "), true)
}

/// `json.Encoder` with `SetEscapeHTML(false)`.
pub(crate) fn to_json_raw(context: &mut Context<'_>, value: &Value) -> Result<String, String> {
    write(context, value, None, false)
}

/// `json.Unmarshal` into an `any`: every number is a float.
pub(crate) fn from_json(context: &mut Context<'_>, text: &str) -> Result<Value, String> {
    context.work(text.len())?;
    let json: serde_json::Value = serde_json::from_str(text)
        .map_err(|problem| super::json_problem(text).unwrap_or_else(|| problem.to_string()))?;
    Ok(Value::from(&json))
}

fn write(
    context: &mut Context<'_>,
    value: &Value,
    indent: Option<&str>,
    escape_html: bool,
) -> Result<String, String> {
    let mut writer = Writer {
        context,
        out: String::new(),
        indent,
        escape_html,
        depth: 0,
    };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'a, 'c> {
    context: &'a mut Context<'c>,
    out: String,
    indent: Option<&'a str>,
    escape_html: bool,
    depth: usize,
}

type Written = Result<(), String>;

impl Writer<'_, '_> {
    fn value(&mut self, value: &Value) -> Written {
        self.context.work(1)?;
        match value {
            Value::Nil => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) | Value::Int64(value) => self.out.push_str(&value.to_string()),
            Value::Byte(value) => self.out.push_str(&value.to_string()),
            Value::Float(value) if value.is_finite() => self.out.push_str(&format_float(*value, Style::Json)),
            Value::Float(value) => {
                let value = format_float(*value, Style::General);
                return Err(format!("json: unsupported value: {value}"));
            }
            Value::String(text) => return self.string(text),
            Value::Bytes(bytes) => self.out.push_str(&format!("\"{}\"", STANDARD.encode(bytes))),
            Value::Array(array) if array.is_nil() => self.out.push_str("null"),
            Value::Array(array) => {
                let items = array.items();
                return self.group(['[', ']'], items.len(), |writer, index| {
                    writer.value(&items[index])
                });
            }
            Value::Map(map) => {
                if !matches!(
                    map.kind,
                    MapKind::StringAny | MapKind::StringString | MapKind::Set(Elem::String | Elem::Int)
                ) {
                    return Err(format!("json: unsupported type: {}", value.go_type()));
                }
                let entries: Vec<_> = map.entries().iter().collect();
                return self.group(['{', '}'], entries.len(), |writer, index| {
                    let (key, value) = entries[index];
                    writer.entry(key, value)
                });
            }
            Value::Time(time) if !(0..=9999).contains(&time.year()) => {
                let problem = "Time.MarshalJSON: year outside of range [0,9999]";
                return Err(format!(
                    "json: error calling MarshalJSON for type time.Time: {problem}"
                ));
            }
            Value::Time(time) => self
                .out
                .push_str(&format!("\"{}\"", super::layout::rfc3339(time))),
            Value::Duration(duration) => self.out.push_str(&duration.as_nanos().to_string()),
            Value::Location(_) => self.out.push_str("{}"),
            Value::Version(version) => return self.string(&version.to_string()),
            Value::Function(_) | Value::Method(_) => {
                return Err(format!("json: unsupported type: {}", value.go_type()));
            }
        }
        Ok(())
    }

    fn group(
        &mut self,
        brackets: [char; 2],
        count: usize,
        mut item: impl FnMut(&mut Self, usize) -> Written,
    ) -> Written {
        if self.depth > MAX_VALUE_DEPTH {
            return Err("json: unsupported value: nested too deeply".to_owned());
        }
        self.out.push(brackets[0]);
        self.depth += 1;
        for index in 0..count {
            if index > 0 {
                self.out.push(',');
            }
            self.line();
            item(self, index)?;
        }
        self.depth -= 1;
        if count > 0 {
            self.line();
        }
        self.out.push(brackets[1]);
        Ok(())
    }

    fn line(&mut self) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.push_str(&indent.repeat(self.depth));
        }
    }

    fn entry(&mut self, key: &Key, value: &Value) -> Written {
        match key {
            Key::String(key) => self.string(key)?,
            other => self
                .out
                .push_str(&format!("\"{}\"", super::sprint(&other.to_value()))),
        }
        self.out.push(':');
        if self.indent.is_some() {
            self.out.push(' ');
        }
        self.value(value)
    }

    fn string(&mut self, text: &str) -> Written {
        self.context.grow_bytes(text.len())?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x08' => self.out.push_str("\\b"),
                '\x0c' => self.out.push_str("\\f"),
                '<' | '>' | '&' if !self.escape_html => self.out.push(c),
                '<' | '>' | '&' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => {
                    // Writing to a string does not fail.
                    let _ = write!(self.out, "\\u{:04x}", u32::from(c));
                }
                _ => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }
}
