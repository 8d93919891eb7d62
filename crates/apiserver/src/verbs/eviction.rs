//! `eviction`: a pod is asked to leave. No disruption budgets are served, so none holds it back.
//!
//! Rule: kube-apiserver's `EvictionREST`: the pod is told why by the condition `DisruptionTarget`, then deleted.

use bytes::Bytes;
use http::StatusCode;
use meta::Timestamp;
use serde_json::{Value, json};

use super::delete::{Wish, delete_one};
use super::subresource::success;
use crate::body::{Answer, json as json_answer};
use crate::call::Call;
use crate::decode;
use crate::object::{child, meta};
use crate::status::ApiError;

/// Evicts the pod that the path names.
pub(crate) async fn evict(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let eviction = decode::object(call.headers, body, "Eviction")?;
    let name = call.target.name.as_ref();
    if meta(&eviction, "name") != name {
        return Err(ApiError::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let wish = Wish::new(call, &eviction["deleteOptions"])?.evicting();
    let (done, _) = delete_one(call, &call.target.namespace, name, &wish)?;
    call.settle(done.revision).await?;
    Ok(json_answer(StatusCode::CREATED, &success()))
}

/// Tells a pod why it goes.
pub(super) fn tell(pod: &mut Value, now: Timestamp) {
    let conditions = child(pod, "status")
        .entry("conditions")
        .or_insert_with(|| json!([]));
    let Some(conditions) = conditions.as_array_mut() else {
        return;
    };
    let told = |condition: &Value| condition["type"] == "DisruptionTarget" && condition["status"] == "True";
    if conditions.iter().any(told) {
        return;
    }
    conditions.retain(|condition| condition["type"] != "DisruptionTarget");
    conditions.push(json!({
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting", "lastTransitionTime": meta::time::seconds(now),
    }));
}
