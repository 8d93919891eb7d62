//! The agent: one task that owns every pod of the node.
//!
//! ```text
//!     API: pods of this node --+
//!     spawner: started, ended -+--> event --> pod::Machine --> effects --> spawner, files, API
//!     own tasks: volumes, ... -+                   |
//!     timers ------------------+                   +--> status --> API (one patch at a time a pod)
//! ```
//!
//! Events are taken one by one, so a pod's state has one writer. What may wait runs in tasks of its own and comes back
//! as a [`Message`]. The short way of a process that starts and ends at once takes no timer and no task but the patch.

mod boot;
mod effects;
mod entry;
mod passing;
mod recovery;
mod report;
mod seen;
mod sessions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::sync::Arc;

use futures::StreamExt;
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::runtime::WatchStreamExt;
use kinds::kube::runtime::watcher::{self, Event as Watched};
use kinds::kube::{Api, Client, Resource};
use spawner::protocol::{self, Key, Request};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::active::Active;
use crate::directory::PodDirectory;
use crate::link::Link;
use crate::outcome;
use crate::pod::view::{PodView, ProbeKind};
use crate::pod::{Event, Hook, Left, Machine, Probed};
use crate::refresh;
use crate::session::{Ask, Sessions};
use crate::sizes;
use crate::start::{NoStart, Starter};
use crate::tell::Teller;
use crate::volumes::VolumeError;
use entry::Entry;
use seen::{Seen, Wishes};

/// What comes back from the agent's own tasks.
pub(crate) enum Message {
    SetUp {
        uid: String,
        result: Result<(), VolumeError>,
    },
    Prepared {
        uid: String,
        container: String,
        attempt: u32,
        result: Result<Box<protocol::Start>, NoStart>,
    },
    Hooked {
        uid: String,
        container: String,
        hook: Hook,
        ok: bool,
    },
    Probed {
        uid: String,
        container: String,
        kind: ProbeKind,
        result: Probed,
    },
    Written {
        uid: String,
        result: report::Written,
    },
    Session(Ask),
    /// A volume holds more than it may.
    Overfull {
        uid: String,
        message: String,
    },
}

/// The agent's state.
pub(crate) struct Agent {
    pub(crate) starter: Arc<Starter>,
    pub(crate) link: Link,
    pub(crate) active: Active,
    teller: Teller,
    client: Client,
    sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,
    pods: BTreeMap<String, Entry>,
    /// Pods whose final status is written; kept until they are deleted, lest an old event starts them again.
    finished: BTreeSet<String>,
    /// What the spawner knew when the node started, by pod, until the first list of pods is complete.
    left: BTreeMap<String, Vec<Left>>,
    /// Whether the machine started anew since the node last ran.
    boot: boot::Boot,
    /// Set once the first list of pods is complete.
    listed: bool,
    /// Pods seen in the list that is under way.
    seen: BTreeSet<String>,
    timers: BTreeSet<(Instant, String)>,
    /// Status patches under way.
    writes: usize,
    /// Hooks and probes under way.
    passing: BTreeMap<Key, passing::Passing>,
    /// Numbers hooks and probes.
    number: u32,
}

impl Agent {
    pub(crate) async fn new(starter: Starter, link: Link, active: Active) -> io::Result<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (client, config) = (starter.client.clone(), &starter.config);
        let teller = Teller {
            client: client.clone(),
            host: config.host.clone(),
            node: config.name.clone(),
        };
        let boot = boot::Boot::open(&config.directory, &link.boot)?;
        let mut agent = Self {
            starter: Arc::new(starter),
            link,
            active,
            teller,
            client,
            sender,
            receiver,
            pods: BTreeMap::new(),
            finished: BTreeSet::new(),
            left: BTreeMap::new(),
            boot,
            listed: false,
            seen: BTreeSet::new(),
            timers: BTreeSet::new(),
            writes: 0,
            passing: BTreeMap::new(),
            number: 0,
        };
        agent.take_listing().await?;
        Ok(agent)
    }

    /// What runs commands inside containers, for others to keep.
    pub(crate) fn sessions(&self) -> Sessions {
        Sessions {
            sender: self.sender.clone(),
            starter: Arc::clone(&self.starter),
        }
    }

    /// Runs until cancelled.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let pods = Api::<Seen>::all(self.client.clone());
        let bound = format!("spec.nodeName={}", self.starter.config.name);
        let config = watcher::Config::default().fields(&bound);
        let mut watch = std::pin::pin!(kinds::kube::runtime::watcher(pods, config).default_backoff());
        loop {
            let wake = self.timers.first().map(|(at, _)| *at);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                message = self.link.next() => match message {
                    Ok(message) => self.on_spawner(message),
                    Err(error) => self.reconnect(&error).await,
                },
                Some(message) = self.receiver.recv() => self.on_message(message),
                event = watch.next() => match event {
                    Some(Ok(event)) => self.on_watch(event),
                    Some(Err(error)) => tracing::warn!(%error, "pods are not seen for now"),
                    None => break,
                },
                () = sleep_until(wake) => self.on_timer(),
            }
        }
        let _ = self.link.send(&Request::ShutdownIfIdle);
    }

    fn on_watch(&mut self, event: Watched<Seen>) {
        match event {
            Watched::Apply(pod) => self.on_pod(&pod),
            Watched::Delete(pod) => self.on_gone(pod.uid()),
            Watched::Init => self.seen.clear(),
            Watched::InitApply(pod) => {
                self.seen.insert(pod.uid().to_owned());
                self.on_pod(&pod);
            }
            Watched::InitDone => self.on_listed(),
        }
    }

    fn on_listed(&mut self) {
        let known = self.pods.keys().chain(&self.finished);
        let gone: Vec<_> = known.filter(|uid| !self.seen.contains(*uid)).cloned().collect();
        for uid in gone {
            self.on_gone(&uid);
        }
        if !self.listed {
            self.listed = true;
            self.forget_strangers();
        }
    }

    fn on_pod(&mut self, seen: &Seen) {
        let uid = seen.uid();
        let known = self.pods.get(uid);
        if known.is_none() && (self.finished.contains(uid) || seen.is_final()) {
            self.on_finished(seen);
        } else if known.is_none_or(|entry| entry.wishes != *seen.wishes()) {
            match seen.decode() {
                Ok(pod) => self.on_news(pod, seen.wishes()),
                Err(error) => tracing::warn!(%error, uid, "a pod cannot be read"),
            }
        }
    }

    /// A pod that is new, or wants something else than before.
    fn on_news(&mut self, pod: Pod, wishes: &Wishes) {
        let Some(view) = PodView::new(&pod) else { return };
        let uid = view.uid.clone();
        let Some(entry) = self.pods.get_mut(&uid) else {
            let machine = self.machine(view, &pod);
            self.pods
                .insert(uid.clone(), Entry::new(pod, wishes.clone(), machine));
            self.keep_fresh(&uid);
            self.step(&uid, Event::Tick);
            return;
        };
        entry.pod = Arc::new(pod);
        entry.wishes = wishes.clone();
        let is_news = *entry.machine.view() != view;
        self.keep_fresh(&uid);
        if is_news {
            self.step(&uid, Event::Updated(view));
        }
    }

    /// Keeps the files of a pod's volumes up to date from now on.
    fn keep_fresh(&mut self, uid: &str) {
        let (starter, every) = (&self.starter, self.starter.config.refresh);
        let Some(entry) = self.pods.get_mut(uid) else {
            return;
        };
        let directory = PodDirectory::new(&starter.config.directory, uid);
        let (owner, sender) = (uid.to_owned(), self.sender.clone());
        let tell = move |message| {
            let _ = sender.send(Message::Overfull { uid: owner, message });
        };
        entry.sizes = sizes::watch(&entry.pod, &directory, every, tell);
        entry.refresh = refresh::start(|| starter.volumes(), entry.pod.clone(), directory, every);
    }

    fn machine(&mut self, view: PodView, pod: &Pod) -> Machine {
        let now = self.now();
        if self.listed {
            return Machine::new(view, now);
        }
        let left = self.left.remove(&view.uid).unwrap_or_default();
        self.adopt(view, pod, &left)
    }

    /// A pod whose final status is written already, by this node or an earlier one.
    fn on_finished(&mut self, pod: &Seen) {
        let uid = pod.uid();
        let known = !self.finished.insert(uid.to_owned());
        if !known {
            self.acknowledge_left(uid);
        }
        if let (true, Some(namespace), Some(name)) =
            (pod.is_deleted(), &pod.meta().namespace, &pod.meta().name)
        {
            self.delete(uid, namespace, name.clone());
        }
    }

    /// The pod's object is gone: nothing is reported any more, and what runs ends.
    fn on_gone(&mut self, uid: &str) {
        self.boot.settle(uid);
        if self.finished.remove(uid) {
            self.remove_directory(uid);
        }
        if let Some(entry) = self.pods.get_mut(uid) {
            entry.gone = true;
            let view = PodView {
                deleted: true,
                ..entry.machine.view().clone()
            };
            self.step(uid, Event::Updated(view));
        }
    }

    fn on_spawner(&mut self, message: protocol::Message) {
        match message {
            protocol::Message::Started(running) => {
                let at = outcome::timestamp(running.started_at);
                if let Some(passing) = self.passing.get_mut(&running.key) {
                    passing.started();
                    return;
                }
                let Key {
                    pod,
                    container,
                    attempt,
                } = running.key;
                self.step(
                    &pod,
                    Event::Started {
                        container,
                        attempt,
                        at,
                    },
                );
            }
            protocol::Message::Ended(ended) => self.on_ended(&ended),
            protocol::Message::Refused { reason } => tracing::error!(reason, "the spawner refused a request"),
            protocol::Message::Welcome { .. }
            | protocol::Message::Listing { .. }
            | protocol::Message::Busy { .. } => {}
        }
    }

    fn on_ended(&mut self, ended: &protocol::Ended) {
        self.active.remove(&ended.key);
        if let Some(passing) = self.passing.remove(&ended.key) {
            self.on_passed(passing, ended);
            return;
        }
        let Key {
            pod,
            container,
            attempt,
        } = &ended.key;
        let directory = PodDirectory::new(&self.starter.config.directory, pod);
        let Some(entry) = self.pods.get_mut(pod) else {
            self.on_stranger_ended(ended, &directory);
            return;
        };
        entry.ended.insert(ended.key.clone());
        let spec = crate::environment::find(&entry.pod, container);
        let terminated = outcome::terminated(ended, &directory, spec);
        meta::crash::point("node.ended");
        self.step(
            pod,
            Event::Ended {
                container: container.clone(),
                attempt: *attempt,
                terminated,
            },
        );
    }

    /// A process of a pod that is not known: not yet, while the first list is on its way, or not any more.
    fn on_stranger_ended(&mut self, ended: &protocol::Ended, directory: &PodDirectory) {
        if self.listed {
            self.acknowledge(vec![ended.key.clone()]);
            return;
        }
        let terminated = outcome::terminated(ended, directory, None);
        self.keep(ended.key.clone(), Err(terminated));
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::SetUp { uid, result } => {
                let event = effects::set_up(result);
                self.step(&uid, event);
            }
            Message::Prepared {
                uid,
                container,
                attempt,
                result,
            } => {
                if let Some(event) = self.prepared(&uid, container, attempt, result) {
                    self.step(&uid, event);
                }
            }
            Message::Probed {
                uid,
                container,
                kind,
                result,
            } => {
                self.step(
                    &uid,
                    Event::Probed {
                        container,
                        kind,
                        result,
                    },
                );
            }
            Message::Hooked {
                uid,
                container,
                hook,
                ok,
            } => {
                self.step(&uid, Event::HookEnded { container, hook, ok });
            }
            Message::Written { uid, result } => self.on_written(&uid, result),
            Message::Session(ask) => self.on_session(ask),
            Message::Overfull { uid, message } => self.step(&uid, Event::Evicted { message }),
        }
    }

    fn on_timer(&mut self) {
        let now = Instant::now();
        while let Some((at, uid)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            self.timers.remove(&(at, uid.clone()));
            if let Some(entry) = self.pods.get_mut(&uid) {
                entry.timer = None;
            }
            self.expire_passing(&uid, now);
            self.step(&uid, Event::Tick);
        }
    }

    /// Takes an event into a pod's machine, carries out what follows, and sees to its status.
    fn step(&mut self, uid: &str, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now();
            let Some(entry) = self.pods.get_mut(uid) else {
                return;
            };
            for effect in entry.machine.step(event, now) {
                events.extend(self.carry_out(uid, effect));
            }
        }
        self.report(uid);
        self.set_timer(uid);
    }

    fn set_timer(&mut self, uid: &str) {
        let (now, instant) = (self.now(), Instant::now());
        let passing = self
            .passing
            .values()
            .filter(|p| p.uid == uid)
            .map(|p| p.expires)
            .min();
        let Some(entry) = self.pods.get_mut(uid) else {
            return;
        };
        let wake = entry.machine.wake_at().map(|at| {
            let wait = at.duration_since(now).max(jiff::SignedDuration::ZERO);
            instant + wait.unsigned_abs()
        });
        let next = [wake, entry.write_at, passing].into_iter().flatten().min();
        if next == entry.timer {
            return;
        }
        if let Some(old) = entry.timer.take() {
            self.timers.remove(&(old, uid.to_owned()));
        }
        entry.timer = next;
        self.timers.extend(next.map(|at| (at, uid.to_owned())));
    }

    fn send(&mut self, request: &Request) {
        // A broken connection shows on the next read, and is mended there.
        if let Err(error) = self.link.send(request) {
            tracing::debug!(%error, "a request to the spawner was not sent");
        }
    }

    fn now(&self) -> meta::Timestamp {
        self.starter.config.host.now()
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
