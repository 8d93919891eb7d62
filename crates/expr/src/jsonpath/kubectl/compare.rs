//! The comparisons of filters: of two values of one kind, as Go's templates have it.

use std::cmp::Ordering;

use serde_json::Value as Json;

/// A value that can be compared.
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

fn basic(value: &Json) -> Result<Basic<'_>, String> {
    match value {
        Json::Bool(value) => Ok(Basic::Bool(*value)),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Ok(Basic::Int(value)),
            (None, Some(value)) => Ok(Basic::Float(value)),
            (None, None) => Err("invalid type for comparison".to_owned()),
        },
        Json::String(text) => Ok(Basic::Text(text)),
        _ => Err("invalid type for comparison".to_owned()),
    }
}

/// Whether `left operator right` holds.
pub(super) fn compare(left: &Json, operator: &str, right: &Json) -> Result<bool, String> {
    if !matches!(operator, "<" | ">" | "==" | "!=" | "<=" | ">=") {
        return Err(format!("unrecognized filter operator {operator}"));
    }
    let equality = matches!(operator, "==" | "!=");
    let ordering = match (basic(left)?, basic(right)?) {
        (Basic::Bool(a), Basic::Bool(b)) if equality => Some(a.cmp(&b)),
        (Basic::Bool(_), Basic::Bool(_)) => return Err("invalid type for comparison".to_owned()),
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(&b)),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(&b),
        (Basic::Text(a), Basic::Text(b)) => Some(a.cmp(b)),
        _ => return Err("incompatible types for comparison".to_owned()),
    };
    let (less, equal) = (
        ordering == Some(Ordering::Less),
        ordering == Some(Ordering::Equal),
    );
    Ok(match operator {
        "==" => equal,
        "!=" => !equal,
        "<" => less,
        "<=" => less || equal,
        ">" => !(less || equal),
        _ => !less,
    })
}
