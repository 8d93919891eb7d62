//! A watch tells the whole truth: folding its events over an earlier list gives the later list, whatever was done.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;

use common::{client, from, server};
use futures::StreamExt;
use kinds::k8s::api::core::v1::ConfigMap;
use kinds::kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kinds::kube::{Api, ResourceExt};
use proptest::prelude::*;
use serde_json::json;

/// Something done to one of a few objects.
#[derive(Clone, Debug)]
enum Act {
    Create(u8, bool),
    Label(u8, bool),
    Hold(u8),
    Release(u8),
    Delete(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let name = 0..3_u8;
    prop_oneof![
        (name.clone(), any::<bool>()).prop_map(|(name, on)| Act::Create(name, on)),
        (name.clone(), any::<bool>()).prop_map(|(name, on)| Act::Label(name, on)),
        name.clone().prop_map(Act::Hold),
        name.clone().prop_map(Act::Release),
        name.prop_map(Act::Delete),
    ]
}

/// Does it; what makes no sense at the moment is refused, and that is fine.
async fn perform(maps: &Api<ConfigMap>, act: Act) {
    let label = |on: bool| json!({"x": if on { json!("1") } else { json!(null) }});
    let patch = async |name: u8, patch: serde_json::Value| {
        let name = format!("m{name}");
        maps.patch(&name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map(drop)
    };
    let done = match act {
        Act::Create(name, on) => {
            let labels = if on { json!({"x": "1"}) } else { json!({}) };
            let map = from(json!({"metadata": {"name": format!("m{name}"), "labels": labels}}));
            maps.create(&PostParams::default(), &map).await.map(drop)
        }
        Act::Label(name, on) => patch(name, json!({"metadata": {"labels": label(on)}})).await,
        Act::Hold(name) => patch(name, json!({"metadata": {"finalizers": ["x.dev/hold"]}})).await,
        Act::Release(name) => patch(name, json!({"metadata": {"finalizers": null}})).await,
        Act::Delete(name) => maps
            .delete(&format!("m{name}"), &DeleteParams::default())
            .await
            .map(drop),
    };
    if let Err(error) = done {
        assert!(matches!(error, kinds::kube::Error::Api(_)), "{error}");
    }
}

type Seen = BTreeMap<String, String>;

async fn list(maps: &Api<ConfigMap>) -> (Seen, String) {
    let list = maps.list(&ListParams::default().labels("x")).await.unwrap();
    let seen = list
        .iter()
        .map(|map| (map.name_any(), map.resource_version().unwrap()))
        .collect();
    (seen, list.metadata.resource_version.unwrap())
}

async fn check(before: Vec<Act>, after: Vec<Act>) {
    let server = server().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(client(&server));
    for act in before {
        perform(&maps, act).await;
    }
    let (mut seen, revision) = list(&maps).await;
    for act in after {
        perform(&maps, act).await;
    }
    let (expected, last) = list(&maps).await;
    let params = WatchParams::default().labels("x").timeout(1);
    let mut events = maps.watch(&params, &revision).await.unwrap().boxed();
    let mut at: u64 = revision.parse().unwrap();
    while let Some(event) = events.next().await {
        let (object, there) = match event.unwrap() {
            WatchEvent::Added(map) => {
                assert!(!seen.contains_key(&map.name_any()), "added twice: {map:?}");
                (map, true)
            }
            WatchEvent::Modified(map) => (map, true),
            WatchEvent::Deleted(map) => (map, false),
            // The watch's end.
            WatchEvent::Bookmark(_) => break,
            WatchEvent::Error(error) => panic!("{error:?}"),
        };
        let revision: u64 = object.resource_version().unwrap().parse().unwrap();
        assert!(
            revision > at && revision <= last.parse().unwrap(),
            "in order: {at} {revision}"
        );
        at = revision;
        match there {
            true => seen.insert(object.name_any(), revision.to_string()),
            false => seen.remove(&object.name_any()),
        };
    }
    assert_eq!(seen, expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_watch_continues_a_list(
        before in prop::collection::vec(act(), 0..12),
        after in prop::collection::vec(act(), 0..24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(check(before, after));
    }
}
