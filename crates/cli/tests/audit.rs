//! `plimsoll audit`: what it reads, by which rights, and from where.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

mod common;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use apiserver::PolicyRule;
use cli::Exit;
use common::{Bench, Outcome};
use expect_test::expect;
use http_body_util::Full;
use kinds::k8s::api::core::v1::{Namespace, Node, Pod};
use kinds::kube::api::{Patch, PatchParams, PostParams};
use kinds::kube::{Api, Client};
use serde_json::{Value, json};

fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"node-pool": "a", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}},
        "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "96", "memory": "768Gi", "pods": "110", "nvidia.com/gpu": "8"},
                   "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn pod(name: &str, node: &str, gpus: u32) -> Value {
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Always", "tolerations": [{"operator": "Exists"}],
                 "containers": [{"name": "main", "image": "none", "resources": {"limits": {"nvidia.com/gpu": gpus.to_string()}}}]},
        "status": {"phase": "Running"},
    });
    if !node.is_empty() {
        pod["spec"]["nodeName"] = node.into();
    }
    pod
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    let (params, client) = (PostParams::default(), bench.client.clone());
    let nodes: Api<Node> = Api::all(client.clone());
    let object = serde_json::from_value(node("n")).unwrap();
    nodes.create(&params, &object).await.unwrap();
    let status = Patch::Merge(json!({"status": node("n")["status"]}));
    nodes
        .patch_status("n", &PatchParams::default(), &status)
        .await
        .unwrap();
    for object in [pod("held", "n", 5), pod("waits", "", 4)] {
        let object: Pod = serde_json::from_value(object).unwrap();
        Api::default_namespaced(client.clone())
            .create(&params, &object)
            .await
            .unwrap();
    }
    let team: Namespace = serde_json::from_value(json!({"metadata": {"name": "blue"}})).unwrap();
    Api::<Namespace>::all(client)
        .create(&params, &team)
        .await
        .unwrap();
    bench
}

#[tokio::test]
async fn the_embedded_platform_can_be_audited() {
    let Outcome { exit, stdout, stderr } = bench().await.run("audit").await;
    expect![[r#"
        1 machine, 1 with GPUs; 1 pod, 1 waiting; looked at TIME

        GPUS                    PART   A MONTH
        allocatable      8   100.0 %   $19,856
        requested        5    62.5 %   $12,410
        free             3    37.5 %    $7,446
          stranded       3    37.5 %    $7,446
          unusable       3    37.5 %
        out of service   0     0.0 %
        waited for       4    50.0 %

        MODEL                   MACHINES   GPUS   REQUESTED   IDLE   FREE   STRANDED   OUT   A MONTH   WASTED
        NVIDIA-A100-SXM4-80GB          1      8           5      ?      3          3     0   $19,856   $7,446

        POOL   MACHINES   GPUS   REQUESTED   IDLE   FREE   STRANDED   OUT   A MONTH   WASTED
        a             1      8           5      ?      3          3     0   $19,856   $7,446

        TEAM     REQUESTED   IDLE   WAITED FOR   A MONTH   IDLE A MONTH
        (none)           5      ?            4   $12,410              ?

        NAMESPACE   REQUESTED   IDLE   WAITED FOR   A MONTH   IDLE A MONTH
        default             5      ?            4   $12,410              ?

        SIZE    PODS   WAITING   ROOM FOR   FREE BUT UNUSABLE
        4 GPU      1         1          0                   3
        5 GPU      1         0          0                   3

        Waiting pods: 1
          1 × 4 GPU: default/waits
            why not: 1 machine of a (NVIDIA-A100-SXM4-80GB): busy: nvidia.com/gpu
            would run: ask for at most 3 nvidia.com/gpu
            would run: one more machine of pool a

        note: Nothing measured the GPUs: how many are idle while held is not known.
    "#]]
    .assert_eq(&format!("{}{stderr}", without_time(&stdout)));
    assert_eq!(exit, Exit::Success);
}

/// The report without the time of day, which is the machine's own.
fn without_time(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap();
    let (before, _) = first.rsplit_once(' ').unwrap();
    format!("{before} TIME\n{rest}")
}

#[tokio::test]
async fn the_report_is_json_and_a_page() {
    let bench = bench().await;
    let Outcome { exit, stdout, stderr } = bench
        .run("audit -o json --html DIR/audit.html --idle-below 10")
        .await;
    assert_eq!(exit, Exit::Success, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let total = &report["total"];
    assert_eq!(
        [&total["allocatable"], &total["requested"], &total["free"]],
        [8.0, 5.0, 3.0]
    );
    assert_eq!(report["pending"][0]["pod"], "default/waits");
    let page = std::fs::read_to_string(bench.dir.path().join("audit.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"));
    let refused = bench.run("audit --html DIR/no/such/folder.html").await;
    assert_ne!(refused.exit, Exit::Success);
}

/// The rules that `audit --rights` prints.
async fn printed(bench: &Bench, flags: &str) -> Vec<PolicyRule> {
    let Outcome { exit, stdout, .. } = bench.run(&format!("audit --rights {flags}")).await;
    assert_eq!(exit, Exit::Success);
    let role: kinds::k8s::api::rbac::v1::ClusterRole = serde_saphyr::from_str(&stdout).unwrap();
    role.rules.unwrap().iter().map(PolicyRule::from).collect()
}

#[tokio::test]
async fn the_printed_rights_are_exactly_what_it_needs() {
    let bench = bench().await;
    let rules = printed(&bench, "").await;
    assert!(
        rules
            .iter()
            .flat_map(|rule| &rule.verbs)
            .all(|verb| verb == "get" || verb == "list")
    );
    let enough = bench.run_limited(rules.clone(), "audit").await;
    assert_eq!(enough.exit, Exit::Success, "{}", enough.stderr);
    let all = bench.run("audit").await.stdout;
    assert_eq!(without_time(&enough.stdout), without_time(&all));
    for missing in 0..rules.len() {
        let mut fewer = rules.clone();
        let left_out = fewer.remove(missing);
        let refused = bench.run_limited(fewer, "audit").await;
        assert_eq!(refused.exit, Exit::Failed, "without {left_out:?}");
        assert!(
            refused.stderr.contains("plimsoll audit --rights"),
            "{}",
            refused.stderr
        );
    }
}

#[tokio::test]
async fn rights_are_printed_with_their_reasons() {
    let bench = Bench::new().await;
    expect![[r#"
        ---
        # what `plimsoll audit` may do: read, and nothing else
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata:
          name: plimsoll-audit
        rules:
        # see what machines offer
        - apiGroups:
          - ""
          resources:
          - nodes
          verbs:
          - list
        # see what pods ask for, and where they are
        - apiGroups:
          - ""
          resources:
          - pods
          verbs:
          - list
        # see whose each namespace is
        - apiGroups:
          - ""
          resources:
          - namespaces
          verbs:
          - list
        # ask the Prometheus
        - apiGroups:
          - ""
          resourceNames:
          - prometheus:9090
          resources:
          - services/proxy
          verbs:
          - get
    "#]]
    .assert_eq(
        &bench
            .run("audit --rights --metrics monitoring/prometheus:9090")
            .await
            .stdout,
    );
}

/// What a server was asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A server that answers GETs by a table of paths, and nothing else.
fn server(answers: Vec<(&'static str, u16, String)>) -> (Client, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let service = tower::service_fn(move |request: http::Request<kinds::kube::client::Body>| {
        let path = request.uri().to_string();
        seen.lock().unwrap().push(format!("{} {path}", request.method()));
        let found = answers.iter().find(|(known, ..)| path.starts_with(known));
        let (code, body) = found.map_or((404, "{}".to_owned()), |(_, code, body)| (*code, body.clone()));
        let response = http::Response::builder()
            .status(code)
            .body(Full::new(bytes::Bytes::from(body)));
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    (Client::new(service, "default"), asked)
}

fn list(next: &str, items: &[Value]) -> String {
    json!({"metadata": {"continue": next}, "items": items}).to_string()
}

fn exporter() -> Value {
    let mut pod = pod("exporter-1", "n", 0);
    pod["metadata"] =
        json!({"name": "exporter-1", "namespace": "gpu-operator", "labels": {"app": "nvidia-dcgm-exporter"}});
    pod
}

/// A cluster of one machine with one pod that holds GPUs, and an exporter.
fn cluster(more: Vec<(&'static str, u16, String)>) -> (Client, Asked) {
    let mut answers = vec![
        ("/api/v1/nodes", 200, list("", &[node("n")])),
        ("/api/v1/namespaces?", 200, list("", &[])),
        ("/api/v1/pods", 200, list("", &[pod("held", "n", 2), exporter()])),
    ];
    answers.extend(more);
    server(answers)
}

fn idle(outcome: &Outcome) -> (String, Value) {
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    (
        report["total"]["idle"].to_string(),
        report["cluster"]["usage"].clone(),
    )
}

const EXPORTER: &str = "/api/v1/namespaces/gpu-operator/pods/exporter-1:9400/proxy/metrics";
const READING: &str = "DCGM_FI_DEV_GPU_UTIL{UUID=\"GPU-1\",namespace=\"default\",pod=\"held\"} 1\n";

#[tokio::test]
async fn exporters_are_read_by_the_proxy() {
    let bench = Bench::new().await;
    let (client, asked) = cluster(vec![(EXPORTER, 200, READING.to_owned())]);
    let outcome = bench.run_with(&client, "audit -o json").await;
    assert_eq!(
        idle(&outcome),
        ("2.0".to_owned(), json!("one reading of 1 DCGM exporters"))
    );
    assert!(
        asked
            .lock()
            .unwrap()
            .iter()
            .all(|request| request.starts_with("GET "))
    );
    let (client, asked) = cluster(vec![]);
    assert_eq!(
        idle(&bench.run_with(&client, "audit -o json --metrics none").await),
        ("0.0".to_owned(), Value::Null)
    );
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn exporters_that_may_not_be_read_are_told_of() {
    let bench = Bench::new().await;
    let forbidden = json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "pods/proxy is forbidden"});
    let (client, _) = cluster(vec![(EXPORTER, 403, forbidden.to_string())]);
    let outcome = bench.run_with(&client, "audit -o json").await;
    assert_eq!(outcome.exit, Exit::Success);
    assert!(
        outcome.stderr.contains("no right to read them"),
        "{}",
        outcome.stderr
    );
    let outcome = bench.run_with(&client, "audit -o json --metrics exporters").await;
    assert_eq!(outcome.exit, Exit::Failed);
    let (client, _) = cluster(vec![(EXPORTER, 503, "{}".to_owned())]);
    let outcome = bench.run_with(&client, "audit").await;
    assert!(
        outcome.stderr.contains("1 of 1 DCGM exporters did not answer"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn a_prometheus_of_the_cluster_is_asked_by_the_proxy() {
    let bench = Bench::new().await;
    let answer = json!({"data": {"result": [{"metric": {"UUID": "GPU-1", "exported_namespace": "default", "exported_pod": "held"}, "value": [1, "0.01"]}]}});
    let (client, asked) = cluster(vec![(
        "/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query?",
        200,
        answer.to_string(),
    )]);
    let outcome = bench
        .run_with(
            &client,
            "audit -o json --metrics monitoring/prometheus:9090 --window 2h",
        )
        .await;
    assert_eq!(
        idle(&outcome),
        ("2.0".to_owned(), json!("monitoring/prometheus:9090, over 120m"))
    );
    let asked = asked.lock().unwrap();
    assert!(
        asked
            .iter()
            .any(|request| request.ends_with("query=avg_over_time%28DCGM_FI_DEV_GPU_UTIL%5B7200s%5D%29")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn metrics_come_from_a_file() {
    let bench = Bench::new().await;
    bench.file("page.txt", READING);
    bench.file("empty.txt", "nothing\n");
    let (client, _) = cluster(vec![]);
    let outcome = bench
        .run_with(&client, "audit -o json --metrics DIR/page.txt")
        .await;
    assert_eq!(idle(&outcome).0, "2.0");
    for bad in ["DIR/empty.txt", "DIR/not-there.txt"] {
        let outcome = bench.run_with(&client, &format!("audit --metrics {bad}")).await;
        assert_eq!(outcome.exit, Exit::Usage, "{}", outcome.stderr);
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = Bench::new().await;
    let pages = vec![
        ("/api/v1/nodes?limit=500&continue=a%2Fb", 200, list("", &[node("n2")])),
        ("/api/v1/nodes", 200, list("a/b", &[node("n1")])),
        ("/api/v1/namespaces", 200, list("", &[])),
        // The state of the first page is gone when the second is asked for: all of it, in one go.
        ("/api/v1/pods?limit=500&continue=old", 410, json!({"kind": "Status", "code": 410, "reason": "Expired", "status": "Failure", "message": "gone"}).to_string()),
        ("/api/v1/pods?", 200, list("old", &[pod("a", "n1", 1)])),
        ("/api/v1/pods", 200, list("", &[pod("a", "n1", 1), pod("b", "n2", 1), json!({"metadata": 7})])),
    ];
    let outcome = bench.run_with(&server(pages).0, "audit -o json").await;
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(
        [&report["total"]["allocatable"], &report["total"]["requested"]],
        [16.0, 2.0]
    );
    assert!(
        outcome.stderr.contains("1 objects are not understood"),
        "{}",
        outcome.stderr
    );
}

#[tokio::test]
async fn a_cluster_can_come_from_a_file_with_prices() {
    let bench = Bench::new().await;
    let namespace =
        json!({"kind": "Namespace", "metadata": {"name": "default", "labels": {"owner": "blue"}}});
    bench.file(
        "all.json",
        &json!({"kind": "List", "items": [node("n"), pod("held", "n", 2), namespace]}).to_string(),
    );
    bench.file("prices.csv", "pool,a,80\n");
    bench.file("bad.csv", "pool,a\n");
    let outcome = bench
        .run("audit -o json --from DIR/all.json --prices DIR/prices.csv --team-label team,owner")
        .await;
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["total"]["costRequested"], 20.0);
    assert_eq!(report["teams"][0]["name"], "blue");
    for bad in [
        "--prices DIR/bad.csv",
        "--from DIR/bad.csv",
        "--from DIR/all.json --metrics exporters",
        "--prices DIR/none.csv",
    ] {
        let outcome = bench
            .run(&format!("audit --from DIR/all.json {bad}").replace("--from DIR/all.json --from", "--from"))
            .await;
        assert_eq!(outcome.exit, Exit::Usage, "{bad}: {}", outcome.stderr);
    }
}
