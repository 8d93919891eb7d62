//! Requests as they arrive: formats, sizes, strictness, paths that lead nowhere, and objects that expire.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use common::{client, from, refusal, server};
use kinds::k8s::api::core::v1::Event;
use kinds::kube::api::{ListParams, PostParams};
use kinds::kube::{Api, ResourceExt};
use serde_json::json;

/// Sends a body and returns the code, the `Warning` headers and the answer.
async fn send(
    client: &kinds::kube::Client,
    method: &str,
    path: &str,
    body: String,
) -> (u16, Vec<String>, serde_json::Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json");
    let answer = client
        .send(request.body(body.into_bytes().into()).unwrap())
        .await
        .unwrap();
    let warnings = answer.headers().get_all("warning").iter();
    let warnings = warnings.map(|value| value.to_str().unwrap().to_owned()).collect();
    let code = answer.status().as_u16();
    let bytes = answer.into_body().collect_bytes().await.unwrap();
    (code, warnings, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn mistakes_in_fields_are_refused_reported_or_dropped() {
    let client = client(&server().await);
    let path = "/api/v1/namespaces/default/configmaps";
    let body = |name: &str| {
        format!(
            r#"{{"metadata": {{"name": "{name}", "colour": "red"}}, "date": {{}}, "data": {{"a": "1", "a": "2"}}}}"#
        )
    };
    let (code, _, status) = send(
        &client,
        "POST",
        &format!("{path}?fieldValidation=Strict"),
        body("strict"),
    )
    .await;
    assert_eq!(code, 400);
    assert_eq!(
        status["message"],
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: duplicate field \
         \"data.a\", unknown field \"date\", unknown field \"metadata.colour\""
    );
    let (code, warnings, made) = send(
        &client,
        "POST",
        &format!("{path}?fieldValidation=Warn"),
        body("warn"),
    )
    .await;
    assert_eq!(code, 201);
    assert_eq!(
        warnings,
        [
            r#"299 - "duplicate field \"data.a\"""#,
            r#"299 - "unknown field \"date\"""#,
            r#"299 - "unknown field \"metadata.colour\"""#
        ]
    );
    assert_eq!(
        (&made["date"], &made["metadata"]["colour"]),
        (&json!(null), &json!(null))
    );
    let (_, warnings, _) = send(
        &client,
        "POST",
        &format!("{path}?fieldValidation=Ignore"),
        body("ignore"),
    )
    .await;
    assert_eq!(warnings, [""; 0]);
    let wrong = r#"{"metadata": {"name": "x", "labels": {"a": 1}}}"#.to_owned();
    let (code, _, status) = send(&client, "POST", path, wrong).await;
    assert_eq!(code, 400);
    assert_eq!(
        status["message"],
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct \
         field ObjectMeta.metadata.labels of type string"
    );
}

#[tokio::test]
async fn bodies_are_bounded_and_of_known_formats() {
    let client = client(&server().await);
    let path = "/api/v1/namespaces/default/configmaps";
    let large = format!(
        r#"{{"metadata": {{"name": "x"}}, "data": {{"a": "{}"}}}}"#,
        "x".repeat(4 << 20)
    );
    assert_eq!(send(&client, "POST", path, large).await.0, 413);
    let request = http::Request::post(path).header("content-type", "application/yaml");
    let yaml = b"metadata: {name: why}\ndata: {a: \"1\"}\n".to_vec();
    let made: serde_json::Value = client.request(request.body(yaml).unwrap()).await.unwrap();
    assert_eq!(made["data"], json!({"a": "1"}));
    let request = http::Request::post(path)
        .header("content-type", "text/html")
        .body(Vec::new())
        .unwrap();
    assert_eq!(refusal(client.request::<serde_json::Value>(request).await).0, 415);
    for (method, path, code) in [
        ("POST", "/api/v1/pods", 405),
        ("PUT", path, 405),
        ("GET", "/api/v1/namespaces/default/gadgets", 404),
        ("GET", "/api/v1/namespaces/default/nodes/n", 404),
        ("DELETE", "/api/v1/namespaces", 405),
    ] {
        assert_eq!(
            send(&client, method, path, "{}".into()).await.0,
            code,
            "{method} {path}"
        );
    }
    let nothing = http::Request::get("/nothing").body(Vec::new().into()).unwrap();
    let page = client.send(nothing).await.unwrap();
    assert_eq!(page.status(), 404);
    assert_eq!(
        page.into_body().collect_bytes().await.unwrap(),
        "404 page not found\n"
    );
}

#[tokio::test]
async fn events_are_kept_for_an_hour() {
    let clock = Arc::new(common::Still(AtomicI64::new(common::NOW)));
    let server = common::server_at(common::host_at(Arc::clone(&clock))).await;
    let events: Api<Event> = Api::default_namespaced(client(&server));
    let create = async |name: String| {
        let event: Event =
            from(json!({"metadata": {"name": name}, "involvedObject": {"kind": "Pod", "name": "p"}}));
        events
            .create(&PostParams::default(), &event)
            .await
            .map(drop)
            .unwrap();
    };
    create("old".into()).await;
    clock.0.fetch_add(3601, Ordering::Relaxed);
    for at in 0..300 {
        create(format!("new-{at}")).await;
    }
    let there = events.list(&ListParams::default()).await.unwrap();
    assert_eq!(there.items.len(), 300);
    assert!(there.iter().all(|event| event.name_any() != "old"));
}

#[tokio::test]
async fn copies_of_copies_are_bounded() {
    let client = client(&server().await);
    let map = r#"{"metadata": {"name": "m"}, "data": {"a": "xxxxxxxxxxxxxxxx"}}"#.to_owned();
    let path = "/api/v1/namespaces/default/configmaps";
    assert_eq!(send(&client, "POST", path, map).await.0, 201);
    let copies: Vec<_> = (0..40)
        .map(|at| json!({"op": "copy", "from": "/metadata", "path": format!("/metadata/{at}")}))
        .collect();
    let request =
        http::Request::patch(format!("{path}/m")).header("content-type", "application/json-patch+json");
    let request = request.body(json!(copies).to_string().into_bytes()).unwrap();
    assert_eq!(refusal(client.request::<serde_json::Value>(request).await).0, 413);
}
