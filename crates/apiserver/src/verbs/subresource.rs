//! Parts of objects with verbs of their own: a pod's binding and log, a service account's token.

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::modify::replace;
use crate::admit;
use crate::body::{Answer, Body, json as json_answer, typed};
use crate::call::Call;
use crate::commit::ATTEMPTS;
use crate::door::{Binding, Claims};
use crate::logs::{LogError, LogRequest};
use crate::object::{child, meta, meta_mut, pluck, read};
use crate::partial::Partial;
use crate::status::{ApiError, Cause};

/// Binds a pod to the node that the body names. A pod is bound once.
pub(crate) async fn bind(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let binding = admit::decode(call.headers, body)?;
    let node = binding["target"]["name"].as_str().unwrap_or_default();
    let name = call.target.name.as_ref();
    if node.is_empty() {
        let cause = Cause::required("target.name", "");
        return Err(ApiError::invalid(&call.row, name, &[cause]));
    }
    for _ in 0..ATTEMPTS {
        let entry = call
            .server
            .store
            .get(&call.key())
            .ok_or_else(|| ApiError::not_found(&call.row, name))?;
        let mut pod = Partial::read_but(&entry.value, &|name, _| name == "spec")?;
        check_bindable(call, &pod, &binding)?;
        assign(&mut pod, &binding, node, &call.server.now())?;
        if let Some(done) = replace(call, &entry, &pod)? {
            call.settle(done.revision).await?;
            return Ok(json_answer(StatusCode::CREATED, &success()));
        }
    }
    Err(ApiError::conflict(&call.row, name))
}

/// The answer to what was posted to a subresource and done.
pub(super) fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

fn check_bindable(call: &Call<'_>, pod: &Partial<'_>, binding: &Value) -> Result<(), ApiError> {
    let spec = pod
        .raw
        .get("spec")
        .map(|spec| pluck(spec.as_bytes(), &["nodeName"]));
    let pod = &pod.value;
    let name = call.target.name.as_ref();
    let refuse = |why: String| Err(ApiError::conflict_because(&call.row, name, &why));
    let uid = meta(binding, "uid");
    if !uid.is_empty() && uid != meta(pod, "uid") {
        return refuse(format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            meta(pod, "uid")
        ));
    }
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return refuse(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    match spec.flatten() {
        Some(node) if !node.is_empty() => {
            refuse(format!("pod {name} is already assigned to node \"{node}\""))
        }
        _ => Ok(()),
    }
}

fn assign(pod: &mut Partial<'_>, binding: &Value, node: &str, now: &str) -> Result<(), ApiError> {
    let bound = Map::from_iter([("nodeName".to_owned(), node.into())]);
    pod.raw.entry("spec".into()).or_insert("{}".into());
    pod.merge("spec", &bound)?;
    let pod = &mut pod.value;
    let annotations = binding["metadata"]["annotations"].as_object();
    for (key, value) in annotations.into_iter().flat_map(Map::iter) {
        let metadata = meta_mut(pod);
        if !metadata.get("annotations").is_some_and(Value::is_object) {
            metadata.insert("annotations".to_owned(), json!({}));
        }
        metadata["annotations"][key.as_str()] = value.clone();
    }
    let status = child(pod, "status");
    if !status.get("conditions").is_some_and(Value::is_array) {
        status.insert("conditions".to_owned(), json!([]));
    }
    if let Some(Value::Array(conditions)) = status.get_mut("conditions") {
        conditions.retain(|condition| condition["type"] != "PodScheduled");
        conditions.push(json!({
            "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now,
        }));
    }
    Ok(())
}

/// Streams the log of a container.
pub(crate) async fn log(call: &Call<'_>) -> Result<Answer, ApiError> {
    let entry = call.server.store.get(&call.key());
    let entry = entry.ok_or_else(|| ApiError::not_found(&call.row, &call.target.name))?;
    let request = log_request(call, &read(&entry.value)?)?;
    let Some(source) = call.server.logs() else {
        return Err(ApiError::internal("no node of this server keeps logs"));
    };
    let stream = source.open(request).await.map_err(|error| match error {
        LogError::Unavailable(why) => ApiError::bad_request(why),
        LogError::Failed(why) => ApiError::internal(why),
    })?;
    let closing = call.server.closing.clone();
    let stream = stream.take_until(closing.cancelled_owned()).boxed();
    Ok(typed(
        StatusCode::OK,
        HeaderValue::from_static("text/plain"),
        Body::Stream(stream),
    ))
}

fn log_request(call: &Call<'_>, pod: &Value) -> Result<LogRequest, ApiError> {
    let (query, name) = (&call.query, call.target.name.as_ref());
    let unsigned = |key: &str| {
        let number = query.number(key)?;
        number
            .map(|n| {
                u64::try_from(n)
                    .map_err(|_| ApiError::bad_request(format!("{key} must be greater than or equal to 0")))
            })
            .transpose()
    };
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    if node.is_empty() {
        return Err(ApiError::bad_request(format!(
            "pod {name} does not have a host assigned"
        )));
    }
    Ok(LogRequest {
        namespace: call.target.namespace.to_string(),
        pod: name.to_owned(),
        uid: meta(pod, "uid").to_owned(),
        node: node.to_owned(),
        container: container(pod, name, query.get("container"))?,
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        tail_lines: unsigned("tailLines")?,
        limit_bytes: unsigned("limitBytes")?,
        since_seconds: query.number("sinceSeconds")?,
        since_time: query.get("sinceTime").map(str::to_owned),
        timestamps: query.flag("timestamps"),
    })
}

/// The container that is meant: the one named, or the only one.
fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, ApiError> {
    let names = |field: &str| -> Vec<&str> {
        let list = pod["spec"][field].as_array().into_iter().flatten();
        list.filter_map(|container| container["name"].as_str()).collect()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    match (asked, main.as_slice()) {
        (Some(asked), _) if main.contains(&asked) || init.contains(&asked) => Ok(asked.to_owned()),
        (Some(asked), _) => Err(ApiError::bad_request(format!(
            "container {asked} is not valid for pod {name}"
        ))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, many) => {
            let init = if init.is_empty() {
                String::new()
            } else {
                format!(" or one of the init containers: [{}]", init.join(" "))
            };
            Err(ApiError::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]{init}",
                many.join(" ")
            )))
        }
    }
}

/// Mints a token of a service account (`TokenRequest`).
pub(crate) fn token(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let mut request = admit::decode(call.headers, body)?;
    let name = call.target.name.as_ref();
    let entry = call.server.store.get(&call.key());
    let account = read(&entry.ok_or_else(|| ApiError::not_found(&call.row, name))?.value)?;
    let seconds = request["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(Claims::LIFE);
    if seconds < Claims::LIFE_MIN {
        let why = "may not specify a duration less than 10 minutes";
        let cause = Cause::invalid("spec.expirationSeconds", &seconds.into(), why);
        return Err(ApiError::invalid(&call.row, name, &[cause]));
    }
    let expires = call.server.host.now() + meta::time::SignedDuration::from_secs(seconds);
    let bound = &request["spec"]["boundObjectRef"];
    let claims = Claims {
        namespace: call.target.namespace.to_string(),
        account: name.to_owned(),
        account_uid: meta(&account, "uid").to_owned(),
        pod: (bound["kind"] == "Pod").then(|| Binding {
            name: bound["name"].as_str().unwrap_or_default().to_owned(),
            uid: bound["uid"].as_str().unwrap_or_default().to_owned(),
        }),
        expires: expires.as_second(),
    };
    request["apiVersion"] = "authentication.k8s.io/v1".into();
    request["kind"] = "TokenRequest".into();
    request["spec"]["expirationSeconds"] = seconds.into();
    request["status"] = json!({
        "token": call.server.tokens.mint(&claims),
        "expirationTimestamp": meta::time::seconds(expires),
    });
    Ok(json_answer(StatusCode::CREATED, &request))
}
