//! Parts of objects with verbs of their own: a pod's binding and log, a service account's token.

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::modify::replace;
use crate::body::{Answer, Body, json as json_answer, typed};
use crate::call::Call;
use crate::commit::ATTEMPTS;
use crate::decode;
use crate::door::{AUDIENCE, Binding, Claims};
use crate::logs::{LogError, LogRequest, LogStream};
use crate::object::{child, default_to, meta, meta_mut, pluck, read};
use crate::partial::Partial;
use crate::status::{ApiError, Cause};

/// Binds a pod to the node that the body names. A pod is bound once.
pub(crate) async fn bind(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let binding = decode::object(call.headers, body, "Binding")?;
    let node = binding["target"]["name"].as_str().unwrap_or_default();
    let name = call.target.name.as_ref();
    check_binding(&binding, name)?;
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

/// Rule: `ValidatePodBinding`, whose complaints come without a kind.
fn check_binding(binding: &Value, name: &str) -> Result<(), ApiError> {
    if ![meta(binding, "name"), ""].contains(&name) {
        return Err(ApiError::bad_request(
            "name in URL does not match name in Binding object",
        ));
    }
    let kind = &binding["target"]["kind"];
    let mut causes = Vec::new();
    if !matches!(kind.as_str().unwrap_or_default(), "" | "Node") {
        causes.push(Cause::not_supported("target.kind", kind, &["Node", "<empty>"]));
    }
    if binding["target"]["name"].as_str().is_none_or(str::is_empty) {
        causes.push(Cause::required("target.name", ""));
    }
    let lines: Vec<String> = causes
        .iter()
        .map(|cause| format!("{}: {}", cause.field, cause.message))
        .collect();
    match lines.as_slice() {
        [] => Ok(()),
        [line] => Err(ApiError::unclassified(line)),
        _ => Err(ApiError::unclassified(format!("[{}]", lines.join(", ")))),
    }
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
    let refuse = |why: String| Err(ApiError::unbindable(name, &why));
    let uid = meta(binding, "uid");
    if !uid.is_empty() && uid != meta(pod, "uid") {
        let namespace = &call.target.namespace;
        return Err(ApiError::other_object(
            &call.row,
            namespace,
            name,
            uid,
            meta(pod, "uid"),
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
    let Some(request) = log_request(call, &read(&entry.value)?)? else {
        // A pod that is nowhere has no log yet.
        let mut nothing = Answer::new(Body::Once(None));
        *nothing.status_mut() = StatusCode::NO_CONTENT;
        return Ok(nothing);
    };
    let stream = open_log(call, request).await?;
    let closing = call.server.closing.clone();
    let stream = stream.take_until(closing.cancelled_owned()).boxed();
    Ok(typed(
        StatusCode::OK,
        HeaderValue::from_static("text/plain"),
        Body::Stream(stream),
    ))
}

/// Opens a log.
pub(crate) async fn open_log(call: &Call<'_>, request: LogRequest) -> Result<LogStream, ApiError> {
    let Some(source) = call.server.logs() else {
        return Err(ApiError::internal("no node of this server keeps logs"));
    };
    source.open(request).await.map_err(|error| match error {
        LogError::Unavailable(why) => ApiError::bad_request(why),
        LogError::Failed(why) => ApiError::internal(why),
    })
}

/// All of a container's log up to now.
pub(crate) fn plain_log_request(call: &Call<'_>, pod: &Value, container: String) -> LogRequest {
    LogRequest {
        namespace: call.target.namespace.to_string(),
        pod: call.target.name.to_string(),
        uid: meta(pod, "uid").to_owned(),
        node: pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned(),
        container,
        follow: false,
        previous: false,
        tail_lines: None,
        limit_bytes: None,
        since_seconds: None,
        since_time: None,
        timestamps: false,
    }
}

/// Rule: `ValidatePodLogOptions`.
fn check_log_options(call: &Call<'_>) -> Result<(), ApiError> {
    let query = &call.query;
    let mut causes = Vec::new();
    for (field, least, words) in [
        ("tailLines", 0, "must be greater than or equal to 0"),
        ("limitBytes", 1, "must be greater than 0"),
        ("sinceSeconds", 1, "must be greater than 0"),
    ] {
        if let Some(number) = query.number(field)?.filter(|number| *number < least) {
            causes.push(Cause::invalid(field, &number.into(), words));
        }
    }
    if let Some(time) = query
        .get("sinceTime")
        .filter(|time| meta::time::parse(time).is_none())
    {
        return Err(ApiError::bad_request(schema::time_mistake(time)));
    }
    if query.get("sinceSeconds").is_some() && query.get("sinceTime").is_some() {
        let why = "at most one of `sinceTime` or `sinceSeconds` may be specified";
        causes.push(Cause::forbidden("[]", why));
    }
    match causes.is_empty() {
        true => Ok(()),
        false => Err(ApiError::invalid_kind(
            "PodLogOptions",
            "",
            &call.target.name,
            &causes,
        )),
    }
}

/// What is asked of the node; nothing, of a pod that has none.
fn log_request(call: &Call<'_>, pod: &Value) -> Result<Option<LogRequest>, ApiError> {
    let (query, name) = (&call.query, call.target.name.as_ref());
    check_log_options(call)?;
    let unsigned =
        |key: &str| Ok::<_, ApiError>(query.number(key)?.and_then(|number| u64::try_from(number).ok()));
    let container = container(pod, name, query.get("container"))?;
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    if node.is_empty() {
        return Ok(None);
    }
    Ok(Some(LogRequest {
        follow: query.flag("follow"),
        previous: query.flag("previous"),
        tail_lines: unsigned("tailLines")?,
        limit_bytes: unsigned("limitBytes")?,
        since_seconds: query.number("sinceSeconds")?,
        since_time: query.get("sinceTime").map(str::to_owned),
        timestamps: query.flag("timestamps"),
        ..plain_log_request(call, pod, container)
    }))
}

/// The container that is meant: the one named, or the only one.
pub(crate) fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, ApiError> {
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

/// A token is bound to a pod that is there, if to anything.
fn check_bound(call: &Call<'_>, bound: &Value) -> Result<(), ApiError> {
    let text = |field: &str| bound[field].as_str().unwrap_or_default();
    match text("kind") {
        "" => Ok(()),
        "Pod" => {
            let pods = call.server.core_row("pods")?;
            let pod = call
                .server
                .store
                .get(&pods.key(&call.target.namespace, text("name")));
            pod.map(|_| ())
                .ok_or_else(|| ApiError::not_found(&pods, text("name")))
        }
        kind => {
            let version = text("apiVersion");
            let (group, version) = version.split_once('/').unwrap_or(("", version));
            let why = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
            Err(ApiError::bad_request(why))
        }
    }
}

/// Mints a token of a service account (`TokenRequest`).
pub(crate) fn token(call: &Call<'_>, body: &Bytes) -> Result<Answer, ApiError> {
    let mut request = decode::object(call.headers, body, "TokenRequest")?;
    let name = call.target.name.as_ref();
    let entry = call.server.store.get(&call.key());
    let account = read(&entry.ok_or_else(|| ApiError::not_found(&call.row, name))?.value)?;
    let seconds = request["spec"]["expirationSeconds"]
        .as_i64()
        .unwrap_or(Claims::LIFE);
    if seconds < Claims::LIFE_MIN {
        let why = "may not specify a duration less than 10 minutes";
        let cause = Cause::invalid("spec.expirationSeconds", &seconds.into(), why);
        return Err(ApiError::invalid_kind(
            "TokenRequest",
            "authentication.k8s.io",
            "",
            &[cause],
        ));
    }
    check_bound(call, &request["spec"]["boundObjectRef"])?;
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
    request["metadata"] = json!({
        "name": name, "namespace": call.target.namespace, "uid": meta(&account, "uid"),
        "creationTimestamp": call.server.now(),
    });
    let spec = child(&mut request, "spec");
    spec.insert("expirationSeconds".to_owned(), seconds.into());
    spec.entry("boundObjectRef").or_insert(Value::Null);
    default_to(spec, "audiences", json!([AUDIENCE]));
    request["status"] = json!({
        "token": call.server.tokens.mint(&claims),
        "expirationTimestamp": meta::time::seconds(expires),
    });
    Ok(json_answer(StatusCode::CREATED, &request))
}
