//! `get`: one object, as it is stored.

use crate::body::Answer;
use crate::call::{Call, Outcome};
use crate::status::ApiError;

/// Answers with the object that the path names. Every read is of the latest state, whatever `resourceVersion` asks.
pub(crate) async fn get(call: &Call<'_>) -> Result<Answer, ApiError> {
    call.query
        .revision()
        .map_err(|error| error.unclassified_alike())?;
    let entry = call.server.store.get(&call.key());
    let entry = entry.ok_or_else(|| ApiError::not_found(&call.row, &call.target.name))?;
    call.answer(Outcome::ok(entry.value, entry.modified)).await
}
