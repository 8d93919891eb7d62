//! Argo's semantics: the state machine of one workflow, as pure functions of what was observed.
//!
//! ```text
//!   contract   what goes in and out
//!   machine    nodes, and what happens to them
//!   layout     where nodes are stored
//!   pod        the pod of a node
//!   locks      what workflows hold and wait for
//!   validate   what is wrong before anything runs
//!   template args subst vars globals items aggregate merge names phase    what the machine is made of
//! ```
//!
//! It must not know clients, clocks, randomness or files: objects and times come in, effects go out.

mod aggregate;
mod args;
pub mod contract;
mod globals;
mod glue;
mod items;
pub mod layout;
pub mod locks;
mod machine;
mod merge;
pub mod names;
mod phase;
pub mod pod;
mod repository;
pub mod rerun;
mod subst;
mod template;
mod unreadable;
mod usage;
pub mod validate;
mod vars;
mod view;

pub use machine::Machine;
pub use unreadable::unreadable;
