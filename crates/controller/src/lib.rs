//! Controllers: watch, plan, act, and nothing that the API does not show.
//!
//! ```text
//!            watch                 change                    effects
//!   API ──► Informer (one per kind) ──► adaptor: pure planner ──► Executor ──► API
//!              ▲ merges the answers of our own writes ◄──────────────┘
//! ```
//!
//! What is general is here: [`informer`]s over projections, a keyed [`queue`], the [`executor`] of writes,
//! and the [`faults`] that tests put between a controller and its API. Of several replicas one leads, by a
//! [`lease`], and only its writes pass the [`gate`]. The controllers themselves are thin
//! adaptors around planners of other crates: [`workflow`], [`scheduler`], [`collect`].
//!
//! Must not know: how pods run, or who serves the API. Time to wait for comes from `tokio::time`, the time
//! of day and randomness from [`meta::host::Host`].

pub mod backoff;
mod cache;
pub mod collect;
pub mod context;
pub mod events;
pub mod executor;
pub mod faults;
pub mod gate;
pub mod informer;
pub mod kind;
pub mod lease;
pub mod metadata;
pub mod metrics;
pub mod projections;
pub mod queue;
pub mod rules;
pub mod run;
pub mod scheduler;
pub mod shadow;
mod text;
mod watched;
pub mod workflow;
pub mod write;

pub use context::Context;
pub use executor::{Executor, Failure};
pub use gate::{Gate, Rate};
pub use informer::{Change, Informer, Informers};
pub use kind::{Kind, Projection};
pub use metadata::Metadata;
pub use metrics::Metrics;
pub use run::{Config, Identity, identities, run_all};
pub use shadow::Shadow;
pub use write::Write;
