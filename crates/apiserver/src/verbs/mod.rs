//! The verbs, each for any kind.

mod apply;
mod create;
pub(crate) mod delete;
mod eviction;
mod fieldset;
mod get;
mod list;
mod modify;
pub(crate) mod patch;
mod selection;
pub(crate) mod subresource;
mod update;
mod watch;

use bytes::Bytes;

use crate::body::Answer;
use crate::call::Call;
use crate::status::ApiError;
use crate::streams;

/// Answers `get`, `list` and `watch`.
pub(crate) async fn read(call: &Call<'_>, verb: &str) -> Result<Answer, ApiError> {
    let subresources = call.row.subresources;
    match (verb, call.target.subresource) {
        ("watch", "") => watch::watch(call).await,
        ("list", "") => list::list(call).await,
        ("get", "") => get::get(call).await,
        ("get", "status") if subresources.status => get::get(call).await,
        ("get", "exec") if subresources.streams => streams::exec(call).await,
        ("get", "attach") if subresources.streams => streams::attach(call).await,
        ("get", "log") if subresources.log => subresource::log(call).await,
        _ => Err(no_such_part(call)),
    }
}

/// Why a subresource has no such verb.
fn no_such_part(call: &Call<'_>) -> ApiError {
    let name = call.target.subresource;
    if call.row.subresources.iter().any(|part| part.name == name) {
        ApiError::method_not_allowed()
    } else if call.row.custom && !call.target.name.is_empty() {
        ApiError::not_found(&call.row, &call.target.name)
    } else {
        ApiError::no_such_path()
    }
}

/// Answers the verbs that change something.
pub(crate) async fn write(call: &Call<'_>, verb: &str, body: &Bytes) -> Result<Answer, ApiError> {
    let subresources = call.row.subresources;
    match (verb, call.target.subresource) {
        ("create", "") if call.target.name.is_empty() => create::create(call, body).await,
        ("create", "binding") if subresources.binding => subresource::bind(call, body).await,
        ("create", "eviction") if subresources.eviction => eviction::evict(call, body).await,
        ("create", "exec") if subresources.streams => streams::exec(call).await,
        ("create", "attach") if subresources.streams => streams::attach(call).await,
        ("create", "token") if subresources.token => subresource::token(call, body),
        ("create", "") => Err(ApiError::method_not_allowed()),
        ("update", "") => update::update(call, body).await,
        ("update", "status") if subresources.status => update::update(call, body).await,
        ("update", "finalize") if subresources.finalize => update::update(call, body).await,
        ("patch", "") => patch::patch(call, body).await,
        ("patch", "status") if subresources.status => patch::patch(call, body).await,
        ("delete", "") => delete::delete(call, body).await,
        ("deletecollection", "") => delete::delete_collection(call, body).await,
        _ => Err(no_such_part(call)),
    }
}
