//! Multi-Instance GPU: which instance of a device a request gets, by tables of every state that a device can be in.
//!
//! ```text
//!     Geometry (profiles, legal starts) ──► Table (every state, every placement) ──► Outlook (what a state is worth)
//!                                                                                        │
//!     Pool { a state for each device } ──place / release──────────────────────────────────┘
//! ```
//!
//! A device of NVIDIA's has eight memory slices (or four); an instance takes some that lie together, from starts that its
//! profile allows, and cannot move while it is used. So where an instance is put decides what fits later: at start 4 a
//! half of the device leaves room for everything that a whole half can hold, at start 0 it does not. There are few
//! hundred states, so that what each is worth can be worked out once.

mod alone;
mod geometry;
mod outlook;
mod pool;
mod table;

pub use geometry::{DEVICES, Device, Geometry, Profile};
pub use outlook::Outlook;
pub use pool::{Instance, Pool};
pub use table::{Placement, StateId, Table};
