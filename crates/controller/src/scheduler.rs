//! The scheduler's adaptor: pods and machines in, bindings out, and a word to each pod that must wait.
//!
//! ```text
//!   pods, nodes ──► Desk { scheduler::State } ──► plan ──► bindings, many at once
//!                                              └─► reports: PodScheduled=False and an Event
//! ```
//!
//! A placement is *assumed* when it is planned, so that the next plan counts it before the API tells of
//! it. An assumption ends when the watch shows the pod bound, ended or gone; only a binding that the API
//! refused for good is forgotten. A binding whose answer was lost is tried again on the same machine.

mod beside;
mod desk;
mod given;
mod report;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use meta::LabelSelector;
use scheduler::Identity;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::executor::Failure;
use crate::kind::Projection as _;
use crate::projections::{EVENTS, NAMESPACES, NODES, Namespace, Node, PODS, Pod};
use crate::rules::{PolicyRule, Right, WATCH};
use crate::scheduler::desk::{Desk, Placement};
use crate::scheduler::report::Reports;
use crate::shadow::Listener;
use crate::write::Write;

/// The places where a test may kill the process.
pub const CRASH_POINTS: [&str; 3] = ["scheduler.planned", "scheduler.bound", "scheduler.reported"];

/// Bindings sent at the same time. The API answers in tens of microseconds; more would only queue.
const BINDINGS_AT_ONCE: usize = 128;
/// A pod's machine is chosen anew so long after the API refused the binding.
const RETHINK_AFTER: Duration = Duration::from_secs(5);

/// Settings of the scheduler.
#[derive(Clone)]
pub struct Config {
    /// The `schedulerName` of the pods it places.
    pub name: String,
    /// The nodes that are given to it; `None` means all there are. A taint with the key [`GIVEN`] and the scheduler's
    /// name as its value keeps others away, and not the pods it places.
    pub nodes: Option<LabelSelector>,
    /// Pods like those to be expected; none means that it learns from those that come.
    pub expected: Vec<scheduler::Pod>,
    /// Hears where it would have put pods, beside where others did; nothing is written then.
    pub shadow: Option<Arc<Listener>>,
}

/// The label and taint by which nodes are given to a scheduler, with its name as the value.
pub const GIVEN: &str = "plimsoll.dev/scheduler";

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "default-scheduler".to_owned(),
            nodes: None,
            expected: Vec::new(),
            shadow: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Config({})", self.name)
    }
}

/// The pod as placement sees it, to be placed by the scheduler of this name.
pub fn seen(pod: &Pod, name: &str) -> scheduler::Pod {
    let ended = matches!(pod.view.phase.as_str(), "Succeeded" | "Failed");
    let leaving = pod.view.deleting && pod.placement.node_name.is_empty();
    let identity = Identity {
        namespace: Arc::clone(&pod.metadata.namespace),
        labels: Arc::clone(&pod.metadata.labels),
        leaving: pod.view.deleting,
    };
    scheduler::Pod::new(pod.uid(), identity, &pod.placement, ended || leaving, name).noted(&pod.notes)
}

/// The rights it needs, with reasons.
pub fn rights() -> Vec<Right> {
    vec![
        Right::to(&WATCH, PODS, "see pods that wait, and what others take of nodes"),
        Right::to(&WATCH, NODES, "see the nodes given to it"),
        Right::to(&WATCH, NAMESPACES, "tell which pods an affinity means"),
        Right::part(
            &["create"],
            PODS,
            "binding",
            "bind pods to nodes, and record their devices",
        ),
        Right::part(&["patch"], PODS, "status", "say why a pod waits"),
        Right::to(&["create"], EVENTS, "say so in events"),
    ]
}

/// The rights alone.
pub fn rules() -> Vec<PolicyRule> {
    crate::rules::rules(rights())
}

/// Places pods until shutdown.
pub async fn run(context: Context, config: Config) {
    let name = config.name.clone();
    let desk = Arc::new(Desk::new(config));
    let nodes = context.informers.get::<Node>();
    let pods = context.informers.get::<Pod>();
    let namespaces = context.informers.get::<Namespace>();
    let at = Arc::clone(&desk);
    namespaces.subscribe(move |change| at.namespace_changed(change));
    let at = Arc::clone(&desk);
    nodes.subscribe(move |change| at.node_changed(change));
    let at = Arc::clone(&desk);
    pods.subscribe(move |change| at.pod_changed(change));
    let shutdown = context.shutdown.clone();
    let work = async {
        namespaces.synced().await;
        nodes.synced().await;
        pods.synced().await;
        Placing::new(context, name, desk).run().await;
    };
    shutdown.run_until_cancelled(work).await;
}

/// The pod whose binding came to nothing, if it did.
type Bound = Option<String>;

struct Placing {
    context: Context,
    desk: Arc<Desk>,
    queue: std::collections::VecDeque<Placement>,
    binding: FuturesUnordered<BoxFuture<'static, Bound>>,
    reports: Reports,
}

impl Placing {
    fn new(context: Context, name: String, desk: Arc<Desk>) -> Self {
        Self {
            reports: Reports::new(context.clone(), name),
            context,
            desk,
            queue: std::collections::VecDeque::new(),
            binding: FuturesUnordered::new(),
        }
    }

    async fn run(mut self) {
        loop {
            self.plan();
            self.bind();
            let desk = Arc::clone(&self.desk);
            tokio::select! {
                biased;
                Some(bound) = self.binding.next() => self.bound(bound),
                () = desk.changed() => {}
                () = at(self.reports.due()) => self.reports.send(&desk).await,
            }
        }
    }

    fn plan(&mut self) {
        if !self.queue.is_empty() || !self.desk.needs_plan() {
            return;
        }
        self.context.metrics().plans.add(1);
        let plan = self.desk.plan();
        if !plan.placements.is_empty() {
            meta::crash::point("scheduler.planned");
        }
        self.queue.extend(plan.placements);
        self.reports.note(plan.arrived, plan.refused);
    }

    fn bind(&mut self) {
        while self.binding.len() < BINDINGS_AT_ONCE {
            let Some(placement) = self.queue.pop_front() else {
                return;
            };
            if !self.desk.confirm(&placement) {
                continue;
            }
            self.binding.push(Box::pin(bind(self.context.clone(), placement)));
        }
    }

    fn bound(&mut self, bound: Bound) {
        if let Some(uid) = bound {
            self.desk.forget(&uid);
        }
    }
}

/// Binds one pod. The watch tells the rest: of the binding, or that the pod is gone or was bound by others.
async fn bind(context: Context, placement: Placement) -> Bound {
    let Placement {
        key,
        uid,
        node,
        devices,
    } = placement;
    let write = Write::bind(PODS, key, &uid, &node, devices.as_ref()).at("scheduler.bound");
    let mut backoff = Backoff::default();
    loop {
        match context.executor.write(&write).await {
            Ok(_) => {
                context.metrics().bindings.add(1);
                return None;
            }
            Err(Failure::NotFound(_) | Failure::Conflict(_) | Failure::AlreadyExists(_)) => return None,
            Err(Failure::Unavailable(_)) => tokio::time::sleep(backoff.wait()).await,
            Err(failure) => {
                tracing::warn!(pod = %write.key, %failure, "the binding was refused");
                tokio::time::sleep(RETHINK_AFTER).await;
                return Some(uid);
            }
        }
    }
}

/// Resolves at a time, or never.
async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
