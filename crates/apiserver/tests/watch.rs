//! Watches: where they begin, what selectors make of changes, how they end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{NOW, client, from, host, pod, pods, refusal, server};
use futures::{StreamExt, TryStreamExt};
use http_body_util::BodyExt;
use kinds::k8s::api::core::v1::{ConfigMap, Pod};
use kinds::kube::api::{DeleteParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kinds::kube::runtime::watcher;
use kinds::kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

/// The first `count` lines of a watch, as `TYPE name` or, of bookmarks and errors, what they say.
async fn lines(client: &Client, query: &str, count: usize) -> Vec<String> {
    let request = http::Request::get(format!("/api/v1/namespaces/default/pods?watch=true&{query}"));
    let answer = client
        .send(request.body(kinds::kube::client::Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    let mut text = String::new();
    while text.lines().count() < count {
        let Some(frame) = body.frame().await else { break };
        text.push_str(std::str::from_utf8(frame.unwrap().data_ref().unwrap()).unwrap());
    }
    text.lines().map(describe).collect()
}

fn describe(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap();
    let object = &event["object"];
    let kind = event["type"].as_str().unwrap();
    match kind {
        "ERROR" => format!("ERROR {} {}", object["code"], object["reason"].as_str().unwrap()),
        "BOOKMARK" => format!("BOOKMARK {}", object["metadata"]["annotations"]),
        _ => format!("{kind} {}", object["metadata"]["name"].as_str().unwrap()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
fn label(name: &str, value: Value) -> Patch<Value> {
    Patch::Merge(json!({"metadata": {"labels": {name: value}}}))
}

#[tokio::test]
async fn a_watch_begins_where_it_is_told() {
    let (server, pods) = pods().await;
    let first = pods.create(&PostParams::default(), &pod("a")).await.unwrap();
    pods.create(&PostParams::default(), &pod("b")).await.unwrap();
    let client = client(&server);
    let check = async |query: &str, expected: &[&str]| {
        assert_eq!(lines(&client, query, expected.len()).await, expected, "{query}");
    };
    check("", &["ADDED a", "ADDED b"]).await;
    check("resourceVersion=0", &["ADDED a", "ADDED b"]).await;
    let after = first.resource_version().unwrap();
    check(&format!("resourceVersion={after}"), &["ADDED b"]).await;
    check(
        "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
        &[
            "ADDED a",
            "ADDED b",
            r#"BOOKMARK {"k8s.io/initial-events-end":"true"}"#,
        ],
    )
    .await;
}

#[tokio::test]
async fn objects_enter_and_leave_what_is_selected() {
    let (server, pods) = pods().await;
    let patch = PatchParams::default();
    let from = pods
        .create(&PostParams::default(), &pod("a"))
        .await
        .unwrap()
        .resource_version()
        .unwrap();
    pods.patch("a", &patch, &label("x", json!("1"))).await.unwrap();
    pods.patch("a", &patch, &label("y", json!("1"))).await.unwrap();
    pods.patch("a", &patch, &label("x", Value::Null)).await.unwrap();
    pods.patch("a", &patch, &label("z", json!("1"))).await.unwrap();
    pods.patch("a", &patch, &label("x", json!("1"))).await.unwrap();
    pods.delete("a", &DeleteParams::default()).await.unwrap();
    let query = format!("labelSelector=x&resourceVersion={from}");
    let expected = ["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"];
    assert_eq!(lines(&client(&server), &query, expected.len()).await, expected);
}

#[tokio::test]
async fn a_deleted_object_carries_the_revision_of_its_deletion() {
    let (server, pods) = pods().await;
    let made = pods
        .create(&PostParams::default(), &pod("a"))
        .await
        .unwrap()
        .resource_version()
        .unwrap();
    pods.delete("a", &DeleteParams::default()).await.unwrap();
    let mut stream = pods.watch(&WatchParams::default(), &made).await.unwrap().boxed();
    let Some(WatchEvent::Deleted(gone)) = stream.try_next().await.unwrap() else {
        panic!("not deleted")
    };
    assert_eq!(
        gone.resource_version().unwrap(),
        server.store().revision().to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_in_time_with_a_bookmark() {
    let (server, pods) = pods().await;
    pods.create(&PostParams::default(), &pod("a")).await.unwrap();
    let query = "timeoutSeconds=90&allowWatchBookmarks=true";
    let expected = ["ADDED a", "BOOKMARK null", "BOOKMARK null"];
    assert_eq!(lines(&client(&server), query, 99).await, expected);
    assert_eq!(
        lines(&client(&server), "timeoutSeconds=90", 99).await,
        ["ADDED a"]
    );
}

#[tokio::test]
async fn forgotten_history_is_410_and_the_future_504() {
    let (server, pods) = pods().await;
    pods.create(&PostParams::default(), &pod("a")).await.unwrap();
    server.store().compact(server.store().revision());
    assert_eq!(
        refusal(pods.watch(&WatchParams::default(), "1").await.map(|_| ())).0,
        410
    );
    assert_eq!(
        refusal(pods.watch(&WatchParams::default(), "1000000").await.map(|_| ())).0,
        504
    );
}

#[tokio::test]
async fn watches_are_bounded() {
    let store = store::Store::open(
        std::sync::Arc::new(store::SimDisk::new(1)),
        &store::Options::inline(),
    )
    .unwrap();
    let mut config = apiserver::Config::new(host());
    config.limits.watches = 1;
    let server = apiserver::ApiServer::new(store, config).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(client(&server));
    let first = pods.watch(&WatchParams::default(), "0").await.unwrap();
    assert_eq!(
        refusal(pods.watch(&WatchParams::default(), "0").await.map(|_| ())).0,
        429
    );
    drop(first);
    assert!(pods.watch(&WatchParams::default(), "0").await.is_ok());
}

#[tokio::test]
async fn kubes_watcher_follows_both_ways() {
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
    ] {
        let server = server().await;
        let maps: Api<ConfigMap> = Api::default_namespaced(client(&server));
        let map = |name: &str| {
            from::<ConfigMap>(json!({"metadata": {"name": name}, "data": {"at": NOW.to_string()}}))
        };
        maps.create(&PostParams::default(), &map("a")).await.unwrap();
        let mut events = watcher(maps.clone(), config).boxed();
        let mut seen = Vec::new();
        while let Some(event) = events.try_next().await.unwrap() {
            match event {
                watcher::Event::Init => seen.push("init".to_owned()),
                watcher::Event::InitApply(map) => seen.push(format!("there {}", map.name_any())),
                watcher::Event::InitDone => {
                    seen.push("ready".to_owned());
                    maps.create(&PostParams::default(), &map("b")).await.unwrap();
                }
                watcher::Event::Apply(map) => {
                    seen.push(format!("new {}", map.name_any()));
                    maps.delete("b", &DeleteParams::default()).await.unwrap();
                }
                watcher::Event::Delete(map) => {
                    seen.push(format!("gone {}", map.name_any()));
                    break;
                }
            }
        }
        assert_eq!(seen, ["init", "there a", "ready", "new b", "gone b"]);
    }
}
