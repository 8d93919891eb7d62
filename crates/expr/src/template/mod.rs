//! `{{tags}}` and `{{=expressions}}` in text, as Argo substitutes them.
//!
//! ```text
//! "out-{{inputs.parameters.n}}.txt"  --simple tag-->  looked up in a Scope, put in as text
//! "{{=asInt(inputs.parameters.n)+1}}" --expression-->  evaluated by `lang`, put in as text
//! "{{inputs.parameters.{{item}}}}"    --nested------>  the inner tag first, the outer by a later pass
//! ```
//!
//! Argo substitutes in the JSON text of a template and escapes what it puts in; that is the same as substituting
//! in every string of the JSON value, which is what happens here: a tag's result is always text inside of a
//! string, even where the tag is all of it. One difference is on purpose: a tag that is never closed stays as it
//! is, where Argo would look for its end in the strings that follow.
//!
//! Which names exist, and what they mean, is the caller's [`Scope`].

mod expression;
mod identifiers;
mod scan;
mod scope;

use serde_json::Value as Json;

use crate::lang::{Context, Value};

pub use expression::resolve;
pub use identifiers::identifiers;
pub use scan::{Kind, Located, Scan, Tag, tags, tags_in};
pub use scope::{Layers, Scope};

/// What begins the values that stand in for ones not known yet while a template is only being checked; an
/// expression that fails where there is one is left unresolved.
pub const PLACEHOLDER: &str = "__argo__internal__placeholder-";

/// What happens to a tag that the scope cannot resolve.
#[derive(Clone, Copy, Debug)]
pub enum Unresolved<'a> {
    /// It stays in the text, for a later pass.
    Keep,
    /// It is an error.
    Fail,
    /// It is an error if it begins with one of these words (a whole part of a dotted name: `steps` covers
    /// `steps.a` and not `steps2.a`), unless it is an artifact; others stay.
    FailFor(&'a [&'a str]),
}

impl Unresolved<'_> {
    /// Whether a name that is missing is an error.
    fn fails(self, name: &str) -> bool {
        match self {
            Self::Keep => false,
            Self::Fail => true,
            Self::FailFor(words) => words.iter().any(|word| {
                name.strip_prefix(word)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }),
        }
    }
}

/// Why a text could not be substituted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// A name is not known, perhaps not yet.
    Missing {
        /// Argo's message.
        message: String,
    },
    /// It can never be substituted: an output of something that was skipped, or an expression that fails.
    Terminal {
        /// Argo's message.
        message: String,
    },
}

impl Error {
    /// Whether it may succeed once more is known; Argo tries such a node again.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Argo's message.
    pub fn message(&self) -> &str {
        match self {
            Self::Missing { message } | Self::Terminal { message } => message,
        }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Error {}

fn missing(message: String) -> Error {
    Error::Missing { message }
}

fn terminal(message: String) -> Error {
    Error::Terminal { message }
}

/// Substitutes the tags of one text.
///
/// # Errors
/// [`Error::Missing`] for a tag that `unresolved` makes an error, [`Error::Terminal`] for what can never be.
pub fn substitute(
    text: &str,
    scope: &dyn Scope,
    unresolved: Unresolved<'_>,
    context: &mut Context<'_>,
) -> Result<String, Error> {
    let scan = tags(text);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for tag in &scan.tags {
        out.push_str(&text[end..tag.span.start]);
        end = tag.span.end;
        let replaced = match tag.kind {
            Kind::Simple => simple(tag.text, scope, unresolved)?,
            Kind::Expression => expression::replace(tag.text, scope, unresolved, context)?,
        };
        match replaced {
            Some(replaced) => out.push_str(&replaced),
            None => out.push_str(&text[tag.span.clone()]),
        }
    }
    if let Some(at) = scan.unclosed
        && unresolved.fails(text[at + 2..].trim_start())
    {
        return Err(missing(format!("failed to resolve {}", &text[at..])));
    }
    out.push_str(&text[end..]);
    Ok(out)
}

/// Substitutes the tags of every string and key of a JSON value.
///
/// # Errors
/// As [`substitute`].
pub fn substitute_json(
    value: &Json,
    scope: &dyn Scope,
    unresolved: Unresolved<'_>,
    context: &mut Context<'_>,
) -> Result<Json, Error> {
    Ok(match value {
        Json::String(text) if text.contains(scan::OPEN) => {
            Json::String(substitute(text, scope, unresolved, context)?)
        }
        Json::Array(items) => items
            .iter()
            .map(|item| substitute_json(item, scope, unresolved, context))
            .collect::<Result<_, _>>()?,
        Json::Object(fields) => {
            let mut substituted = serde_json::Map::with_capacity(fields.len());
            for (key, value) in fields {
                let key = if key.contains(scan::OPEN) {
                    substitute(key, scope, unresolved, context)?
                } else {
                    key.clone()
                };
                substituted.insert(key, substitute_json(value, scope, unresolved, context)?);
            }
            Json::Object(substituted)
        }
        other => other.clone(),
    })
}

/// Substitutes in a typed value, by way of its JSON.
///
/// # Errors
/// As [`substitute`]; [`Error::Terminal`] where the result is no longer a value of the type.
pub fn substitute_as<T: serde::Serialize + serde::de::DeserializeOwned>(
    value: &T,
    scope: &dyn Scope,
    unresolved: Unresolved<'_>,
    context: &mut Context<'_>,
) -> Result<T, Error> {
    let invalid = |problem: serde_json::Error| terminal(problem.to_string());
    let json = serde_json::to_value(value).map_err(invalid)?;
    let json = substitute_json(&json, scope, unresolved, context)?;
    serde_json::from_value(json).map_err(invalid)
}

/// What a simple tag becomes; `None` if it stays.
fn simple(tag: &str, scope: &dyn Scope, unresolved: Unresolved<'_>) -> Result<Option<String>, Error> {
    let name = tag.trim();
    // An artifact is no text: its tag stays, for whoever resolves the reference.
    if let Some(value) = scope.get(name).filter(|value| !matches!(value, Value::Map(_))) {
        return replacement(tag, value).map(Some);
    }
    if let Some(nested) = nested(tag, scope)? {
        return Ok(Some(nested));
    }
    let optional = matches!(unresolved, Unresolved::FailFor(_)) && name.contains(".outputs.artifacts.");
    if unresolved.fails(name) && !optional {
        return Err(missing(format!("failed to resolve {{{{{tag}}}}}")));
    }
    Ok(None)
}

fn replacement(tag: &str, value: &Value) -> Result<String, Error> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        Value::Nil => Err(terminal(format!(
            "unable to substitute {{{{{tag}}}}}: output is an absent optional (skipped/omitted node with no default)"
        ))),
        _ => Err(terminal(format!("failed to resolve {{{{{tag}}}}} to string"))),
    }
}

/// `a.{{b`, which is what is left of `{{a.{{b}}}}` up to the first end: the inner tag's value is put in, and the
/// outer tag is resolved by the next pass.
fn nested(tag: &str, scope: &dyn Scope) -> Result<Option<String>, Error> {
    let Some(at) = tag.rfind(scan::OPEN).filter(|at| *at > 0) else {
        return Ok(None);
    };
    let (outer, inner) = (&tag[..at], &tag[at + 2..]);
    match scope.get(inner) {
        Some(Value::Nil) => Err(terminal(format!(
            "unable to substitute nested tag {{{{{tag}}}}}: {inner:?} is an absent optional"
        ))),
        Some(Value::String(text)) => Ok(Some(format!("{{{{{outer}{text}"))),
        _ => Ok(None),
    }
}
