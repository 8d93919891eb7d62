//! Commands run in process against an embedded API server, on which a script plays the workflow controller.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use anstream::adapter::strip_str;
use apiserver::{ApiServer, Config, Durability, User};
use clap::Parser as _;
use cli::context::Context;
use cli::ui::Ui;
use cli::{
    Cli, ControlOptions, Exit, Leases, Platform, PlatformError, PlatformOptions, Rights, Running,
    ScheduleOptions,
};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use kinds::k8s::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kinds::kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
};
use kinds::kube::runtime::{WatchStreamExt as _, watcher};
use kinds::kube::{Api, Client};
use meta::Timestamp;
use meta::host::{Clock, Host, Random};
use serde_json::Value;
use store::{Options, SimDisk, Store};
use tokio_util::sync::CancellationToken;

/// A clock that stands still, at 2026-11-24T06:00:00Z.
struct Still;
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_795_500_000).unwrap()
    }
}

/// Every byte differs from the last.
struct Counted(AtomicU8);
impl Random for Counted {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A server that knows Argo's kinds, and a folder for files.
pub struct Bench {
    pub client: Client,
    pub dir: tempfile::TempDir,
    server: ApiServer,
    platform: Arc<Fake>,
}

/// What a command left behind.
pub struct Outcome {
    pub exit: Exit,
    pub stdout: String,
    pub stderr: String,
}

/// A platform that is the bench's own server, or that does not start.
struct Fake {
    client: Client,
    refuse: std::sync::Mutex<Option<PlatformError>>,
    started: AtomicBool,
}

impl Platform for Fake {
    fn start(&self, _: PlatformOptions) -> BoxFuture<'_, Result<Running, PlatformError>> {
        self.started.store(true, Ordering::Relaxed);
        let result = match self.refuse.lock().unwrap().take() {
            Some(error) => Err(error),
            None => Ok(Running {
                client: self.client.clone(),
                kubeconfig: PathBuf::from("/nowhere/kubeconfig"),
                address: "https://127.0.0.1:1".to_owned(),
                notices: Vec::new(),
                failed: Box::pin(futures::future::pending()),
                full: Box::pin(futures::future::pending()),
                shutdown: Box::new(|| Box::pin(async {})),
            }),
        };
        Box::pin(async { result })
    }

    fn control(
        &self,
        _: Client,
        _: ControlOptions,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, Result<(), PlatformError>> {
        Box::pin(async move {
            shutdown.cancelled().await;
            Ok(())
        })
    }

    fn schedule(
        &self,
        _: Client,
        _: ScheduleOptions,
        shutdown: CancellationToken,
    ) -> BoxFuture<'_, Result<(), PlatformError>> {
        Box::pin(async move {
            shutdown.cancelled().await;
            Ok(())
        })
    }

    fn rights(&self, _: Leases<'_>) -> Rights {
        Rights::default()
    }
}

impl Bench {
    pub async fn new() -> Self {
        let store = Store::open(Arc::new(SimDisk::new(1)), &Options::inline()).unwrap();
        let host = Host {
            clock: Arc::new(Still),
            random: Arc::new(Counted(AtomicU8::new(0))),
        };
        // `PLIMSOLL_SHAPES` names a folder: what is asked for is recorded there.
        let folder = std::env::var_os("PLIMSOLL_SHAPES");
        let config = Config {
            witness: folder.map(|folder| apiserver::record_shapes(folder.as_ref()).unwrap()),
            ..Config::new(host)
        };
        let server = ApiServer::new(store, config).await.unwrap();
        let client = Client::new(
            server.client_service(User::admin("admin"), Durability::Appended),
            "default",
        );
        let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
        for definition in kinds::crds() {
            let definition = serde_json::from_value(definition).unwrap();
            definitions
                .create(&PostParams::default(), &definition)
                .await
                .unwrap();
        }
        let platform = Arc::new(Fake {
            client: client.clone(),
            refuse: std::sync::Mutex::new(None),
            started: AtomicBool::new(false),
        });
        Self {
            client,
            dir: tempfile::tempdir().unwrap(),
            server,
            platform,
        }
    }

    /// Takes away the definitions that the server began with.
    pub async fn forget_definitions(&self) {
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for definition in kinds::crds() {
            let name = definition["metadata"]["name"].as_str().unwrap();
            definitions.delete(name, &DeleteParams::default()).await.unwrap();
        }
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The next platform does not start.
    pub fn refuse(&self, error: PlatformError) {
        *self.platform.refuse.lock().unwrap() = Some(error);
    }

    /// Whether a platform was asked for.
    pub fn started(&self) -> bool {
        self.platform.started.load(Ordering::Relaxed)
    }

    /// Runs one command line; `DIR` in it stands for the bench's folder.
    pub async fn run(&self, line: &str) -> Outcome {
        self.run_with(&self.client, line).await
    }

    /// Runs one command line as someone who may do only this.
    pub async fn run_limited(&self, rules: Vec<apiserver::PolicyRule>, line: &str) -> Outcome {
        let user = User::limited("someone", rules);
        let service = self.server.client_service(user, Durability::Appended);
        self.run_with(&Client::new(service, "default"), line).await
    }

    /// Runs one command line against the server behind this client.
    pub async fn run_with(&self, client: &Client, line: &str) -> Outcome {
        let dir = self.dir.path().display().to_string();
        let words = line
            .split_whitespace()
            .map(|word| OsString::from(word.replace("DIR", &dir)));
        let parsed = Cli::try_parse_from(std::iter::once(OsString::from("plimsoll")).chain(words)).unwrap();
        let (ui, out, err) = Ui::captured();
        let home = self.dir.path().join("home").display().to_string();
        let variable = move |name: &str| (name == "HOME").then(|| home.clone());
        let mut context = Context::with(
            ui,
            parsed.globals.clone(),
            self.platform.clone(),
            Box::new(variable),
        );
        context.client = Some(client.clone());
        let result = cli::command::run(&context, parsed).await;
        let exit = cli::finish(&context, result);
        let plain = |text: String| strip_str(&text).to_string().replace(&dir, "DIR");
        Outcome {
            exit,
            stdout: plain(out.text()),
            stderr: plain(err.text()),
        }
    }

    pub fn workflows(&self) -> Api<DynamicObject> {
        Api::default_namespaced_with(self.client.clone(), &workflows())
    }

    /// How many objects of the kind there are.
    pub async fn count(&self, version: &str, kind: &str) -> usize {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = Api::default_namespaced_with(self.client.clone(), &resource);
        api.list(&kinds::kube::api::ListParams::default())
            .await
            .unwrap()
            .items
            .len()
    }

    /// Plays the controller: gives each workflow that appears the statuses of its script, one after the other.
    /// `NAME` in a status stands for the workflow's name.
    pub fn play(&self, scripts: BTreeMap<String, Vec<Value>>) -> tokio::task::JoinHandle<()> {
        let api = self.workflows();
        tokio::spawn(async move {
            let mut seen = std::collections::BTreeSet::new();
            let mut workflows = watcher(api.clone(), watcher::Config::default())
                .applied_objects()
                .boxed();
            while let Some(workflow) = workflows.next().await {
                let name = workflow.unwrap().metadata.name.unwrap();
                let script = scripts
                    .iter()
                    .find(|(prefix, _)| name.starts_with(prefix.as_str()));
                if let (true, Some((_, statuses))) = (seen.insert(name.clone()), script) {
                    for status in statuses {
                        let status: Value =
                            serde_json::from_str(&status.to_string().replace("NAME", &name)).unwrap();
                        let patch = Patch::Merge(serde_json::json!({ "status": status }));
                        api.patch(&name, &PatchParams::default(), &patch).await.unwrap();
                    }
                }
            }
        })
    }
}

pub fn workflows() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Workflow"))
}

/// Whether the path, in the bench's folder, exists.
pub fn exists(bench: &Bench, name: &str) -> bool {
    Path::new(bench.dir.path()).join(name).exists()
}
