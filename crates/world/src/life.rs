//! One life of the control plane: it is started, followed event by event, and acted upon, until it is killed
//! or all is over.

use std::sync::Arc;
use std::time::Duration;

use apiserver::ApiServer;
use controller::faults::FaultLayer;
use controller::{Context, Executor, Identity, Informers, Metrics};
use meta::host::Host;
use store::{Commit, Durability, Event, EventKind, Faults, Options, Store, Watcher};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::clock::{Course, host, millis};
use crate::log::hash;
use crate::machine::Machine;
use crate::problem::{Problem, Promise};
use crate::script::Action;
use crate::state::{End, Stage, World};

/// Virtual time without any event after which nothing more will happen: longer than any wait that
/// generated workflows have, and than the longest back-off.
const QUIET: Duration = Duration::from_secs(20 * 60);
/// Virtual time that faults last after the last action.
const TROUBLED_FOR: Duration = Duration::from_secs(10 * 60);
/// Virtual time in which everything comes to rest once it is over.
const SETTLING: Duration = Duration::from_secs(30);
/// Events of one life after which it is given up: something goes round in circles.
const EVENTS_MAX: u64 = 400_000;
/// Virtual time after which a world is given up.
const PASSED_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes of a segment of the log.
const SEGMENT: usize = 4 << 20;

/// What lives and dies together.
pub(crate) struct Life {
    pub(crate) store: Store,
    pub(crate) api: Api,
    pub(crate) host: Host,
    pub(crate) course: Course,
    pub(crate) people: Executor,
    pub(crate) machines: Vec<Machine>,
    /// How long a commit takes at most, in virtual milliseconds.
    pub(crate) latency: watch::Sender<u64>,
    /// Told when a crash point is hit; holds how long the control plane is then away.
    pub(crate) killed: Arc<Notify>,
    pub(crate) away: Duration,
    metrics: Arc<Metrics>,
    pub(crate) last_event: Duration,
    events: u64,
}

impl World {
    pub(crate) async fn life(&mut self) -> End {
        let course = Course::after(self.passed);
        let mut life = match self.start(&course).await {
            Ok(life) => life,
            Err(end) => return end,
        };
        let end = self.follow(&mut life).await;
        self.counts.comparisons += life.metrics.comparisons.get();
        self.counts.divergences += life.metrics.divergences.get();
        self.counts.panics += life.metrics.panics.get();
        self.counts.events += life.events;
        self.passed = course.passed();
        end
    }

    /// Starts the control plane and the machines. They end with the runtime.
    async fn start(&mut self, course: &Course) -> Result<Life, End> {
        let seed = self.seed.split(&format!("life {}", self.lives));
        let host = host(course, &self.clock_set_by, seed.split("host"));
        let stuck = |text: String| End::Stuck(Promise::Lives.broken(text));
        let store = Store::open(Arc::new(self.disk.clone()), &self.store_options())
            .map_err(|error| stuck(format!("the store does not open: {error}")))?;
        let latency = watch::Sender::new(self.script.disk.latency_ms);
        tokio::spawn(write_back(
            store.clone(),
            latency.subscribe(),
            seed.split("write"),
        ));
        let server = ApiServer::new(store.clone(), apiserver::Config::new(host.clone())).await;
        let server = server.map_err(|error| stuck(format!("the API server does not start: {error:?}")))?;
        let faults = FaultLayer::new(self.script.api.clone(), seed.split("api"));
        let api = Api {
            server,
            faults,
            broken: self.broken,
        };
        if self.stage > Stage::Script {
            api.faults.heal();
        }
        let metrics = Arc::new(Metrics::default());
        let life = Life {
            people: Executor::new(api.people(), Arc::default()),
            machines: self.machines(&api, &host, &metrics),
            store,
            api,
            host,
            course: course.clone(),
            latency,
            killed: Arc::default(),
            away: Duration::ZERO,
            metrics,
            last_event: course.passed(),
            events: 0,
        };
        self.install(&life).await?;
        self.run_controllers(&life);
        for machine in life.machines.clone() {
            tokio::spawn(machine.serve());
        }
        Ok(life)
    }

    fn store_options(&self) -> Options {
        let usual = Options::inline();
        let own = self.script.disk.snapshot_bytes;
        Options {
            commit: Commit::Manual,
            segment_bytes: SEGMENT,
            snapshot_bytes: if own == 0 { usual.snapshot_bytes } else { own },
            ..usual
        }
    }

    fn run_controllers(&self, life: &Life) {
        let api = life.api.clone();
        let connect = move |identity: &Identity| api.controller(identity);
        let mut config = controller::Config::embedded(controller::workflow::Config::default());
        if let Some(workflow) = &mut config.workflow {
            workflow.verify = true;
        }
        tokio::spawn(controller::run_all(
            connect,
            life.host.clone(),
            config,
            Arc::clone(&life.metrics),
            CancellationToken::new(),
        ));
    }

    fn machines(&self, api: &Api, host: &Host, metrics: &Arc<Metrics>) -> Vec<Machine> {
        let (client, shutdown) = (api.machines(), CancellationToken::new());
        let informers = Informers::new(client.clone(), shutdown.clone(), Arc::clone(metrics));
        let context = Context::new(client, informers, host.clone(), shutdown);
        let news = Arc::new(Notify::new());
        let machine = |spec: &crate::script::Machine| Machine {
            spec: spec.clone(),
            processes: self.processes.get(&spec.name).cloned().unwrap_or_default(),
            context: context.clone(),
            seed: self.seed.split("steps"),
            ledger: self.ledger.clone(),
            log: self.log.clone(),
            broken: self.broken,
            news: Arc::clone(&news),
        };
        self.script.machines.iter().map(machine).collect()
    }

    /// Follows what happens until the life ends.
    async fn follow(&mut self, life: &mut Life) -> End {
        let mut watcher = match self.catch_up(life) {
            Ok(watcher) => watcher,
            Err(problem) => return End::Stuck(problem),
        };
        loop {
            let killed = Arc::clone(&life.killed);
            let due = life.course.at(self.due(life));
            tokio::select! {
                biased;
                () = killed.notified() => return End::Killed(life.away),
                error = life.store.failed() => return self.disk_failed(&error),
                event = watcher.next() => match event {
                    Some(Ok(event)) => self.take(&event, life),
                    _ => return End::Stuck(Promise::Lives.broken("the store's watch ended".to_owned())),
                },
                () = tokio::time::sleep_until(due) => {
                    if let Some(end) = self.turn(life).await {
                        return end;
                    }
                }
            }
            if life.events > EVENTS_MAX || life.course.passed() > PASSED_MAX {
                let text = "something goes round in circles".to_owned();
                return End::Stuck(Promise::Ends.broken(text));
            }
        }
    }

    /// Takes in what the disk holds at the start of a life, and watches from there.
    fn catch_up(&mut self, life: &Life) -> Result<Watcher, Problem> {
        let (entries, revision) = life.store.list("");
        let uids: Vec<String> = self.acknowledged.keys().cloned().collect();
        for entry in &entries {
            self.observer.see(&entry.key, &entry.value, false);
        }
        self.observer
            .keep_only(|key| entries.binary_search_by(|e| (*e.key).cmp(key)).is_ok());
        for uid in uids {
            if !self.observer.is_there(&uid) {
                let name = &self.acknowledged[&uid];
                let text = format!("{name} was acknowledged, and is gone after a crash");
                return Err(Promise::Durable.broken(text));
            }
        }
        self.logged = revision;
        let watcher = life.store.watch("", revision, Durability::Durable);
        watcher.map_err(|_| Promise::Lives.broken("the store forgot what it holds".to_owned()))
    }

    fn take(&mut self, event: &Event, life: &mut Life) {
        life.events += 1;
        life.last_event = life.course.passed();
        let text = format!(
            "{} {:?} {} {:08x}",
            event.revision,
            event.kind,
            event.key,
            hash(&event.value)
        );
        self.log.line(millis(life.host.now()), &text);
        self.logged = event.revision;
        self.observer
            .see(&event.key, &event.value, event.kind == EventKind::Delete);
    }

    /// When the next thing is to be done, in time since the world began.
    fn due(&self, life: &Life) -> Duration {
        let settled = life.last_event + SETTLING;
        let quiet = life.last_event + QUIET;
        match self.stage {
            Stage::Script => match self.script.actions.get(self.next) {
                Some(action) => Duration::from_millis(action.at),
                None if self.observer.is_over() => settled,
                None => self.last_action() + TROUBLED_FOR,
            },
            Stage::Ending | Stage::Terminating if self.observer.is_over() => settled,
            Stage::Clearing if self.observer.is_clear() => settled,
            _ => quiet,
        }
    }

    fn last_action(&self) -> Duration {
        let last = self.script.actions.last();
        Duration::from_millis(last.map_or(0, |action| action.at))
    }

    /// Does the next thing.
    async fn turn(&mut self, life: &mut Life) -> Option<End> {
        if self.stage == Stage::Script
            && let Some(timed) = self.script.actions.get(self.next).cloned()
        {
            return self.act(&timed.action, life).await;
        }
        if self.observer.is_over() && self.over.is_none() {
            self.over = Some(life.last_event);
        }
        match self.stage {
            Stage::Script => {
                self.heal(life);
                None
            }
            Stage::Ending => self.terminate_what_waits(life).await,
            Stage::Terminating => self.clear(life).await,
            Stage::Clearing => Some(self.finish()),
        }
    }

    /// Nothing goes wrong from here on.
    fn heal(&mut self, life: &mut Life) {
        life.api.faults.heal();
        self.disk.set_faults(Faults::default());
        meta::crash::disarm_here();
        life.last_event = life.course.passed();
        self.stage = Stage::Ending;
    }

    async fn act(&mut self, action: &Action, life: &mut Life) -> Option<End> {
        let text = format!("{action:?}");
        let shown = text.get(..80).unwrap_or(&text);
        self.log.line(millis(life.host.now()), shown);
        let killed = Arc::clone(&life.killed);
        tokio::select! {
            biased;
            () = killed.notified() => Some(End::Killed(life.away)),
            end = self.perform(action, life) => end,
        }
    }

    fn disk_failed(&self, error: &store::Error) -> End {
        self.say(&format!("the disk fails: {error}"));
        if self.disk.is_off() {
            End::PowerLoss
        } else {
            End::Killed(Duration::from_secs(1))
        }
    }

    fn finish(&mut self) -> End {
        let left = self.observer.left();
        if !left.is_empty() {
            let text = format!("once all was deleted there are still {}", left.join(", "));
            self.problems.push(Promise::Leaks.broken(text));
        }
        End::Over
    }
}

/// Writes what was appended to the disk, as fast as the disk is.
async fn write_back(store: Store, latency: watch::Receiver<u64>, mut random: meta::seeded::Seeded) {
    let Ok(mut watcher) = store.watch("", store.revision(), Durability::Appended) else {
        return;
    };
    store.commit();
    while let Some(Ok(event)) = watcher.next().await {
        if event.revision <= store.durable_revision() {
            continue;
        }
        let at_most = *latency.borrow();
        if at_most > 0 {
            let wait = Duration::from_millis(random.below(at_most + 1));
            tokio::time::sleep(wait).await;
        }
        store.commit();
    }
}
