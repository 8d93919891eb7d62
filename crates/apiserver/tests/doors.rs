//! The unix socket, https, and who may come in with what.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use apiserver::ApiServer;
use common::{client, from, pod, server};
use http::{HeaderValue, Request};
use hyper_util::rt::TokioIo;
use kinds::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::kube::api::{DeleteParams, PostParams};
use kinds::kube::client::Body;
use kinds::kube::{Api, Client};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

/// A client over the socket, with a bearer token if there is one.
async fn through(socket: &Path, token: Option<&str>) -> Client {
    let stream = UnixStream::connect(socket).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let sender = std::sync::Arc::new(tokio::sync::Mutex::new(sender));
    let token = token.map(|token| HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    let service = service_fn(move |mut request: Request<Body>| {
        let sender = std::sync::Arc::clone(&sender);
        if let Some(token) = &token {
            request.headers_mut().insert("authorization", token.clone());
        }
        request
            .headers_mut()
            .insert("host", HeaderValue::from_static("localhost"));
        async move { sender.lock().await.send_request(request).await }
    });
    Client::new(service, "default")
}

struct Door {
    server: ApiServer,
    home: tempfile::TempDir,
    shutdown: CancellationToken,
    done: tokio::task::JoinHandle<()>,
}

impl Door {
    async fn new() -> Self {
        let server = server().await;
        let home = tempfile::tempdir().unwrap();
        let shutdown = CancellationToken::new();
        let serving = server
            .serve_unix(&home.path().join("api.sock"), shutdown.clone())
            .unwrap();
        Self {
            server,
            home,
            shutdown,
            done: tokio::spawn(serving),
        }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.home.path().join("api.sock")
    }
}

async fn get(client: &Client, path: &str) -> u16 {
    client
        .send(Request::get(path).body(Body::empty()).unwrap())
        .await
        .unwrap()
        .status()
        .as_u16()
}

#[tokio::test]
async fn the_socket_is_the_owners() {
    let door = Door::new().await;
    let mode = std::fs::metadata(door.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let client = through(&door.socket(), None).await;
    assert_eq!(get(&client, "/readyz").await, 200);
    assert_eq!(get(&client, "/api/v1/secrets").await, 200);
    let stranger = through(&door.socket(), Some("nonsense")).await;
    assert_eq!(get(&stranger, "/api/v1/secrets").await, 401);
}

/// Asks for a token bound to a pod.
async fn token(server: &ApiServer, pod: &str, uid: &str) -> String {
    let request = json!({"spec": {"expirationSeconds": 3600,
        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": pod, "uid": uid}}});
    let request = Request::post("/api/v1/namespaces/default/serviceaccounts/default/token")
        .header("content-type", "application/json")
        .body(request.to_string().into_bytes())
        .unwrap();
    let answer: Value = client(server).request(request).await.unwrap();
    answer["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pods_token_reports_results_and_does_nothing_else() {
    let door = Door::new().await;
    let admin = client(&door.server);
    let crds: Api<CustomResourceDefinition> = Api::all(admin.clone());
    for crd in kinds::argo::crds() {
        crds.create(&PostParams::default(), &from(crd)).await.unwrap();
    }
    let pods: Api<kinds::k8s::api::core::v1::Pod> = Api::default_namespaced(admin);
    let made = pods.create(&PostParams::default(), &pod("p")).await.unwrap();
    let token = token(&door.server, "p", made.metadata.uid.as_deref().unwrap()).await;
    let client = through(&door.socket(), Some(&token)).await;
    let results = "/apis/argoproj.io/v1alpha1/namespaces/default/workflowtaskresults";
    let result = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTaskResult", "metadata": {"name": "r"}});
    let create = Request::post(results).header("content-type", "application/json");
    let create = create.body(result.to_string().into_bytes()).unwrap();
    client.request::<Value>(create).await.unwrap();
    assert_eq!(get(&client, &format!("{results}/r")).await, 200);
    for (path, code) in [
        (results.to_owned(), 403),
        (results.replace("/default/", "/kube-system/") + "/r", 403),
        ("/api/v1/namespaces/default/secrets".to_owned(), 403),
        ("/api/v1/namespaces/default/pods/p".to_owned(), 403),
    ] {
        assert_eq!(get(&client, &path).await, code, "{path}");
    }
    pods.delete("p", &DeleteParams::default()).await.unwrap();
    assert_eq!(
        get(&client, &format!("{results}/r")).await,
        401,
        "the token ends with its pod"
    );
}

#[tokio::test]
async fn a_pod_that_acts_for_its_maker_may_do_what_they_may() {
    let door = Door::new().await;
    let pods: Api<kinds::k8s::api::core::v1::Pod> = Api::default_namespaced(client(&door.server));
    let mut acting = pod("p");
    acting.metadata.annotations = Some([("plimsoll.dev/acts".to_owned(), "true".to_owned())].into());
    let made = pods.create(&PostParams::default(), &acting).await.unwrap();
    let token = token(&door.server, "p", made.metadata.uid.as_deref().unwrap()).await;
    let client = through(&door.socket(), Some(&token)).await;
    assert_eq!(get(&client, "/api/v1/namespaces/kube-system/secrets").await, 200);
    pods.delete("p", &DeleteParams::default()).await.unwrap();
    assert_eq!(get(&client, "/api/v1/namespaces/kube-system/secrets").await, 401);
}

#[tokio::test]
async fn pods_of_accounts_that_are_not_there_are_refused() {
    let door = Door::new().await;
    let admin = client(&door.server);
    let pods: Api<kinds::k8s::api::core::v1::Pod> = Api::default_namespaced(admin.clone());
    let mut of_robot = pod("p");
    of_robot.spec.as_mut().unwrap().service_account_name = Some("robot".to_owned());
    let refused = pods.create(&PostParams::default(), &of_robot).await.unwrap_err();
    let why = "pods \"p\" is forbidden: error looking up service account default/robot: serviceaccount \"robot\" not found";
    assert!(refused.to_string().contains(why), "{refused}");
    let accounts: Api<kinds::k8s::api::core::v1::ServiceAccount> = Api::default_namespaced(admin);
    let robot = from(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}));
    accounts.create(&PostParams::default(), &robot).await.unwrap();
    pods.create(&PostParams::default(), &of_robot).await.unwrap();
}

#[tokio::test]
async fn going_down_ends_watches() {
    let door = Door::new().await;
    let client = through(&door.socket(), None).await;
    let watch = Request::get("/api/v1/pods?watch=true")
        .body(Body::empty())
        .unwrap();
    let answer = client.send(watch).await.unwrap();
    assert_eq!(answer.status(), 200);
    door.shutdown.cancel();
    assert!(End(answer.into_body()).await, "the watch ends");
    door.done.await.unwrap();
}

/// Resolves once a body has ended.
struct End(Body);
impl Future for End {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        use http_body::Body as _;
        loop {
            match Pin::new(&mut self.0).poll_frame(cx) {
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
