//! The verbs on single objects and collections, through the client that controllers use.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{client, from, pod, pods, refusal, server};
use kinds::k8s::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use kinds::kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kinds::kube::{Api, ResourceExt};
use serde_json::json;

fn post() -> PostParams {
    PostParams::default()
}

#[tokio::test]
async fn create_fills_in_what_a_real_server_does() {
    let (_server, pods) = pods().await;
    let made = pods.create(&post(), &pod("p")).await.unwrap();
    let (spec, status) = (made.spec.clone().unwrap(), made.status.clone().unwrap());
    assert_eq!(made.uid().map(|uid| uid.len()), Some(36));
    assert_eq!(made.metadata.generation, Some(1));
    assert!(made.creation_timestamp().is_some());
    assert_eq!(spec.restart_policy.as_deref(), Some("Always"));
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"));
    assert_eq!(pods.get("p").await.unwrap(), made);
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items, [made]);
}

#[tokio::test]
async fn creation_is_refused_in_the_real_servers_words() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    let check =
        |result, code: u16, message: &str| assert_eq!(refusal::<Pod>(result), (code, message.to_owned()));
    check(
        pods.create(&post(), &pod("p")).await,
        409,
        "pods \"p\" already exists",
    );
    check(pods.get("q").await, 404, "pods \"q\" not found");
    let empty: Pod = from(json!({"metadata": {"name": "e"}, "spec": {"containers": []}}));
    check(
        pods.create(&post(), &empty).await,
        422,
        "Pod \"e\" is invalid: spec.containers: Required value",
    );
    let (code, message) = refusal(pods.create(&post(), &pod("Bad_Name")).await);
    assert_eq!(code, 422);
    assert!(message.starts_with(
        "Pod \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123"
    ));
    let elsewhere: Api<Pod> = Api::namespaced(pods.into_client(), "nowhere");
    check(
        elsewhere.create(&post(), &pod("p")).await,
        404,
        "namespaces \"nowhere\" not found",
    );
}

#[tokio::test]
async fn names_are_generated() {
    let (_server, pods) = pods().await;
    let mut template = pod("");
    template.metadata.name = None;
    template.metadata.generate_name = Some("job-".into());
    let (a, b) = (
        pods.create(&post(), &template).await.unwrap(),
        pods.create(&post(), &template).await.unwrap(),
    );
    assert!(
        a.name_any().starts_with("job-") && a.name_any().len() == 9,
        "{}",
        a.name_any()
    );
    assert_ne!(a.name_any(), b.name_any());
}

#[tokio::test]
async fn update_needs_the_latest_revision() {
    let (_server, pods) = pods().await;
    let first = pods.create(&post(), &pod("p")).await.unwrap();
    let mut changed = first.clone();
    changed.labels_mut().insert("x".into(), "y".into());
    let second = pods.replace("p", &post(), &changed).await.unwrap();
    assert_eq!(
        second.metadata.generation,
        Some(1),
        "labels are not what is desired"
    );
    let (code, message) = refusal(pods.replace("p", &post(), &changed).await);
    assert_eq!(code, 409);
    assert_eq!(
        message,
        "Operation cannot be fulfilled on pods \"p\": the object has been modified; please apply your changes to the \
         latest version and try again"
    );
    changed.metadata.resource_version = None;
    let same = pods.replace("p", &post(), &changed).await.unwrap();
    assert_eq!(
        same.resource_version(),
        second.resource_version(),
        "nothing changed: nothing is written"
    );
}

#[tokio::test]
async fn a_pods_spec_is_fixed_but_for_its_image() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    let image = json!({"spec": {"containers": [{"name": "main", "image": "alpine:4"}]}});
    let patched = pods
        .patch("p", &PatchParams::default(), &Patch::Strategic(image))
        .await
        .unwrap();
    let container = &patched.spec.as_ref().unwrap().containers[0];
    assert_eq!(container.image.as_deref(), Some("alpine:4"));
    assert_eq!(
        container.command,
        Some(vec!["true".to_owned()]),
        "a strategic patch merges containers"
    );
    assert_eq!(patched.metadata.generation, Some(2));
    let command = json!([{"op": "replace", "path": "/spec/containers/0/command", "value": ["false"]}]);
    let patch: Patch<Pod> = Patch::Json(from(command));
    let (code, message) = refusal(pods.patch("p", &PatchParams::default(), &patch).await);
    assert_eq!(code, 422);
    assert!(
        message.contains("spec: Forbidden: pod updates may not change fields other than"),
        "{message}"
    );
}

#[tokio::test]
async fn status_is_a_part_of_its_own() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    let status = Patch::Merge(json!({"status": {"phase": "Running"}, "spec": {"priority": 7}}));
    let patched = pods
        .patch_status("p", &PatchParams::default(), &status)
        .await
        .unwrap();
    assert_eq!(patched.status.unwrap().phase.as_deref(), Some("Running"));
    assert_eq!(
        patched.spec.unwrap().priority,
        Some(0),
        "the spec is not changed through the status"
    );
    let main = pods
        .patch(
            "p",
            &PatchParams::default(),
            &Patch::Merge(json!({"status": {"phase": "Failed"}})),
        )
        .await;
    assert_eq!(main.unwrap().status.unwrap().phase.as_deref(), Some("Running"));
}

#[tokio::test]
async fn a_patch_may_demand_a_revision() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    let patch = Patch::Merge(json!({"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}));
    assert_eq!(
        refusal(pods.patch("p", &PatchParams::default(), &patch).await).0,
        409
    );
    let patch = Patch::Merge(json!({"metadata": {"uid": "x"}}));
    assert_eq!(
        refusal(pods.patch("p", &PatchParams::default(), &patch).await).0,
        422
    );
}

#[tokio::test]
async fn unbound_pods_go_at_once_and_bound_ones_wait_for_their_node() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    assert!(
        pods.delete("p", &DeleteParams::default())
            .await
            .unwrap()
            .left()
            .is_some(),
        "pods answer with the pod"
    );
    assert!(pods.get_opt("p").await.unwrap().is_none());
    pods.create(&post(), &pod("q")).await.unwrap();
    bind(&pods, "q").await.unwrap();
    let marked = pods
        .delete("q", &DeleteParams::default().grace_period(10))
        .await
        .unwrap()
        .left()
        .unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(10));
    assert!(marked.metadata.deletion_timestamp.is_some());
    let again = pods
        .delete("q", &DeleteParams::default())
        .await
        .unwrap()
        .left()
        .unwrap();
    assert_eq!(
        again.resource_version(),
        marked.resource_version(),
        "a longer grace changes nothing"
    );
    pods.delete("q", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    assert!(pods.get_opt("q").await.unwrap().is_none());
}

async fn bind(pods: &Api<Pod>, name: &str) -> kinds::kube::Result<serde_json::Value> {
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "n1"}});
    let request = http::Request::post(format!("/api/v1/namespaces/default/pods/{name}/binding"))
        .header("content-type", "application/json")
        .body(binding.to_string().into_bytes())
        .unwrap();
    pods.clone().into_client().request(request).await
}

#[tokio::test]
async fn a_pod_is_bound_once() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    bind(&pods, "p").await.unwrap();
    let bound = pods.get("p").await.unwrap();
    assert_eq!(bound.spec.unwrap().node_name.as_deref(), Some("n1"));
    assert_eq!(bound.status.unwrap().conditions.unwrap()[0].type_, "PodScheduled");
    let (code, message) = refusal(bind(&pods, "p").await);
    assert_eq!(code, 409);
    assert!(
        message.ends_with("pod p is already assigned to node \"n1\""),
        "{message}"
    );
}

#[tokio::test]
async fn finalizers_hold_an_object_until_the_last_is_gone() {
    let (_server, pods) = pods().await;
    let mut held = pod("p");
    held.metadata.finalizers = Some(vec!["x.dev/hold".into()]);
    pods.create(&post(), &held).await.unwrap();
    pods.delete("p", &DeleteParams::default()).await.unwrap();
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["x.dev/hold", "x.dev/more"]}}));
    let (code, message) = refusal(pods.patch("p", &PatchParams::default(), &more).await);
    assert_eq!(code, 422);
    assert!(
        message.contains("no new finalizers can be added if the object is being deleted"),
        "{message}"
    );
    let none = Patch::Merge(json!({"metadata": {"finalizers": []}}));
    pods.patch("p", &PatchParams::default(), &none).await.unwrap();
    assert!(pods.get_opt("p").await.unwrap().is_none());
}

#[tokio::test]
async fn deletion_has_preconditions() {
    let (_server, pods) = pods().await;
    pods.create(&post(), &pod("p")).await.unwrap();
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some("other".into()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let (code, message) = refusal(pods.delete("p", &params).await);
    assert_eq!(code, 409);
    assert!(
        message.contains("the UID in the precondition (other) does not match the UID in record"),
        "{message}"
    );
}

#[tokio::test]
async fn collections_are_selected_by_labels_and_fields() {
    let (_server, pods) = pods().await;
    for name in ["a", "ab", "b"] {
        let mut pod = pod(name);
        pod.labels_mut().insert("name".into(), name.into());
        pods.create(&post(), &pod).await.unwrap();
    }
    let check = async |params: ListParams, expected: &[&str]| {
        let list = pods.list(&params).await.unwrap();
        let names: Vec<String> = list.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, expected);
    };
    check(ListParams::default().labels("name in (a,b)"), &["a", "b"]).await;
    check(ListParams::default().labels("!name"), &[]).await;
    check(ListParams::default().fields("metadata.name=a"), &["a"]).await;
    check(
        ListParams::default().fields("status.phase!=Running,spec.nodeName="),
        &["a", "ab", "b"],
    )
    .await;
    let (code, message) = refusal(pods.list(&ListParams::default().fields("spec.image=x")).await);
    assert_eq!(code, 400);
    assert!(
        message.contains("field label not supported: spec.image"),
        "{message}"
    );
    pods.delete_collection(&DeleteParams::default(), &ListParams::default().labels("name=ab"))
        .await
        .unwrap();
    check(ListParams::default(), &["a", "b"]).await;
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let (_server, pods) = pods().await;
    let dry = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    assert_eq!(pods.create(&dry, &pod("p")).await.unwrap().name_any(), "p");
    assert!(pods.get_opt("p").await.unwrap().is_none());
    pods.create(&post(), &pod("p")).await.unwrap();
    pods.delete("p", &DeleteParams::default().dry_run())
        .await
        .unwrap();
    assert!(pods.get_opt("p").await.unwrap().is_some());
}

#[tokio::test]
async fn a_namespace_goes_with_what_is_in_it() {
    let server = server().await;
    let client = client(&server);
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let new: Namespace = from(json!({"metadata": {"name": "team"}}));
    let made = namespaces.create(&post(), &new).await.unwrap();
    assert_eq!(made.status.unwrap().phase.as_deref(), Some("Active"));
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "team");
    assert!(
        accounts.get("default").await.is_ok(),
        "every namespace has a default account"
    );
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "team");
    let held: ConfigMap = from(json!({"metadata": {"name": "held", "finalizers": ["x.dev/hold"]}}));
    maps.create(&post(), &held).await.unwrap();
    maps.create(&post(), &from(json!({"metadata": {"name": "free"}})))
        .await
        .unwrap();
    namespaces.delete("team", &DeleteParams::default()).await.unwrap();
    assert_eq!(
        namespaces
            .get("team")
            .await
            .unwrap()
            .status
            .unwrap()
            .phase
            .as_deref(),
        Some("Terminating")
    );
    assert!(maps.get_opt("free").await.unwrap().is_none());
    let (code, message) = refusal(
        maps.create(&post(), &from(json!({"metadata": {"name": "late"}})))
            .await,
    );
    assert_eq!(code, 403);
    assert_eq!(
        message,
        "configmaps \"late\" is forbidden: unable to create new content in namespace team because it is being terminated"
    );
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &none).await.unwrap();
    assert!(namespaces.get_opt("team").await.unwrap().is_none());
    assert_eq!(
        refusal(namespaces.delete("default", &DeleteParams::default()).await).0,
        403
    );
}

#[tokio::test]
async fn what_is_orphaned_forgets_its_owner() {
    let (_server, pods) = pods().await;
    let owner = pods.create(&post(), &pod("owner")).await.unwrap();
    let mut owned = pod("owned");
    owned.metadata.owner_references = Some(vec![from(
        json!({"apiVersion": "v1", "kind": "Pod", "name": "owner",
        "uid": owner.metadata.uid}),
    )]);
    pods.create(&post(), &owned).await.unwrap();
    let orphan = DeleteParams {
        propagation_policy: Some(kinds::kube::api::PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    pods.delete("owner", &orphan).await.unwrap();
    assert_eq!(
        pods.get("owned").await.unwrap().metadata.owner_references,
        Some(vec![])
    );
}
