//! JSONPath.

use crate::lang::{Context, Value};

pub(crate) fn query(_: &mut Context<'_>, _: &Value, _: &str) -> Result<Value, String> {
    Err("not yet".to_owned())
}
