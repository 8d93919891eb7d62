//! Custom kinds: definitions through the API, schemas, versions, and Argo's own.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use apiserver::{PolicyRule, User};
use common::{client, client_as, from, refusal, server, widgets};
use kinds::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kinds::kube::core::{ApiResource, GroupVersionKind};
use kinds::kube::{Api, Client};
use serde_json::{Value, json};

fn post() -> PostParams {
    PostParams::default()
}

async fn widget_api() -> (apiserver::ApiServer, Api<DynamicObject>) {
    let server = server().await;
    let client = client(&server);
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let made = crds.create(&post(), &from(widgets())).await.unwrap();
    let conditions = made.status.unwrap().conditions.unwrap();
    assert!(
        conditions
            .iter()
            .any(|c| c.type_ == "Established" && c.status == "True")
    );
    (server, api(client, "x.dev", "v1", "Widget"))
}

fn api(client: Client, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    Api::default_namespaced_with(client, &resource)
}

#[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
fn widget(name: &str, spec: Value) -> DynamicObject {
    from(json!({"apiVersion": "x.dev/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}))
}

#[tokio::test]
async fn a_schema_defaults_prunes_and_refuses() {
    let (_server, widgets) = widget_api().await;
    let made = widgets
        .create(&post(), &widget("a", json!({"size": 2, "unknown": true})))
        .await
        .unwrap();
    assert_eq!(made.data["spec"], json!({"size": 2, "mode": "fast"}));
    let check = async |spec: Value, expected: &str| {
        let (code, message) = refusal(widgets.create(&post(), &widget("b", spec)).await);
        assert_eq!((code, message.as_str()), (422, expected));
    };
    check(
        json!({"size": 0}),
        "Widget.x.dev \"b\" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal \
         to 1",
    )
    .await;
    check(
        json!({}),
        "Widget.x.dev \"b\" is invalid: spec.size: Required value",
    )
    .await;
    check(
        json!({"size": "large"}),
        "Widget.x.dev \"b\" is invalid: spec.size: Invalid value: \"string\": spec.size in body must be of type \
         integer: \"string\"",
    )
    .await;
}

#[tokio::test]
async fn status_and_generation_of_a_custom_kind() {
    let (_server, widgets) = widget_api().await;
    let mut with_status = widget("a", json!({"size": 2}));
    with_status.data["status"] = json!({"ready": true});
    let made = widgets.create(&post(), &with_status).await.unwrap();
    assert!(
        made.data.get("status").is_none(),
        "a new object has no status yet"
    );
    let status = Patch::Merge(json!({"status": {"ready": true}, "metadata": {"labels": {"a": "b"}}}));
    let patched = widgets
        .patch_status("a", &PatchParams::default(), &status)
        .await
        .unwrap();
    assert_eq!(patched.data["status"], json!({"ready": true}));
    assert_eq!(
        (patched.metadata.generation, patched.metadata.labels),
        (Some(1), None)
    );
    let spec = Patch::Merge(json!({"spec": {"size": 3}, "status": {"ready": false}}));
    let patched = widgets.patch("a", &PatchParams::default(), &spec).await.unwrap();
    assert_eq!(patched.data["status"], json!({"ready": true}));
    assert_eq!(patched.metadata.generation, Some(2));
    let strategic = Patch::Strategic(json!({"spec": {"size": 4}}));
    assert_eq!(
        refusal(widgets.patch("a", &PatchParams::default(), &strategic).await).0,
        415
    );
    let mut unconditional = widget("a", json!({"size": 5}));
    unconditional.metadata.resource_version = None;
    let (code, message) = refusal(widgets.replace("a", &post(), &unconditional).await);
    assert_eq!(code, 422);
    assert!(
        message.ends_with("metadata.resourceVersion: Invalid value: 0: must be specified for an update"),
        "{message}"
    );
}

#[tokio::test]
async fn versions_differ_in_name_alone() {
    let (server, widgets) = widget_api().await;
    widgets
        .create(&post(), &widget("a", json!({"size": 2})))
        .await
        .unwrap();
    let beta = api(client(&server), "x.dev", "v1beta1", "Widget");
    let same = beta.get("a").await.unwrap();
    assert_eq!(same.types.unwrap().api_version, "x.dev/v1beta1");
    let patched = beta
        .patch(
            "a",
            &PatchParams::default(),
            &Patch::Merge(json!({"spec": {"size": 9}})),
        )
        .await
        .unwrap();
    assert_eq!(patched.types.unwrap().api_version, "x.dev/v1beta1");
    let stored = widgets.get("a").await.unwrap();
    assert_eq!(stored.data["spec"]["size"], 9);
    assert_eq!(stored.types.unwrap().api_version, "x.dev/v1");
}

#[tokio::test]
async fn a_definition_goes_with_its_objects() {
    let (server, widgets) = widget_api().await;
    let mut held = widget("a", json!({"size": 2}));
    held.metadata.finalizers = Some(vec!["x.dev/hold".into()]);
    widgets.create(&post(), &held).await.unwrap();
    let crds: Api<CustomResourceDefinition> = Api::all(client(&server));
    crds.delete("widgets.x.dev", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(
        refusal(widgets.create(&post(), &widget("b", json!({"size": 1}))).await).0,
        405
    );
    assert!(crds.get_opt("widgets.x.dev").await.unwrap().is_some());
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    widgets.patch("a", &PatchParams::default(), &free).await.unwrap();
    assert!(crds.get_opt("widgets.x.dev").await.unwrap().is_none());
    assert_eq!(refusal(widgets.list(&ListParams::default()).await).0, 404);
}

#[tokio::test]
async fn argos_kinds_keep_every_field() {
    let server = server().await;
    let client = client(&server);
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in kinds::argo::crds() {
        crds.create(&post(), &from(crd)).await.unwrap();
    }
    let workflows = api(client.clone(), "argoproj.io", "v1alpha1", "Workflow");
    let spec = json!({"entrypoint": "a", "templates": [{"name": "a", "anything": {"goes": [1, null]}}]});
    let workflow = from(json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
        "metadata": {"generateName": "w-"}, "spec": spec}));
    let made = workflows.create(&post(), &workflow).await.unwrap();
    assert_eq!(made.data["spec"], spec);
    let results = api(client, "argoproj.io", "v1alpha1", "WorkflowTaskResult");
    let result = from(
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult",
        "metadata": {"name": "r"}, "outputs": {"exitCode": "0"}, "phase": "Succeeded"}),
    );
    assert_eq!(
        results.create(&post(), &result).await.unwrap().data["outputs"]["exitCode"],
        "0"
    );
}

#[tokio::test]
async fn definitions_outlive_the_server() {
    let (server, widgets) = widget_api().await;
    widgets
        .create(&post(), &widget("a", json!({"size": 2})))
        .await
        .unwrap();
    let again = apiserver::ApiServer::new(server.store().clone(), apiserver::Config::new(common::host()))
        .await
        .unwrap();
    assert!(
        api(client(&again), "x.dev", "v1", "Widget")
            .get("a")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_client_may_do_what_its_rules_say() {
    let (server, _) = widget_api().await;
    let rules = vec![PolicyRule::new("x.dev", &["widgets"], &["create", "get"])];
    let limited = api(
        client_as(&server, User::limited("bob", rules)),
        "x.dev",
        "v1",
        "Widget",
    );
    limited
        .create(&post(), &widget("a", json!({"size": 1})))
        .await
        .unwrap();
    assert!(limited.get("a").await.is_ok());
    let (code, message) = refusal(limited.delete("a", &DeleteParams::default()).await);
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "widgets.x.dev \"a\" is forbidden: User \"bob\" cannot delete resource \"widgets\" in API group \"x.dev\" in \
         the namespace \"default\""
    );
}

#[tokio::test]
async fn apply_creates_merges_and_notices_conflicts() {
    let (_server, widgets) = widget_api().await;
    let by = |manager: &str| PatchParams::apply(manager);
    let config = |spec: Value| Patch::Apply(widget("a", spec));
    let made = widgets
        .patch("a", &by("one"), &config(json!({"size": 1, "mode": "slow"})))
        .await
        .unwrap();
    let managers = made.metadata.managed_fields.clone().unwrap();
    assert_eq!(managers[0].manager.as_deref(), Some("one"));
    let same = widgets
        .patch("a", &by("one"), &config(json!({"size": 1, "mode": "slow"})))
        .await
        .unwrap();
    assert_eq!(
        same.metadata.resource_version, made.metadata.resource_version,
        "applying twice changes nothing"
    );
    let (code, message) = refusal(widgets.patch("a", &by("two"), &config(json!({"size": 2}))).await);
    assert_eq!(
        (code, message.as_str()),
        (
            409,
            "Apply failed with 1 conflict: conflict with \"one\": .spec.size"
        )
    );
    let forced = widgets
        .patch("a", &by("two").force(), &config(json!({"size": 2})))
        .await
        .unwrap();
    assert_eq!(forced.data["spec"]["size"], 2);
    let dropped = widgets
        .patch("a", &by("one"), &config(json!({"size": 2})))
        .await
        .unwrap();
    assert_eq!(
        dropped.data["spec"]["mode"], "fast",
        "what is no longer applied falls back to its default"
    );
}

#[tokio::test]
async fn a_definition_may_be_applied_again_but_not_become_another() {
    let (server, widgets) = widget_api().await;
    let crds: Api<CustomResourceDefinition> = Api::all(client(&server));
    let params = PatchParams::apply("me").force();
    let mut definition = common::widgets();
    let first = crds
        .patch("widgets.x.dev", &params, &Patch::Apply(&definition))
        .await
        .unwrap();
    let again = crds
        .patch("widgets.x.dev", &params, &Patch::Apply(&definition))
        .await
        .unwrap();
    assert_eq!(first.metadata.resource_version, again.metadata.resource_version);
    let size =
        definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size");
    *size.unwrap() = json!({"type": "integer", "minimum": 10});
    crds.patch("widgets.x.dev", &params, &Patch::Apply(&definition))
        .await
        .unwrap();
    assert_eq!(
        refusal(widgets.create(&post(), &widget("a", json!({"size": 9}))).await).0,
        422
    );
    let check = async |patch: Value, expected: &str| {
        let (code, message) = refusal(
            crds.patch("widgets.x.dev", &PatchParams::default(), &Patch::Merge(patch))
                .await,
        );
        assert_eq!(code, 422);
        assert!(message.contains(expected), "{message}");
    };
    check(
        json!({"spec": {"scope": "Cluster"}}),
        "spec.scope: Invalid value: \"Cluster\": field is immutable",
    )
    .await;
    check(
        json!({"spec": {"versions": []}}),
        "spec.versions: Invalid value: []: must have exactly one version",
    )
    .await;
}
