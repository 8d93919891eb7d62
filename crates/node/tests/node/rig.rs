//! A node with an API server of its own.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use apiserver::{ApiServer, Config, Durability, User};
use futures::StreamExt;
use kinds::k8s::api::core::v1::{Event, Pod};
use kinds::kube::api::PostParams;
use kinds::kube::core::DynamicObject;
use kinds::kube::discovery::ApiResource;
use kinds::kube::runtime::wait::await_condition;
use kinds::kube::runtime::{WatchStreamExt, watcher};
use kinds::kube::{Api, Client};
use meta::Timestamp;
use meta::host::{Clock, Host, Random};
use node::{Image, LogRequest, Node, NodeConfig};
use serde_json::{Value, json};
use spawner::protocol::Abilities;
use store::{Options, RealDisk, SimDisk, Store};
use tempfile::TempDir;

pub(crate) const NODE: &str = "machine";
/// A lost event shows as a failure, not as a hang.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long something that is on its way may take; only what differs waits for it.
const A_WHILE: Duration = Duration::from_secs(10);

struct Machine;

impl Clock for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Random for Machine {
    fn fill(&self, bytes: &mut [u8]) {
        rustix::rand::getrandom(bytes, rustix::rand::GetRandomFlags::empty()).unwrap();
    }
}

fn host() -> Host {
    Host {
        clock: Arc::new(Machine),
        random: Arc::new(Machine),
    }
}

/// Runs a test's body on a runtime of its own.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

pub(crate) struct Rig {
    pub(crate) client: Client,
    pub(crate) node: Option<Node>,
    pub(crate) dir: Arc<TempDir>,
    /// The node's.
    pub(crate) directory: std::path::PathBuf,
    server: ApiServer,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let dir = Arc::new(TempDir::new().unwrap());
        let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
        Self::with(dir, store).await
    }

    /// A rig whose objects outlive it.
    pub(crate) async fn durable(path: &Path) -> Self {
        let disk = RealDisk::open(path.join("store")).unwrap();
        let store = Store::open(Arc::new(disk), &Options::default()).unwrap();
        // The directory belongs to whoever made it.
        let mut dir = tempfile::Builder::new().tempdir_in(path).unwrap();
        dir.disable_cleanup(true);
        let server = ApiServer::new(store, Config::new(host())).await.unwrap();
        let client = Client::new(
            server.client_service(User::admin("node"), Durability::Durable),
            "default",
        );
        let mut rig = Self {
            client,
            node: None,
            dir: Arc::new(dir),
            directory: path.join("node"),
            server,
        };
        rig.start_in(path).await;
        rig
    }

    async fn with(dir: Arc<TempDir>, store: Store) -> Self {
        let server = ApiServer::new(store, Config::new(host())).await.unwrap();
        let client = Client::new(
            server.client_service(User::admin("test"), Durability::Durable),
            "default",
        );
        let mut rig = Self {
            client,
            node: None,
            directory: dir.path().join("node"),
            dir,
            server,
        };
        rig.start().await;
        rig
    }

    /// Starts the node, or starts it again.
    pub(crate) async fn start(&mut self) {
        let dir = self.dir.clone();
        self.start_in(dir.path()).await;
    }

    async fn start_in(&mut self, path: &Path) {
        let client = Client::new(
            self.server
                .client_service(User::admin("node"), Durability::Durable),
            "default",
        );
        self.node = Some(Node::start(client, config(path)).await.unwrap());
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop().await;
        }
    }

    pub(crate) fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn namespace(&self, name: &str) {
        self.create(
            "default",
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        )
        .await;
    }

    /// Creates any object; a pod is bound to the node, as the scheduler would.
    pub(crate) async fn create(&self, namespace: &str, object: &Value) {
        let mut object = object.clone();
        if object["kind"] == "Pod" {
            object["spec"]["nodeName"] = NODE.into();
        }
        let kind = object["kind"].as_str().unwrap().to_owned();
        let resource = ApiResource {
            group: String::new(),
            version: "v1".to_owned(),
            api_version: "v1".to_owned(),
            plural: format!("{}s", kind.to_lowercase()),
            kind: kind.clone(),
        };
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        let api: Api<DynamicObject> = match kind.as_str() {
            "Namespace" => Api::all_with(self.client.clone(), &resource),
            _ => Api::namespaced_with(self.client.clone(), namespace, &resource),
        };
        api.create(&PostParams::default(), &object).await.unwrap();
    }

    /// Creates a pod named `p` of one container that runs `script`.
    pub(crate) async fn run(&self, namespace: &str, script: &str) {
        self.create(namespace, &pod(script)).await;
    }

    /// Waits until the pod `p` is as wished.
    pub(crate) async fn until(&self, namespace: &str, wish: impl Fn(&Pod) -> bool) -> Pod {
        let condition = |pod: Option<&Pod>| pod.is_some_and(&wish);
        let pods = self.pods(namespace);
        let wait = tokio::time::timeout(PATIENCE, await_condition(pods.clone(), "p", condition)).await;
        match wait {
            Ok(found) => found.unwrap().unwrap(),
            Err(_) => panic!("not as wished in time: {:?}", pods.get("p").await.unwrap().status),
        }
    }

    pub(crate) async fn finished(&self, namespace: &str) -> Pod {
        self.until(namespace, |pod| matches!(phase(pod), "Succeeded" | "Failed"))
            .await
    }

    /// Waits until the pod `p` is gone.
    pub(crate) async fn gone(&self, namespace: &str) {
        let gone = await_condition(self.pods(namespace), "p", |pod: Option<&Pod>| pod.is_none());
        tokio::time::timeout(PATIENCE, gone)
            .await
            .expect("the pod is gone in time")
            .unwrap();
    }

    /// What a container writes until it ends.
    pub(crate) async fn log(&self, pod: &Pod, container: &str) -> Option<String> {
        self.log_until(pod, (container, false), |_| false).await
    }

    /// What a container has written, once it is as wished, or at the container's end or after a while as it is.
    pub(crate) async fn log_until(
        &self,
        pod: &Pod,
        (container, previous): (&str, bool),
        wish: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let request = LogRequest {
            uid: pod.metadata.uid.clone().unwrap(),
            pod: "p".into(),
            container: container.into(),
            previous,
            follow: true,
            ..LogRequest::default()
        };
        let mut stream = pin!(self.node.as_ref().unwrap().logs(&request).ok()?);
        let (mut seen, mut deadline) = (Vec::new(), pin!(tokio::time::sleep(A_WHILE)));
        while !wish(&printable(&seen)) {
            tokio::select! {
                chunk = stream.next() => match chunk {
                    Some(chunk) => seen.extend_from_slice(&chunk),
                    None => break,
                },
                () = &mut deadline => break,
            }
        }
        Some(printable(&seen))
    }

    /// The events of a namespace, once they are as wished, or after a while as they are.
    pub(crate) async fn events_until(&self, namespace: &str, wish: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let events = Api::<Event>::namespaced(self.client.clone(), namespace);
        let mut stream = pin!(watcher(events, watcher::Config::default()).applied_objects());
        let (mut seen, deadline) = (Vec::new(), tokio::time::sleep(A_WHILE));
        let mut deadline = pin!(deadline);
        while !wish(&seen) {
            tokio::select! {
                Some(event) = stream.next() => seen.extend(event.ok()),
                () = &mut deadline => break,
            }
        }
        seen
    }

    pub(crate) fn abilities(&self) -> &Abilities {
        self.node.as_ref().unwrap().abilities()
    }

    pub(crate) fn has_sandbox(&self) -> bool {
        let abilities = self.abilities();
        if let Some(obstacle) = &abilities.obstacle {
            eprintln!("skipped: {obstacle}");
        }
        abilities.sandbox
    }
}

/// Bytes as text: `\\xff` for what is none, and line ends as the recorded logs have them.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text.replace("\r\n", "\n")
}

impl Drop for Rig {
    /// A spawner without processes ends at once; one with is killed with its directory's last rig.
    fn drop(&mut self) {
        if Arc::strong_count(&self.dir) == 1 {
            kill_spawner(&self.dir.path().join("node"));
        }
    }
}

/// Kills the spawner of a directory, as by `kill -9`, and with it what it runs.
pub(crate) fn kill_spawner(directory: &Path) {
    use spawner::frame::{Inbox, encode};
    use spawner::protocol::{Message, Request, VERSION};
    use std::io::{Read, Write};
    let Ok(mut stream) = spawner::connect(directory) else {
        return;
    };
    let mut bytes = Vec::new();
    encode(&Request::Hello { version: VERSION }, &mut bytes).unwrap();
    let mut buffer = [0; 4096];
    let length = stream
        .write_all(&bytes)
        .and_then(|()| stream.read(&mut buffer))
        .unwrap_or(0);
    let mut inbox = Inbox::default();
    inbox.extend(&buffer[..length]);
    if let Ok(Some(Message::Welcome { pid, .. })) = inbox.take() {
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

fn config(path: &Path) -> NodeConfig {
    let path_variable = std::env::var("PATH").unwrap_or_default();
    NodeConfig {
        gpus: None,
        simulated: false,
        name: NODE.to_owned(),
        directory: path.join("node"),
        program: std::env::current_exe().unwrap(),
        host: host(),
        images: vec![stand_in(path)],
        environment: vec![("PATH".into(), path_variable), ("HOME".into(), "/root".into())],
        visible: vec![path.to_owned()],
        visible_to_program: Vec::new(),
        address: "127.0.0.1".to_owned(),
        capacity: node::Capacity::default(),
        sandbox: true,
        refresh: std::time::Duration::from_millis(20),
        api: None,
    }
}

/// What stands for busybox: this machine's programs, with bash as `sh` where there is one, as its exit codes are those of
/// busybox's.
fn stand_in(path: &Path) -> Image {
    let programs = path.join("busybox");
    let bash = ["/bin/bash", "/usr/bin/bash"]
        .iter()
        .find(|path| Path::new(path).exists());
    std::fs::create_dir_all(&programs).unwrap();
    if let Some(bash) = bash {
        let _ = std::os::unix::fs::symlink(bash, programs.join("sh"));
    }
    Image {
        pattern: "busybox".to_owned(),
        programs: Some(programs),
        ..Image::default()
    }
}

pub(crate) fn pod(script: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "c", "image": "busybox", "command": ["sh", "-c", script]}],
        },
    })
}

pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// The first container's state, as `terminated 0 Completed`.
pub(crate) fn state(pod: &Pod) -> String {
    let status = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref()?.first());
    let Some(state) = status.and_then(|status| status.state.as_ref()) else {
        return String::new();
    };
    if let Some(ended) = &state.terminated {
        return format!(
            "terminated {} {}",
            ended.exit_code,
            ended.reason.as_deref().unwrap_or_default()
        );
    }
    if let Some(waiting) = &state.waiting {
        return format!("waiting {}", waiting.reason.as_deref().unwrap_or_default());
    }
    "running".to_owned()
}
