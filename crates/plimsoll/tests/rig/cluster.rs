//! A namespace of the rig, controllers for it, and what happened to its pods.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt as _;
use kinds::k8s::api::core::v1::{Namespace, Node, Pod};
use kinds::kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use kinds::kube::config::{KubeConfigOptions, Kubeconfig};
use kinds::kube::core::GroupVersionKind;
use kinds::kube::runtime::{WatchStreamExt as _, watcher};
use kinds::kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

use crate::rights;

/// How long anything may take on a busy machine. No test fails for being slow before this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// How often something that will be so is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Every uid that a pod of a name had.
type Seen = BTreeMap<String, BTreeSet<String>>;

/// A namespace of the rig.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    admin: PathBuf,
    /// The controller's own, with its own rights.
    controllers: tempfile::NamedTempFile,
    seen: Arc<Mutex<Seen>>,
    _watching: AbortOnDropHandle<()>,
}

/// A replica of the controller; killed when dropped.
pub(crate) struct Controller {
    child: Child,
}

impl Cluster {
    /// A fresh namespace, if there is a rig.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        let Some(kubeconfig) = std::env::var_os("PLIMSOLL_RIG_KUBECONFIG") else {
            eprintln!("passed over: PLIMSOLL_RIG_KUBECONFIG names no rig (`cargo xtask rig up`)");
            return None;
        };
        let admin = PathBuf::from(kubeconfig);
        let read = Kubeconfig::read_from(&admin).expect("a kubeconfig");
        let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
            .await
            .expect("a usable kubeconfig");
        config.proxy_url = None;
        let client = Client::try_from(config).expect("a client");
        let namespace = format!("{test}-{}", std::process::id());
        make_namespace(&client, &namespace).await;
        let controllers = tempfile::NamedTempFile::new().expect("a temporary file");
        let seen = Arc::default();
        let watching = AbortOnDropHandle::new(tokio::spawn(watch_pods(
            Api::namespaced(client.clone(), &namespace),
            Arc::clone(&seen),
        )));
        let cluster = Self {
            client,
            namespace,
            admin,
            controllers,
            seen,
            _watching: watching,
        };
        // The replicas are processes of the test, with the rights of the installation's account and no others.
        cluster.run(&["install", "--yes", "--replicas", "0"]);
        let rights = rights::of_controller(&cluster.client, &cluster.namespace, &cluster.admin).await;
        std::fs::write(cluster.controllers.path(), rights.to_string()).expect("written");
        Some(cluster)
    }

    /// Runs a command as the administrator: what it prints, and what it says besides.
    pub(crate) fn run(&self, arguments: &[&str]) -> (String, String) {
        self.run_as(&self.admin, arguments)
    }

    /// Runs a command as whoever a kubeconfig names.
    pub(crate) fn run_as(&self, kubeconfig: &Path, arguments: &[&str]) -> (String, String) {
        let done = self.plimsoll(kubeconfig, arguments).output();
        let done = done.expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (printed, said) = (text(done.stdout), text(done.stderr));
        assert!(done.status.success(), "{arguments:?}: {said}");
        (printed, said)
    }

    /// The administrator's kubeconfig.
    pub(crate) fn admin(&self) -> &Path {
        &self.admin
    }

    pub(crate) fn plimsoll(&self, kubeconfig: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plimsoll"));
        command
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--namespace", &self.namespace])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Starts a replica of this name.
    pub(crate) fn controller(&self, identity: &str) -> Controller {
        Controller::start(&mut self.controller_command(identity))
    }

    /// The command of a replica of this name.
    pub(crate) fn controller_command(&self, identity: &str) -> Command {
        let arguments = [
            "controller",
            "--no-listen",
            "--instance-id",
            &self.namespace,
            "--identity",
            identity,
        ];
        self.plimsoll(self.controllers.path(), &arguments)
    }

    /// Starts a shadow, whose decisions are read from its output.
    pub(crate) fn shadow(&self) -> Controller {
        let arguments = [
            "controller",
            "--no-listen",
            "--shadow",
            "--instance-id",
            &self.namespace,
        ];
        let mut command = self.plimsoll(self.controllers.path(), &arguments);
        Controller::start(command.stdout(Stdio::piped()))
    }

    fn workflows(&self) -> Api<DynamicObject> {
        self.of_argo("Workflow")
    }

    /// The objects of a kind of Argo's.
    pub(crate) fn of_argo(&self, kind: &str) -> Api<DynamicObject> {
        self.of(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", kind))
    }

    /// The objects of a kind of the core group.
    pub(crate) fn of_core(&self, kind: &str) -> Api<DynamicObject> {
        self.of(&GroupVersionKind::gvk("", "v1", kind))
    }

    fn of(&self, kind: &GroupVersionKind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::from_gvk(kind))
    }

    /// The pods of the namespace.
    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Submits a workflow of this spec, whose pods go to fake nodes.
    pub(crate) async fn submit(&self, name: &str, mut spec: Value) {
        spec["nodeSelector"] = json!({"rig.plimsoll.dev/fake": "true"});
        spec["tolerations"] = json!([{"key": "rig.plimsoll.dev/fake", "operator": "Exists"}]);
        self.submit_as_it_is(name, spec).await;
    }

    /// Submits a workflow of this spec.
    pub(crate) async fn submit_as_it_is(&self, name: &str, spec: Value) {
        let workflow = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": name,
                "labels": {"workflows.argoproj.io/controller-instanceid": self.namespace},
            },
            "spec": spec,
        });
        let workflow = serde_json::from_value(workflow).expect("a workflow");
        let created = self.workflows().create(&PostParams::default(), &workflow).await;
        created.expect("the workflow is accepted");
    }

    /// The workflow as it is now.
    pub(crate) async fn workflow(&self, name: &str) -> Value {
        let workflow = self.workflows().get(name).await.expect("the workflow is there");
        serde_json::to_value(workflow).expect("JSON")
    }

    /// The workflow once it is over.
    pub(crate) async fn ended(&self, name: &str) -> Value {
        self.until(name, "is over", |workflow| {
            let phase = workflow["status"]["phase"].as_str().unwrap_or_default();
            let completed = &workflow["metadata"]["labels"]["workflows.argoproj.io/completed"];
            matches!(phase, "Succeeded" | "Failed" | "Error") && completed == "true"
        })
        .await
    }

    /// The workflow once it is as told.
    pub(crate) async fn until(&self, name: &str, what: &str, told: impl Fn(&Value) -> bool) -> Value {
        let workflow = eventually(async || Some(self.workflow(name).await).filter(|w| told(w))).await;
        match workflow {
            Some(workflow) => workflow,
            None => panic!("{name} never {what}: {:#}", self.workflow(name).await["status"]),
        }
    }

    /// The names of the nodes of a workflow that are in this phase.
    pub(crate) async fn nodes_in(&self, name: &str, phase: &str) -> usize {
        nodes(&self.workflow(name).await)
            .filter(|node| node["phase"] == phase)
            .count()
    }

    /// Waits until all pods that there are have succeeded, without a controller.
    pub(crate) async fn until_pods_succeeded(&self) {
        let done = async || {
            let pods = self.pods().list(&ListParams::default()).await.expect("a list");
            pods.iter().all(|pod| phase(pod) == "Succeeded").then_some(())
        };
        eventually(done)
            .await
            .expect("what runs ends without a controller");
    }

    /// Deletes pods for which this holds.
    pub(crate) async fn delete_pods(&self, which: impl Fn(&Pod) -> bool) -> usize {
        let pods = self.pods();
        let all = pods.list(&ListParams::default()).await.expect("a list");
        let chosen: Vec<String> = all
            .into_iter()
            .filter(which)
            .filter_map(|pod| pod.metadata.name)
            .collect();
        for name in &chosen {
            pods.delete(name, &DeleteParams::default())
                .await
                .expect("deleted");
        }
        chosen.len()
    }

    /// Asserts that no pod was made twice, and how many there were.
    pub(crate) fn each_pod_was_made_once(&self, expected: usize) {
        let seen = self.seen.lock().expect("no panic while it is held");
        let twice: Vec<_> = seen.iter().filter(|(_, uids)| uids.len() > 1).collect();
        assert!(twice.is_empty(), "made twice: {twice:?}");
        assert_eq!(seen.len(), expected, "{:?}", seen.keys());
    }

    /// Whether the rig has a real node.
    pub(crate) async fn has_real_node(&self) -> bool {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let real = ListParams::default().labels("rig.plimsoll.dev/real=true");
        let found = !nodes.list(&real).await.expect("a list").items.is_empty();
        if !found {
            eprintln!("passed over: the rig has no real node (`cargo xtask rig up --real-node`)");
        }
        found
    }

    /// Takes the namespace away. Left out where a test fails: people look at it then.
    pub(crate) async fn remove(self) {
        self.run(&["uninstall", "--yes"]);
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
    }
}

impl Controller {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self {
            child: command.spawn().expect("the binary starts"),
        }
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a process id"), signal).expect("it runs");
    }

    /// What it prints.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("a shadow's output is taken once")
    }

    /// Waits until it has ended by itself; whether in good order.
    pub(crate) fn wait(mut self) -> bool {
        self.child.wait().expect("it ends").success()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The phase of a pod.
pub(crate) fn phase(pod: &Pod) -> &str {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// The nodes of a workflow.
pub(crate) fn nodes(workflow: &Value) -> impl Iterator<Item = &Value> {
    workflow["status"]["nodes"]
        .as_object()
        .into_iter()
        .flat_map(|nodes| nodes.values())
}

/// The node of this display name.
pub(crate) fn node<'a>(workflow: &'a Value, name: &str) -> &'a Value {
    nodes(workflow)
        .find(|node| node["displayName"] == name)
        .unwrap_or_else(|| panic!("no node {name} in {:#}", workflow["status"]))
}

/// What `look` finds at last, if it ever does.
pub(crate) async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> Option<T> {
    let until = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < until {
        if let Some(found) = look().await {
            return Some(found);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    None
}

/// A namespace in which pods may be made.
pub(crate) async fn make_namespace(client: &Client, name: &str) {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = json!({"metadata": {"name": name}});
    let namespace = serde_json::from_value(namespace).expect("a namespace");
    let made = namespaces.create(&PostParams::default(), &namespace).await;
    made.expect("the namespace is accepted");
    // Pods are refused in a namespace without its account.
    let accounts: Api<kinds::k8s::api::core::v1::ServiceAccount> = Api::namespaced(client.clone(), name);
    let account = eventually(async || accounts.get_opt("default").await.ok().flatten()).await;
    account.expect("the namespace gets its account");
}

async fn watch_pods(pods: Api<Pod>, seen: Arc<Mutex<Seen>>) {
    let mut events = Box::pin(watcher(pods, watcher::Config::default()).default_backoff());
    loop {
        // What cannot be had now is listed again.
        if let Ok(Some(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod))) = events.try_next().await
        {
            let (name, uid) = (
                pod.metadata.name.unwrap_or_default(),
                pod.metadata.uid.unwrap_or_default(),
            );
            seen.lock()
                .expect("no panic while it is held")
                .entry(name)
                .or_default()
                .insert(uid);
        }
    }
}
