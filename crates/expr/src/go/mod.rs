//! What Go's standard library does where manifests let it show: text of values, JSON, regular expressions, times.

mod base64;
mod float;
mod json;
mod json_error;
pub(crate) mod layout;
mod print;
mod quote;
mod regexp;
mod text;

pub(crate) use base64::from_base64;
pub(crate) use float::{parse_float, parse_int, pow};
pub(crate) use json::{from_json, to_json, to_json_indented, to_json_raw};
pub(crate) use json_error::json_problem;
pub(crate) use layout::zone;
pub(crate) use print::{sprint, sprint_bounded};
pub(crate) use quote::{is_printable, quote};
pub(crate) use regexp::regexp;
pub(crate) use text::{split, split_after, to_lower, to_upper};
