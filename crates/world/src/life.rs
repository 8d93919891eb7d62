//! The world's course: lives of the control plane, one after the other, until all workflows are over.
//!
//! ```text
//!   disk ─► life ─► killed (runtime dropped) ─► disk after the kill ─► life ─► ... ─► all over ─► checks
//!             machines and their processes go on ─────────────────────►
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use apiserver::{ApiServer, User};
use controller::faults::{FaultLayer, Profile};
use controller::{Context, Identity, Informers, Metrics};
use kinds::kube::Client;
use meta::Timestamp;
use meta::host::Host;
use meta::seeded::Seeded;
use serde_json::Value;
use store::{Durability, Options, Revision, SimDisk, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tower::Layer;

use crate::check;
use crate::clock::{BEGINNING, host, millis};
use crate::ledger::Ledger;
use crate::log::{Log, hash};
use crate::machine::{Machine, Processes};
use crate::scenario::Scenario;

/// Virtual time after which nothing goes wrong any more: what is to end must end then.
const TROUBLED_FOR: Duration = Duration::from_secs(20 * 60);
/// Virtual time that a life may take.
const LIFE_MAX: Duration = Duration::from_secs(2 * 60 * 60);
/// Virtual time in which everything comes to rest once all workflows are over.
const SETTLING: Duration = Duration::from_secs(60);
/// Events after which a life is given up: something goes round in circles.
const EVENTS_MAX: u64 = 50_000;

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// How the API behaves.
    pub api: Option<Profile>,
    /// How often the control plane is killed.
    pub kills: u32,
    /// How often a machine loses all its processes.
    pub losses: u32,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        api: None,
        kills: 0,
        losses: 0,
    };
    /// Everything goes wrong now and then.
    pub const ROUGH: Self = Self {
        api: Some(Profile::ROUGH),
        kills: 2,
        losses: 1,
    };
}

/// What happened in a world.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The seed.
    pub seed: u64,
    /// Everything that happened, in order.
    pub lines: Vec<String>,
    /// A hash over the lines.
    pub hash: u64,
    /// Every promise that was broken.
    pub problems: Vec<String>,
    /// Virtual milliseconds it took.
    pub millis: u64,
    /// Virtual milliseconds until all workflows were over.
    pub over_millis: u64,
    /// Lives of the control plane.
    pub lives: u32,
    /// Times a workflow's machine was compared with a rebuilt one.
    pub comparisons: u64,
}

/// How a life ended.
#[derive(Debug)]
enum End {
    Killed,
    Over(Vec<Value>),
    Stuck(String),
}

struct World {
    scenario: Scenario,
    faults: Faults,
    seed: Seeded,
    random: Seeded,
    disk: SimDisk,
    now: Timestamp,
    logged: Revision,
    log: Log,
    ledger: Ledger,
    processes: BTreeMap<String, Processes>,
    over: u64,
    lives: u32,
    comparisons: u64,
    divergences: u64,
    panics: u64,
}

/// Runs the world of this seed.
pub fn run(seed: u64, scenario: &Scenario, faults: Faults) -> Trace {
    let mut world = World::new(seed, scenario, faults);
    let (workflows, stuck) = loop {
        match world.live() {
            End::Killed => world.restart(),
            End::Over(workflows) => break (workflows, None),
            End::Stuck(why) => break (Vec::new(), Some(why)),
        }
    };
    world.trace(seed, &workflows, stuck)
}

impl World {
    fn new(seed: u64, scenario: &Scenario, faults: Faults) -> Self {
        let seed = Seeded::new(seed);
        let names = scenario.machines.iter().map(|(name, _)| name.clone());
        Self {
            random: seed.split("course"),
            disk: SimDisk::new(seed.split("disk").next()),
            processes: names.map(|name| (name, Processes::default())).collect(),
            scenario: scenario.clone(),
            faults,
            seed,
            now: BEGINNING,
            logged: Revision::ZERO,
            log: Log::default(),
            ledger: Ledger::default(),
            over: 0,
            lives: 0,
            comparisons: 0,
            divergences: 0,
            panics: 0,
        }
    }

    /// One life of the control plane, in a runtime of its own, which dies with it.
    fn live(&mut self) -> End {
        self.lives += 1;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        match runtime {
            Ok(runtime) => runtime.block_on(Box::pin(self.life())),
            Err(error) => End::Stuck(format!("no runtime: {error}")),
        }
    }

    fn restart(&mut self) {
        self.log.line(millis(self.now), "the control plane is killed");
        self.disk = self.disk.after_kill();
    }

    async fn life(&mut self) -> End {
        let host = host(self.now, self.seed.split(&format!("life {}", self.lives)));
        let started = async {
            let store = Store::open(Arc::new(self.disk.clone()), &Options::inline())?;
            let server = ApiServer::new(store.clone(), apiserver::Config::new(host.clone())).await;
            let server = server.map_err(|error| format!("{error:?}"))?;
            Ok::<_, Box<dyn std::error::Error>>((store, server))
        };
        let (store, server) = match started.await {
            Ok(started) => started,
            Err(error) => return End::Stuck(format!("the control plane does not start: {error}")),
        };
        if let Err(error) = submit(&server, &self.scenario).await {
            return End::Stuck(format!("nothing can be submitted: {error}"));
        }
        let metrics = Arc::new(Metrics::default());
        let api = Api {
            server,
            faults: self
                .faults
                .api
                .map(|profile| FaultLayer::new(profile, self.seed.split("api"))),
        };
        self.start(&api, &host, &metrics);
        let end = self.course(&store, &api, &host).await;
        self.comparisons += metrics.comparisons.get();
        self.divergences += metrics.divergences.get();
        self.panics += metrics.panics.get();
        self.now = host.now();
        end
    }

    /// Starts controllers and machines. They end with the runtime.
    fn start(&mut self, api: &Api, host: &Host, metrics: &Arc<Metrics>) {
        let shutdown = CancellationToken::new();
        let connect = {
            let api = api.clone();
            move |identity: &Identity| api.client(identity.user, Some(identity))
        };
        let mut config = controller::Config::embedded(controller::workflow::Config::default());
        if let Some(workflow) = &mut config.workflow {
            workflow.verify = true;
        }
        tokio::spawn(controller::run_all(
            connect,
            host.clone(),
            config,
            Arc::clone(metrics),
            shutdown.clone(),
        ));
        let client = api.client("system:node", None);
        let informers = Informers::new(client.clone(), shutdown.clone(), Arc::clone(metrics));
        let context = Context::new(client, informers, host.clone(), shutdown);
        let interrupted = Arc::new(Notify::new());
        for (name, cpus) in self.scenario.machines.clone() {
            let machine = Machine {
                name: name.clone(),
                cpus,
                processes: self.processes.get(&name).cloned().unwrap_or_default(),
                context: context.clone(),
                scenario: self.scenario.clone(),
                seed: self.seed.split("steps"),
                ledger: self.ledger.clone(),
                log: self.log.clone(),
                interrupted: Arc::clone(&interrupted),
            };
            self.lose_later(machine.clone());
            tokio::spawn(machine.serve());
        }
    }

    /// Some lives see a machine fail, at some time of the first minute.
    fn lose_later(&mut self, machine: Machine) {
        if self.faults.losses == 0 || self.random.below(4) != 0 {
            return;
        }
        self.faults.losses -= 1;
        let after = Duration::from_millis(self.random.below(60_000));
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            machine.lose_everything();
        });
    }

    /// Follows the store's events until the life ends.
    async fn course(&mut self, store: &Store, api: &Api, host: &Host) -> End {
        let kill_after = (self.faults.kills > 0).then(|| 10 + self.random.below(300));
        let healing = api.clone();
        tokio::spawn(async move {
            tokio::time::sleep(TROUBLED_FOR).await;
            healing.heal();
        });
        let following = self.follow(store, host, kill_after);
        let end = tokio::time::timeout(LIFE_MAX, following).await;
        match end {
            Err(_) => End::Stuck("the workflows did not end".to_owned()),
            Ok(Some(end)) => end,
            Ok(None) => {
                self.over = millis(host.now());
                api.heal();
                let settled = tokio::time::timeout(SETTLING, self.follow_on(store, host)).await;
                debug_assert!(settled.is_err(), "settling only ends by its time");
                End::Over(finals(store))
            }
        }
    }

    /// Logs events until all workflows are over (`None`), or the life's end comes first.
    async fn follow(&mut self, store: &Store, host: &Host, kill_after: Option<u64>) -> Option<End> {
        let mut open = Open::new(&self.scenario);
        open.see_all(store);
        let Ok(mut watcher) = store.watch("", self.logged, Durability::Appended) else {
            return Some(End::Stuck("the store forgot what was not logged".to_owned()));
        };
        let mut events = 0;
        while !open.is_over() {
            let Some(Ok(event)) = watcher.next().await else {
                return Some(End::Stuck("the store's watch ended".to_owned()));
            };
            self.log_event(&event, host);
            open.see(&event);
            events += 1;
            if kill_after == Some(events) {
                self.faults.kills -= 1;
                return Some(End::Killed);
            }
            if events > EVENTS_MAX {
                return Some(End::Stuck("something goes round in circles".to_owned()));
            }
        }
        None
    }

    async fn follow_on(&mut self, store: &Store, host: &Host) {
        let Ok(mut watcher) = store.watch("", self.logged, Durability::Appended) else {
            return;
        };
        while let Some(Ok(event)) = watcher.next().await {
            self.log_event(&event, host);
        }
    }

    fn log_event(&mut self, event: &store::Event, host: &Host) {
        let text = format!(
            "{} {:?} {} {:08x}",
            event.revision,
            event.kind,
            event.key,
            hash(&event.value)
        );
        self.log.line(millis(host.now()), &text);
        self.logged = event.revision;
    }

    fn trace(self, seed: u64, workflows: &[Value], stuck: Option<String>) -> Trace {
        let mut problems: Vec<String> = stuck.into_iter().collect();
        if problems.is_empty() {
            problems = check::problems(&self.scenario, &self.ledger, workflows);
        }
        if self.divergences > 0 {
            problems.push(format!(
                "{} machines differed from rebuilt ones",
                self.divergences
            ));
        }
        if self.panics > 0 {
            problems.push(format!("{} plans panicked", self.panics));
        }
        let lines = self.log.lines();
        Trace {
            seed,
            hash: hash(lines.join("\n").as_bytes()),
            lines,
            problems,
            millis: millis(self.now),
            over_millis: self.over,
            lives: self.lives,
            comparisons: self.comparisons,
        }
    }
}

/// The API server behind faults.
#[derive(Clone)]
struct Api {
    server: ApiServer,
    faults: Option<FaultLayer>,
}

impl Api {
    /// A client of a user; with an identity it has only that one's rights.
    fn client(&self, user: &str, identity: Option<&Identity>) -> Client {
        let user = User {
            name: user.to_owned(),
            groups: Vec::new(),
            rules: identity.map(|identity| identity.rules.iter().map(apiserver::PolicyRule::from).collect()),
        };
        let service = self.server.client_service(user, Durability::Appended);
        match &self.faults {
            Some(faults) => Client::new(faults.layer(service), "default"),
            None => Client::new(service, "default"),
        }
    }

    fn heal(&self) {
        if let Some(faults) = &self.faults {
            faults.heal();
        }
    }
}

/// Creates what the scenario starts with, unless an earlier life did.
async fn submit(server: &ApiServer, scenario: &Scenario) -> Result<(), Box<dyn std::error::Error>> {
    let admin = Api {
        server: server.clone(),
        faults: None,
    };
    let executor = controller::Executor::new(admin.client("system:admin", None), Arc::default());
    for (kind, object) in crate::install::objects(scenario) {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let key = meta::ObjectKey::new(text("/metadata/namespace"), text("/metadata/name"));
        match executor
            .write(&controller::Write::create(kind, key, object))
            .await
        {
            Ok(_) | Err(controller::Failure::AlreadyExists(_)) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    Ok(())
}

/// What is not over yet.
struct Open {
    workflows: BTreeSet<String>,
    held: BTreeSet<String>,
}

impl Open {
    fn new(scenario: &Scenario) -> Self {
        let name = |workflow: &Value| {
            workflow["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            workflows: scenario.workflows.iter().map(name).collect(),
            held: BTreeSet::new(),
        }
    }

    fn is_over(&self) -> bool {
        self.workflows.is_empty() && self.held.is_empty()
    }

    /// Takes in what the store holds already.
    fn see_all(&mut self, store: &Store) {
        for entry in store.list("").0 {
            self.see_value(&entry.key, &entry.value, false);
        }
    }

    fn see(&mut self, event: &store::Event) {
        self.see_value(&event.key, &event.value, event.kind == store::EventKind::Delete);
    }

    fn see_value(&mut self, key: &str, value: &[u8], deleted: bool) {
        let Ok(object) = serde_json::from_slice::<Value>(value) else {
            return;
        };
        let metadata = &object["metadata"];
        match object["kind"].as_str() {
            Some("Workflow") if metadata["labels"][workflow::contract::LABEL_COMPLETED] == "true" => {
                self.workflows
                    .remove(metadata["name"].as_str().unwrap_or_default());
            }
            Some("Pod") => {
                let finalizers = metadata["finalizers"].as_array();
                let held =
                    finalizers.is_some_and(|all| all.iter().any(|f| f == workflow::contract::POD_FINALIZER));
                if held && !deleted {
                    self.held.insert(key.to_owned());
                } else {
                    self.held.remove(key);
                }
            }
            _ => {}
        }
    }
}

/// The Workflows as the store holds them.
fn finals(store: &Store) -> Vec<Value> {
    let objects = store
        .list("")
        .0
        .into_iter()
        .filter_map(|entry| serde_json::from_slice(&entry.value).ok());
    objects
        .filter(|object: &Value| object["kind"] == "Workflow")
        .collect()
}
