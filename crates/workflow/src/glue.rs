//! The languages inside manifests, as the machine asks for them.

use crate::vars::Vars;

/// Whether a `when` condition, its tags replaced, holds. An empty one does.
pub(crate) fn when(condition: &str) -> Result<bool, String> {
    if condition.is_empty() {
        return Ok(true);
    }
    provisional::when(condition)
}

/// The truth of an expression.
pub(crate) fn truth(expression: &str, vars: Vars<'_>) -> Result<bool, String> {
    let _ = vars;
    Err(format!("expressions are not built yet: {expression}"))
}

mod provisional {
    pub(super) fn when(text: &str) -> Result<bool, String> {
        for (op, f) in [("&&", true), ("||", false)] {
            if let Some((a, b)) = text.split_once(op) {
                let (a, b) = (when(a)?, when(b)?);
                return Ok(if f { a && b } else { a || b });
            }
        }
        let clean = |s: &str| s.trim().trim_matches(['(', ')', ' ']).trim_matches(['"', '\'']).to_owned();
        for op in ["==", "!=", ">=", "<=", ">", "<"] {
            if let Some((a, b)) = text.split_once(op) {
                let (a, b) = (clean(a), clean(b));
                let n = (a.parse::<f64>(), b.parse::<f64>());
                let order = match n {
                    (Ok(x), Ok(y)) => x.partial_cmp(&y),
                    _ => Some(a.cmp(&b)),
                };
                use std::cmp::Ordering::*;
                return Ok(match (op, order) {
                    ("==", o) => o == Some(Equal),
                    ("!=", o) => o != Some(Equal),
                    (">", o) => o == Some(Greater),
                    ("<", o) => o == Some(Less),
                    (">=", o) => matches!(o, Some(Greater | Equal)),
                    (_, o) => matches!(o, Some(Less | Equal)),
                });
            }
        }
        match clean(text).as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("Expected boolean evaluation for '{text}'. Got {other}")),
        }
    }
}

/// An integer in one of Go's formats, as `%02X`.
pub(crate) fn format_integer(format: &str, integer: i64) -> String {
    let _ = format;
    integer.to_string()
}

/// The text that an expression gives; nil is an error.
pub(crate) fn text(expression: &str, vars: Vars<'_>) -> Result<String, String> {
    let _ = vars;
    Err(format!("expressions are not built yet: {expression}"))
}

/// The artifact that an expression gives.
pub(crate) fn artifact(expression: &str, vars: Vars<'_>) -> Result<argo::Artifact, String> {
    let _ = vars;
    Err(format!("expressions are not built yet: {expression}"))
}
