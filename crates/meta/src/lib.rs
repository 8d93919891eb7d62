//! The words every room shares: names, labels, quantities, selectors, durations, times.
//!
//! Pure values and the rules to read and write them, as Kubernetes defines them. Nothing here knows a
//! client, a clock, a file or a process; the traits of [`host`] only name what a room with effects is given.

pub mod crash;
pub mod devices;
pub mod duration;
pub mod hash;
pub mod host;
pub mod image;
pub mod json;
pub mod names;
pub mod object;
pub mod quantity;
pub mod seeded;
pub mod selector;
mod selector_text;
pub mod suggest;
pub mod time;
pub mod told;
pub mod uri;

pub use object::{Gvk, Gvr, ObjectKey};
pub use quantity::Quantity;
pub use selector::LabelSelector;
pub use time::Timestamp;
