//! The languages inside manifests: `{{tags}}`, `{{=expressions}}`, `when`, `depends`, Go formats and JSONPath.
//!
//! ```text
//! template --{{=...}}--> lang --jsonpath(), sprig.*--> jsonpath, sprig
//! when      depends      go_format      strftime      (each on its own)
//! ```
//!
//! Pure: text and values in, text and values out. Nothing here knows workflows, clients, the clock or
//! randomness; an evaluation that wants the time or a random number is given them. Any input ends, in bounded
//! time and memory.

pub mod depends;
mod go;
pub mod go_format;
pub mod jsonpath;
pub mod lang;
pub mod selector;
mod sprig;
pub mod strftime;
pub mod template;
pub mod when;

/// Go's message for a text that is not one JSON value, as Argo shows it for `withParam`; `None` where it is one.
pub fn json_problem(text: &str) -> Option<String> {
    go::json_problem(text)
}
