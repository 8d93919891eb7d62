//! Parsing part of an object gives what parsing all of it gives.

use std::sync::Arc;

use http::HeaderMap;
use meta::Timestamp;
use meta::host::{Clock, Host, Random};
use proptest::prelude::*;
use serde_json::json;
use store::{Durability, Options, SimDisk, Store};

use super::*;
use crate::call::Caller;
use crate::negotiate::Form;
use crate::path::{self, Route};
use crate::query::Query;
use crate::server::{ApiServer, Config};
use crate::user::User;
use crate::verbs::create::create_object;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Does `work` with a request on the object of a path. Nothing is written.
fn rehearse<T>(server: &ApiServer, path: &str, query: &str, work: impl FnOnce(&Call<'_>) -> T) -> T {
    let Route::Objects(target) = path::parse(path) else {
        panic!("{path} is no object's");
    };
    let row = server
        .0
        .registry
        .get(target.group, target.version, target.resource);
    let caller = Caller {
        user: User::admin("admin"),
        durability: Durability::Appended,
    };
    work(&Call {
        server: &server.0,
        caller: &caller,
        row: row.expect("the kind is served"),
        target,
        query: Query::parse(query),
        headers: &HeaderMap::new(),
        form: Form::Object,
        upgrade: None,
    })
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const OPEN: &str = "/apis/x.dev/v1/namespaces/default/opens";
const CLOSED: &str = "/apis/x.dev/v1/namespaces/default/closeds";

#[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
fn definition(kind: &str, schema: Value, subresources: Value) -> Value {
    let (plural, schema) = (
        format!("{}s", kind.to_lowercase()),
        json!({"openAPIV3Schema": schema}),
    );
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.x.dev")},
        "spec": {"group": "x.dev", "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": true, "storage": true, "subresources": subresources, "schema": schema}]}})
}

/// A server with one object of each kind, all named `o`.
fn server() -> ApiServer {
    let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
    let host = Host {
        clock: Arc::new(Fixed),
        random: Arc::new(Fixed),
    };
    let server = ApiServer::new(store, Config::new(host));
    let server = futures::executor::block_on(server).unwrap();
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let counted = json!({"type": "object", "required": ["a"], "properties": {
        "a": {"type": "integer", "maximum": 3}, "b": {"type": "object", "properties": {}}, "c": {"type": "string", "default": "d"}}});
    let closed = json!({"type": "object", "properties": {"spec": counted, "status": open}});
    let opened =
        json!({"type": "object", "required": ["spec"], "properties": {"spec": open, "status": open}});
    let pod = json!({"spec": {"containers": [{"name": "c", "image": "i", "command": ["true"]}]}});
    for (path, object) in [
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            definition("Open", opened, json!({})),
        ),
        (
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            definition("Closed", closed, json!({"status": {}})),
        ),
        (PODS, pod),
        (MAPS, json!({"data": {"a": "1"}})),
        (OPEN, json!({"spec": {"a": {"b": 1}}, "status": {"b": {"c": []}}})),
        (CLOSED, json!({"spec": {"a": 1}})),
    ] {
        let mut whole = object;
        if whole["metadata"].is_null() {
            whole["metadata"] = json!({"name": "o", "labels": {"a": "1"}, "finalizers": ["x.dev/f"]});
        }
        let kind = match path {
            OPEN => Some("Open"),
            CLOSED => Some("Closed"),
            _ => None,
        };
        if let Some(kind) = kind {
            whole["kind"] = kind.into();
        }
        rehearse(&server, path, "", |call| {
            create_object(call, whole, None).map(drop)
        })
        .unwrap();
    }
    server
}

/// What comes of a patch, as text.
fn outcome(result: Result<Outcome, ApiError>) -> String {
    match result {
        Ok(outcome) => format!("{:?} {:?}", outcome.object, outcome.warnings),
        Err(error) => error.json().to_string(),
    }
}

type Format = fn(&Call<'_>, &Value, Scope<'_>) -> Result<Outcome, ApiError>;

const FORMATS: [Format; 2] = [merge_patch, strategic_patch];

fn check(server: &ApiServer, path: &str, patch: &Value) {
    // Custom kinds have no strategic patches.
    let formats = if path.starts_with("/apis/x.dev/") {
        &FORMATS[..1]
    } else {
        &FORMATS
    };
    for apply in formats {
        let [part, all] = [Scope::of(patch), Scope::Whole].map(|scope| {
            rehearse(server, path, "dryRun=All&fieldValidation=Warn", |call| {
                outcome(apply(call, patch, scope))
            })
        });
        assert_eq!(part, all, "{path}: {patch}");
    }
}

/// The objects, and the parts of them, that are patched.
fn paths() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![PODS, MAPS, OPEN, CLOSED]);
    (path, any::<bool>()).prop_map(|(path, status)| {
        let status = status && path != MAPS && path != OPEN;
        format!("{path}/o{}", if status { "/status" } else { "" })
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        (0..5).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn field() -> impl Strategy<Value = (&'static str, Value)> {
    let fields = |names: &'static [&'static str], value: BoxedStrategy<Value>| {
        let map = prop::collection::btree_map(prop::sample::select(names), value, 0..3);
        map.prop_map(|map| {
            Value::Object(
                map.into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            )
        })
    };
    let texts = || {
        prop::collection::btree_map("[a-c]", prop::option::of("[a-c]{1,2}"), 0..2).prop_map(|map| json!(map))
    };
    let metadata = fields(&["labels", "annotations"], texts().boxed());
    let released = Just(json!({"finalizers": null}));
    let spec = fields(
        &["a", "b", "c", "containers", "nodeName", "activeDeadlineSeconds"],
        value().boxed(),
    );
    let status = fields(&["a", "b", "phase", "conditions", "message"], value().boxed());
    prop_oneof![
        metadata.prop_map(|value| ("metadata", value)),
        released.prop_map(|value| ("metadata", value)),
        spec.prop_map(|value| ("spec", value)),
        status.clone().prop_map(|value| ("status", value)),
        status.prop_map(|value| ("status", value)),
        texts().prop_map(|value| ("data", value)),
        value().prop_map(|value| ("metadata", value)),
        value().prop_map(|value| ("spec", value)),
        value().prop_map(|value| ("status", value)),
        value().prop_map(|value| ("stray", value)),
        Just(("kind", json!("Open"))),
    ]
}

#[test]
fn a_part_is_as_good_as_the_whole() {
    let server = server();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let cases = (paths(), prop::collection::vec(field(), 0..3));
    let ran = runner.run(&cases, |(path, fields)| {
        let patch = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        check(&server, &path, &Value::Object(patch));
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn what_a_patch_does_not_name_stays_text() {
    let server = server();
    let raw = |path: &str, patch: Value| -> String {
        rehearse(&server, path, "", |call| {
            let entry = server.0.store.get(&call.key()).unwrap();
            let object = crate::partial::Partial::read(&entry.value, call, Scope::of(&patch)).unwrap();
            object.raw.keys().cloned().collect::<Vec<_>>().join(" ")
        })
    };
    let pod = format!("{PODS}/o");
    assert_eq!(raw(&format!("{pod}/status"), json!({"status": {}})), "spec");
    assert_eq!(raw(&pod, json!({"metadata": {}})), "spec status");
    assert_eq!(raw(&pod, json!({"spec": {}})), "status");
    assert_eq!(
        raw(&format!("{OPEN}/o"), json!({"status": {"a": 1}})),
        "spec status"
    );
    assert_eq!(raw(&format!("{OPEN}/o"), json!({"status": null})), "spec");
    assert_eq!(raw(&format!("{MAPS}/o"), json!({"data": {}})), "");
    assert_eq!(
        raw("/api/v1/namespaces/default", json!({"metadata": {}})),
        "",
        "a container"
    );
}
