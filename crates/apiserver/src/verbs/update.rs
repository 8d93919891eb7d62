//! `update`: the object in the body replaces the one that the path names.

use bytes::Bytes;
use serde_json::Value;

use super::modify::modify;
use crate::admit;
use crate::body::Answer;
use crate::call::Call;
use crate::decode;
use crate::object::meta;
use crate::partial::Scope;
use crate::status::{ApiError, Cause};

/// Replaces the object, its status, or (namespaces) its finalizers.
///
/// Without a `resourceVersion` the latest object is replaced whatever it is; custom kinds must say which, as on a real
/// server.
pub(crate) async fn update(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let mut object = decode::object(call.headers, body, &call.row.kind)?;
    admit::identify(call, &mut object)?;
    let row = &call.row;
    let version = meta(&object, "resourceVersion");
    if !row.strategy.unconditional_update && version.is_empty() {
        let why = "must be specified for an update";
        let cause = Cause::invalid("metadata.resourceVersion", &Value::from(0), why);
        return Err(ApiError::invalid_kind(
            &row.plural,
            &row.group,
            &call.target.name,
            &[cause],
        ));
    }
    if !version.is_empty() && version.parse::<u64>().is_err() {
        let why = format!("strconv.ParseUint: parsing \"{version}\": invalid syntax");
        return Err(ApiError::unclassified(why));
    }
    let warnings = admit::conform(call, &mut object, Some(body))?;
    let outcome = modify(call, Scope::Whole, &|current| {
        let (asked, actual) = (meta(&object, "uid"), meta(current, "uid"));
        if !asked.is_empty() && asked != actual {
            let (namespace, name) = (&call.target.namespace, &call.target.name);
            return Err(ApiError::other_object(row, namespace, name, asked, actual));
        }
        Ok((object.clone(), warnings.clone()))
    })?;
    call.answer(outcome).await
}
