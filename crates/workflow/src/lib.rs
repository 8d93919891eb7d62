//! Argo's semantics: the state machine of one workflow, as pure functions of what was observed.
//!
//! It must not know clients, clocks, randomness or files: objects and times come in, effects go out.

pub mod contract;
mod machine;
mod view;

pub use machine::Machine;
