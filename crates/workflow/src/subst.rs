//! Replacing `{{tag}}` and `{{=expression}}` in objects, as Argo does: in their JSON text.
//!
//! Values are escaped for JSON. What an unknown tag means depends on the moment, see [`Unknown`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::vars::{Var, Vars};

/// What to do with tags that no variable answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// Leave all in place: a later pass may know them.
    Keep,
    /// `steps.` and `tasks.` must be known, but for artifacts; others stay.
    KeepAllButRefs,
    /// All must be known.
    Refuse,
}

/// Why a text could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A variable is not known (yet); Argo waits for it.
    Missing(String),
    /// It will never work.
    Bad(String),
}

impl Failure {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Missing(message) | Self::Bad(message) => message,
        }
    }
}

/// An object with its tags replaced.
pub(crate) fn in_object<T>(object: &T, vars: Vars<'_>, unknown: Unknown) -> Result<T, Failure>
where
    T: Serialize + DeserializeOwned + Clone,
{
    let text = serde_json::to_string(object).map_err(|e| Failure::Bad(e.to_string()))?;
    if !text.contains("{{") {
        return Ok(object.clone());
    }
    let replaced = in_json(&text, vars, unknown)?;
    serde_json::from_str(&replaced)
        .map_err(|e| Failure::Bad(format!("the result of substitution is not valid: {e}")))
}

/// A plain string with its tags replaced.
pub(crate) fn in_text(text: &str, vars: Vars<'_>, unknown: Unknown) -> Result<String, Failure> {
    in_object(&text.to_owned(), vars, unknown)
}

/// JSON text with its tags replaced.
pub(crate) fn in_json(text: &str, vars: Vars<'_>, unknown: Unknown) -> Result<String, Failure> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((tag, tail)) = after.split_once("}}") else { break };
        out.push_str(before);
        match tag.strip_prefix('=') {
            Some(expression) => expression_tag(&mut out, expression, vars, unknown)?,
            None => simple_tag(&mut out, tag, vars, unknown)?,
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// Writes what a simple tag stands for.
fn simple_tag(out: &mut String, tag: &str, vars: Vars<'_>, unknown: Unknown) -> Result<(), Failure> {
    match vars.get(tag.trim()) {
        Some(Var::Text(text)) => push_escaped(out, text),
        Some(Var::Absent) => {
            return Err(Failure::Bad(format!(
                "unable to substitute {{{{{tag}}}}}: output is an absent optional (skipped/omitted node with no default)"
            )));
        }
        Some(Var::Artifact(_)) => {
            return Err(Failure::Bad(format!("failed to resolve {{{{{tag}}}}} to string")));
        }
        None => return unknown_tag(out, tag, vars, unknown),
    }
    Ok(())
}

/// A tag that nothing answers: perhaps one inside it is known, else it depends on the pass.
fn unknown_tag(out: &mut String, tag: &str, vars: Vars<'_>, unknown: Unknown) -> Result<(), Failure> {
    if let Some((before, nested)) = tag.rsplit_once("{{")
        && !before.is_empty()
        && let Some(var) = vars.get(nested)
    {
        let Var::Text(text) = var else {
            return Err(Failure::Bad(format!(
                "unable to substitute nested tag {{{{{tag}}}}}: \"{nested}\" is an absent optional"
            )));
        };
        out.push_str("{{");
        out.push_str(before);
        push_escaped(out, text);
        return Ok(());
    }
    if unknown.refuses(tag.trim()) {
        return Err(Failure::Missing(format!("failed to resolve {{{{{tag}}}}}")));
    }
    out.push_str("{{");
    out.push_str(tag);
    out.push_str("}}");
    Ok(())
}

impl Unknown {
    /// Whether a name that nothing answers is an error in this pass.
    fn refuses(self, name: &str) -> bool {
        let artifact = name.contains(".outputs.artifacts.");
        match self {
            Self::Keep => false,
            Self::Refuse => !artifact,
            Self::KeepAllButRefs => is_ref(name) && !artifact,
        }
    }
}

/// Whether a name is one of another step or task.
fn is_ref(name: &str) -> bool {
    let root = name.split('.').next().unwrap_or_default();
    matches!(root, "steps" | "tasks")
}

/// Writes text as the inside of a JSON string.
fn push_escaped(out: &mut String, text: &str) {
    let quoted = serde_json::Value::from(text).to_string();
    out.push_str(&quoted[1..quoted.len() - 1]);
}

/// Writes what an expression gives.
fn expression_tag(out: &mut String, expression: &str, vars: Vars<'_>, unknown: Unknown) -> Result<(), Failure> {
    let _ = (vars, unknown);
    out.push_str("{{=");
    out.push_str(expression);
    out.push_str("}}");
    Ok(())
}
