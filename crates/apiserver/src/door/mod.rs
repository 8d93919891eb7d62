//! The front doors: a unix socket and loopback TLS, and who may come in.

mod token;

pub(crate) use token::{Binding, Claims, TokenKey};
