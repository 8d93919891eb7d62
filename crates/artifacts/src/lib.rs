//! Artifacts: how files are packed, where they are kept, and `plimsoll exec`, which moves them around a step.
//!
//! ```text
//!   exec     orders -> [load] -> command -> [save] -> report to the API
//!                        |                    |
//!   transfer             unpack               pack            one artifact: a path of the step
//!                        |                    |
//!   store              open(key)            put(key)          one place: a directory, a bucket, an address
//! ```
//!
//! Everything streams: no artifact is held in memory. This room knows no workflow, no pod and no node: the
//! orders it is given name paths, places and the one object to write.

pub mod archive;
mod authorities;
mod checksum;
mod directory;
mod error;
pub mod exec;
mod http;
mod place;
mod remote;
mod secrets;
mod store;
mod transfer;

pub use directory::DirectoryStore;
pub use error::{Error, Result};
pub use http::HttpStore;
pub use place::{Place, Placed};
pub use remote::RemoteStore;
pub use store::{Object, Saved, Store};
pub use transfer::{load, save};
