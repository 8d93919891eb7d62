//! The Kubernetes API as a tower service, generic over kinds.
//!
//! ```text
//!   kube::Client ──in process──┐
//!   unix socket ───────────────┼─> ApiServer::handle ─> path, query, caller ─> a verb ─> store
//!   https + token ─────────────┘        │                                       │
//!                                       └── discovery, OpenAPI, health          └── registry: one row per kind
//! ```
//!
//! Objects are kept as bytes and spliced into lists and watches ([`object`]). A verb reads, decides and encodes outside
//! the store's lock, then commits if nothing changed meanwhile. What is special about a kind is in its row
//! ([`registry`]); no verb knows a kind by name, but for the two that contain others: namespaces and
//! CustomResourceDefinitions ([`contents`]).
//!
//! What differs from kube-apiserver on purpose is listed in the crate's README.

mod admit;
mod body;
mod call;
mod cascade;
mod commit;
mod contents;
mod decode;
mod discovery;
mod dispatch;
mod door;
mod duplicates;
mod expiry;
mod gofmt;
mod logs;
mod negotiate;
mod object;
mod options;
mod orphans;
mod partial;
mod path;
mod protobuf;
mod query;
mod registry;
mod reviews;
mod server;
mod service;
mod shape;
mod status;
mod strategy;
mod streams;
mod syntax;
mod table;
mod user;
mod verbs;

pub use body::{Answer, Body};
pub use call::CRASH_POINTS;
pub use door::{Tls, Tokens, kubeconfig};
pub use logs::{LogError, LogRequest, LogSource, LogStream};
pub use registry::Row;
pub use server::{ApiServer, Config, Limits};
pub use service::{ClientService, HandleFuture};
pub use shape::{Witness, record_shapes};
pub use status::{ApiError, Cause};
pub use store::Durability;
pub use streams::{ExecError, ExecRequest, ExecSession, ExecSource, Input, Output, Resize};
pub use user::{PolicyRule, User};
