//! An ordinary kubectl against the https door, as people use it. Skipped, loudly, where there is no kubectl.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use apiserver::{ApiServer, LogError, LogRequest, LogSource, LogStream, Tls, Tokens};
use bytes::Bytes;
use common::{client, from, widgets};
use expect_test::{Expect, expect};
use futures::StreamExt;
use futures::future::BoxFuture;
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::Api;
use kinds::kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

/// Longest any command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The kubectl to use: `$KUBECTL`, the one of an envtest folder, or the one in `PATH`.
fn kubectl() -> Option<PathBuf> {
    let named = std::env::var_os("KUBECTL").map(PathBuf::from);
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(|dir| PathBuf::from(dir).join("kubectl"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|dir| dir.join("kubectl"));
    named
        .into_iter()
        .chain(assets)
        .chain(in_path)
        .find(|file| file.is_file())
}

struct Lines;
impl LogSource for Lines {
    fn open(&self, request: LogRequest) -> BoxFuture<'static, Result<LogStream, LogError>> {
        let blocks = if request.previous {
            return Box::pin(async {
                Err(LogError::Unavailable(
                    "previous terminated container not found".into(),
                ))
            });
        } else {
            vec![Bytes::from("one\n"), Bytes::from("two\n")]
        };
        Box::pin(async { Ok(futures::stream::iter(blocks).boxed()) })
    }
}

struct Rig {
    server: ApiServer,
    kubectl: PathBuf,
    home: tempfile::TempDir,
    shutdown: CancellationToken,
}

impl Rig {
    async fn new() -> Option<Self> {
        let Some(kubectl) = kubectl() else {
            eprintln!("SKIPPED: no kubectl in $KUBECTL, $KUBEBUILDER_ASSETS or $PATH");
            return None;
        };
        let server = common::server().await;
        server.set_logs(Arc::new(Lines));
        let tls = Tls::generate().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let home = tempfile::tempdir().unwrap();
        let config = apiserver::kubeconfig("plimsoll", &address, tls.ca_pem(), "secret");
        std::fs::write(home.path().join("kubeconfig"), config).unwrap();
        let shutdown = CancellationToken::new();
        let tokens = Tokens::new(["secret".to_owned()]);
        tokio::spawn(server.serve_tls(listener, &tls, tokens, shutdown.clone()));
        Some(Self {
            server,
            kubectl,
            home,
            shutdown,
        })
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(line.split(' ').filter(|word| !word.is_empty()))
            .env("KUBECONFIG", self.home.path().join("kubeconfig"))
            .env("HOME", self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// What a command says, with `input` on its standard input; its exit code if it fails.
    async fn run(&self, line: &str, input: &str) -> String {
        let mut child = self.command(line).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .await
            .unwrap();
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("kubectl {line} hangs")).unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        if !output.status.success() {
            text.push_str(&format!("exit code {}\n", output.status.code().unwrap_or(-1)));
        }
        // kubectl 1.34 says where from.
        let text = text.replace("\" deleted from default namespace", "\" deleted");
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }

    /// Runs lines of a transcript and compares what they say.
    async fn check(&self, line: &str, input: &str, expected: Expect) {
        expected.assert_eq(&self.run(line, input).await);
    }
}

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - name: main
    image: nginx:1
    env: [{name: A, value: "1"}]
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_by_hand() {
    let Some(rig) = Rig::new().await else { return };
    rig.check(
        "create -f -",
        POD,
        expect![[r#"
        pod/web created
    "#]],
    )
    .await;
    rig.check(
        "get pods",
        "",
        expect![[r#"
        NAME   READY   STATUS    RESTARTS   AGE
        web    0/1     Pending   0          0s
    "#]],
    )
    .await;
    rig.check(
        "get pod web -o jsonpath={.status.phase}",
        "",
        expect![[r#"
        Pending
    "#]],
    )
    .await;
    rig.check(
        "get all",
        "",
        expect![[r#"
        NAME      READY   STATUS    RESTARTS   AGE
        pod/web   0/1     Pending   0          0s
    "#]],
    )
    .await;
    rig.check("apply -f -", &POD.replace("nginx:1", "nginx:2"), expect![[r#"
        pod/web configured
        Warning: resource pods/web is missing the kubectl.kubernetes.io/last-applied-configuration annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.
    "#]])
        .await;
    rig.check(
        "get pods -o custom-columns=I:.spec.containers[*].image,E:.spec.containers[*].env[*].name",
        "",
        expect![[r#"
            I         E
            nginx:2   A
        "#]],
    )
    .await;
    rig.check("apply -f -", &POD.replace("env", "enw"), expect![[r#"
        Error from server (BadRequest): error when applying patch:
        {"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{},\"labels\":{\"app\":\"web\"},\"name\":\"web\",\"namespace\":\"default\"},\"spec\":{\"containers\":[{\"enw\":[{\"name\":\"A\",\"value\":\"1\"}],\"image\":\"nginx:1\",\"name\":\"main\"}]}}\n"}},"spec":{"$setElementOrder/containers":[{"name":"main"}],"containers":[{"env":null,"enw":[{"name":"A","value":"1"}],"image":"nginx:1","name":"main"}]}}
        to:
        Resource: "/v1, Resource=pods", GroupVersionKind: "/v1, Kind=Pod"
        Name: "web", Namespace: "default"
        for: "STDIN": error when patching "STDIN": Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.containers[0].enw"
        exit code 1
    "#]])
        .await;
    rig.check(
        "apply -f -",
        &POD.replace("- name: main", "- name: Main"),
        expect![[r#"
            The Pod "web" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)
            exit code 1
        "#]],
    )
    .await;
    rig.check(
        "label pod web tier=front",
        "",
        expect![[r#"
        pod/web labeled
    "#]],
    )
    .await;
    rig.check(
        "annotate pod web note=x",
        "",
        expect![[r#"
        pod/web annotated
    "#]],
    )
    .await;
    rig.check(
        "patch pod web -p {\"metadata\":{\"labels\":{\"tier\":null}}}",
        "",
        expect![[r#"
            pod/web patched
        "#]],
    )
    .await;
    rig.check(
        "get pods --show-labels -l app=web",
        "",
        expect![[r#"
        NAME   READY   STATUS    RESTARTS   AGE   LABELS
        web    0/1     Pending   0          0s    app=web
    "#]],
    )
    .await;
    rig.check(
        "get pods web nope",
        "",
        expect![[r#"
        NAME   READY   STATUS    RESTARTS   AGE
        web    0/1     Pending   0          0s
        Error from server (NotFound): pods "nope" not found
        exit code 1
    "#]],
    )
    .await;
    rig.check(
        "delete pod web",
        "",
        expect![[r#"
        pod "web" deleted
    "#]],
    )
    .await;
    rig.check(
        "get pods",
        "",
        expect![[r#"
        No resources found in default namespace.
    "#]],
    )
    .await;
    rig.shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_waiting_and_watching() {
    let Some(rig) = Rig::new().await else { return };
    rig.run("create -f -", POD).await;
    let pods: Api<Pod> = Api::default_namespaced(client(&rig.server));
    let binding =
        json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "web"}, "target": {"name": "n"}});
    rig.run(
        "create --raw /api/v1/namespaces/default/pods/web/binding -f -",
        &binding.to_string(),
    )
    .await;
    rig.check(
        "logs -f web",
        "",
        expect![[r#"
        one
        two
    "#]],
    )
    .await;
    rig.check(
        "logs web -c other",
        "",
        expect![[r#"
        error: container other is not valid for pod web
        exit code 1
    "#]],
    )
    .await;
    rig.check(
        "logs web --previous",
        "",
        expect![[r#"
        Error from server (BadRequest): previous terminated container not found
        exit code 1
    "#]],
    )
    .await;
    let wait = rig.run("wait --for=condition=Ready pod/web --timeout=50s", "");
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    let (params, ready) = (PatchParams::default(), Patch::Strategic(ready));
    let (said, patched) = tokio::join!(wait, pods.patch_status("web", &params, &ready));
    patched.unwrap();
    expect![[r#"
        pod/web condition met
    "#]]
    .assert_eq(&said);
    let mut watch = rig
        .command("get pods -w --no-headers -o custom-columns=N:.metadata.name,L:.metadata.labels.step")
        .spawn()
        .unwrap();
    let mut lines = {
        use tokio::io::{AsyncBufReadExt, BufReader};
        BufReader::new(watch.stdout.take().unwrap()).lines()
    };
    assert_eq!(
        lines.next_line().await.unwrap().unwrap().trim_end(),
        "web   <none>"
    );
    rig.run("label pod web step=2", "").await;
    assert_eq!(lines.next_line().await.unwrap().unwrap().trim_end(), "web   2");
    drop(watch);
    rig.check(
        "describe pod web",
        "",
        expect![[r#"
            Name:             web
            Namespace:        default
            Priority:         0
            Service Account:  default
            Node:             n/
            Labels:           app=web
                              step=2
            Annotations:      <none>
            Status:           Running
            IP:
            IPs:              <none>
            Containers:
              main:
                Image:      nginx:1
                Port:       <none>
                Host Port:  <none>
                Environment:
                  A:     1
                Mounts:  <none>
            Conditions:
              Type           Status
              Ready          True
              PodScheduled   True
            Volumes:         <none>
            QoS Class:       BestEffort
            Node-Selectors:  <none>
            Tolerations:     node.kubernetes.io/not-ready:NoExecute op=Exists for 300s
                             node.kubernetes.io/unreachable:NoExecute op=Exists for 300s
            Events:          <none>
        "#]],
    )
    .await;
    let delete = rig.run("delete pod web --wait", "");
    let confirm = async {
        loop {
            let pod = pods.get("web").await.unwrap();
            if pod.metadata.deletion_timestamp.is_some() {
                return rig
                    .run("delete pod web --grace-period=0 --force --wait=false", "")
                    .await;
            }
            tokio::task::yield_now().await;
        }
    };
    let (said, _) = tokio::join!(delete, confirm);
    expect![[r#"
        pod "web" deleted
    "#]]
    .assert_eq(&said);
    rig.shutdown.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_there_is() {
    let Some(rig) = Rig::new().await else { return };
    rig.check("api-resources", "", expect![[r#"
        NAME                        SHORTNAMES   APIVERSION                 NAMESPACED   KIND
        configmaps                  cm           v1                         true         ConfigMap
        events                      ev           v1                         true         Event
        namespaces                  ns           v1                         false        Namespace
        nodes                       no           v1                         false        Node
        persistentvolumeclaims      pvc          v1                         true         PersistentVolumeClaim
        persistentvolumes           pv           v1                         false        PersistentVolume
        pods                        po           v1                         true         Pod
        secrets                                  v1                         true         Secret
        serviceaccounts             sa           v1                         true         ServiceAccount
        services                    svc          v1                         true         Service
        customresourcedefinitions   crd,crds     apiextensions.k8s.io/v1    false        CustomResourceDefinition
        selfsubjectreviews                       authentication.k8s.io/v1   false        SelfSubjectReview
        selfsubjectaccessreviews                 authorization.k8s.io/v1    false        SelfSubjectAccessReview
        leases                                   coordination.k8s.io/v1     true         Lease
    "#]]).await;
    rig.run("create -f -", &widgets().to_string()).await;
    rig.check(
        "get crd",
        "",
        expect![[r#"
        NAME            CREATED AT
        widgets.x.dev   2026-11-24T06:00:00Z
    "#]],
    )
    .await;
    let widget =
        json!({"apiVersion": "x.dev/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": 3}});
    rig.check(
        "apply -f -",
        &widget.to_string(),
        expect![[r#"
        widget.x.dev/a created
    "#]],
    )
    .await;
    rig.check(
        "apply --server-side -f -",
        &widget.to_string(),
        expect![[r#"
        widget.x.dev/a serverside-applied
    "#]],
    )
    .await;
    rig.check(
        "get wd",
        "",
        expect![[r#"
            NAME   SIZE   AGE
            a      3      0s
        "#]],
    )
    .await;
    rig.check(
        "explain widget.spec",
        "",
        expect![[r#"
            GROUP:      x.dev
            KIND:       Widget
            VERSION:    v1

            FIELD: spec <Object>


            DESCRIPTION:
                <empty>
            FIELDS:
              mode	<string>
                <no description>

              size	<integer> -required-
                <no description>


        "#]],
    )
    .await;
    rig.check(
        "explain pod.spec.restartPolicy",
        "",
        expect![[r#"
        KIND:       Pod
        VERSION:    v1

        FIELD: restartPolicy <string>


        DESCRIPTION:
            Restart policy for all containers within the pod. One of Always, OnFailure,
            Never. In some contexts, only a subset of those values may be permitted.
            Default to Always. More info:
            https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy


    "#]],
    )
    .await;
    rig.check(
        "auth can-i create pods",
        "",
        expect![[r#"
        yes
    "#]],
    )
    .await;
    rig.check(
        "create configmap c --from-literal=a=1",
        "",
        expect![[r#"
        configmap/c created
    "#]],
    )
    .await;
    rig.check(
        "create secret generic s --from-literal=a=1",
        "",
        expect![[r#"
        secret/s created
    "#]],
    )
    .await;
    rig.check(
        "get cm,secret,sa,ns",
        "",
        expect![[r#"
            NAME          DATA   AGE
            configmap/c   1      0s

            NAME       TYPE     DATA   AGE
            secret/s   Opaque   1      0s

            NAME                     SECRETS   AGE
            serviceaccount/default   0         0s

            NAME                        STATUS   AGE
            namespace/default           Active   0s
            namespace/kube-node-lease   Active   0s
            namespace/kube-system       Active   0s
        "#]],
    )
    .await;
    rig.check(
        "create namespace team",
        "",
        expect![[r#"
        namespace/team created
    "#]],
    )
    .await;
    rig.check(
        "delete namespace team",
        "",
        expect![[r#"
            namespace "team" deleted
        "#]],
    )
    .await;
    rig.check(
        "delete crd widgets.x.dev",
        "",
        expect![[r#"
        customresourcedefinition.apiextensions.k8s.io "widgets.x.dev" deleted
    "#]],
    )
    .await;
    let pod: Pod = from(json!({"metadata": {"name": "p"}, "spec": {"containers": []}}));
    let pod = serde_json::to_string(&pod).unwrap();
    rig.check(
        "create --validate=false -f -",
        &pod,
        expect![[r#"
        The Pod "p" is invalid: spec.containers: Required value
        exit code 1
    "#]],
    )
    .await;
    rig.check(
        "--token=wrong get pods",
        "",
        expect![[r#"
        error: You must be logged in to the server (Unauthorized)
        exit code 1
    "#]],
    )
    .await;
    rig.shutdown.cancel();
}
