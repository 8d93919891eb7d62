//! `update`: the object in the body replaces the one that the path names.

use bytes::Bytes;
use serde_json::Value;

use super::modify::modify;
use crate::admit;
use crate::body::Answer;
use crate::call::Call;
use crate::object::meta;
use crate::partial::Scope;
use crate::status::{ApiError, Cause};

/// Replaces the object, its status, or (namespaces) its finalizers.
///
/// Without a `resourceVersion` the latest object is replaced whatever it is; custom kinds must say which, as on a real
/// server.
pub(crate) async fn update(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let mut object = admit::decode(call.headers, body)?;
    admit::identify(call, &mut object)?;
    if call.row.custom && meta(&object, "resourceVersion").is_empty() {
        let why = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", &Value::from(0), why);
        return Err(ApiError::invalid(&call.row, &call.target.name, &[cause]));
    }
    let warnings = admit::conform(call, &mut object, Some(body))?;
    let outcome = modify(call, Scope::Whole, &|_| Ok((object.clone(), warnings.clone())))?;
    call.answer(outcome).await
}
