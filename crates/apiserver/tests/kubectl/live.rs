//! What waits while something happens.

use expect_test::expect;
use kinds::kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wait_returns_when_the_pod_is_ready() {
    let Some(rig) = Rig::new().await else { return };
    rig.run("create -f pod.yaml").await;
    let pods = rig.pods();
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    let (params, ready) = (PatchParams::default(), Patch::Strategic(ready));
    let wait = rig.run("wait --for=condition=Ready pod/web --timeout=50s");
    let (said, patched) = tokio::join!(wait, pods.patch_status("web", &params, &ready));
    patched.unwrap();
    expect![[r#"
        pod/web condition met
    "#]]
    .assert_eq(&said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_watches() {
    let Some(rig) = Rig::new().await else { return };
    rig.run("create -f pod.yaml").await;
    let columns = "-o custom-columns=N:.metadata.name,L:.metadata.labels.step";
    let mut watch = rig
        .command(&format!("get pods -w --no-headers {columns}"))
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = lines.next_line().await.unwrap().unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(next().await, ["web", "<none>"]);
    rig.run("label pod web step=2").await;
    assert_eq!(next().await, ["web", "2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_waits_for_the_node() {
    let Some(rig) = Rig::new().await else { return };
    rig.run("create -f pod.yaml").await;
    rig.run("create --raw /api/v1/namespaces/default/pods/web/binding -f binding.json")
        .await;
    let pods = rig.pods();
    let confirm = async {
        while pods
            .get("web")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        rig.run("delete pod web --grace-period=0 --force --wait=false")
            .await
    };
    let (said, _) = tokio::join!(rig.run("delete pod web --wait"), confirm);
    expect![[r#"
        pod "web" deleted
    "#]]
    .assert_eq(&said);
}
