//! JSONPath in its two dialects: that of Argo's `jsonpath()` function, and kubectl's.
//!
//! They share little more than the name. Argo's answers a value (one item where the path names one, a list where
//! it may name several) and has filters and scripts with a small language of their own, in [`script`]. kubectl's
//! is a text template, in [`kubectl`].

pub mod kubectl;
mod query;
mod script;
mod selector;

use crate::lang::{Context, Value};

/// How many characters a path may have: far above any that is written by hand.
const MAX_LENGTH: usize = 4_096;

/// Answers what a path selects, as Argo's `jsonpath(document, path)` does.
///
/// # Errors
/// For a path that cannot be read, and for one that names something the document does not have.
pub(crate) fn query(context: &mut Context<'_>, document: &Value, path: &str) -> Result<Value, String> {
    if path.len() > MAX_LENGTH {
        return Err(format!(
            "a JSONPath selector of more than {MAX_LENGTH} characters"
        ));
    }
    context.work(path.len())?;
    let invalid = |reason: String| format!("invalid JSONPath selector '{path}' {reason}");
    let tokens = selector::parse(path, 0).map_err(invalid)?;
    let found = query::apply(context, document, document, &tokens);
    // Failures inside of wildcards and filters are passed over, but not that of the bounds.
    context.work(0)?;
    found
}
