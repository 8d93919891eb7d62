//! Schemas of objects and changes to them: validate, prune, default, patch.
//!
//! ```text
//!   OpenAPI v3 JSON ──compile──> Schema ──> validate   what breaks the rules, and where
//!                                      ├──> unknown    fields nobody defined
//!                                      ├──> prune      ... removed
//!                                      ├──> default    ... filled in
//!                                      └──> strategic  merge patch with merge keys
//! ```
//!
//! Pure functions over `serde_json::Value`. Knows no kind: a kind's schema is an argument. Patches that need no
//! schema (JSON Patch, JSON Merge Patch) are in [`patch`].

mod compile;
mod default;
mod node;
pub mod patch;
mod path;
mod prune;
mod typed;
mod validate;

pub use node::Schema;
pub use path::Path;
pub use prune::Unknown;
pub use typed::{go_name, time_mistake};
pub use validate::{Rule, Violation};
