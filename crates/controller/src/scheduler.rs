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

mod desk;
mod report;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::context::Context;
use crate::executor::Failure;
use crate::projections::{EVENTS, NAMESPACES, NODES, Namespace, Node, PODS, Pod};
use crate::rules::{PolicyRule, WATCH, rule, subresource_rule};
use crate::scheduler::desk::{Desk, Placement};
use crate::scheduler::report::Reports;
use crate::write::Write;

/// The places where a test may kill the process.
pub const CRASH_POINTS: [&str; 3] = ["scheduler.planned", "scheduler.bound", "scheduler.reported"];

/// Bindings sent at the same time. The API answers in tens of microseconds; more would only queue.
const BINDINGS_AT_ONCE: usize = 128;
/// A pod's machine is chosen anew so long after the API refused the binding.
const RETHINK_AFTER: Duration = Duration::from_secs(5);

/// Settings of the scheduler.
#[derive(Clone, Debug)]
pub struct Config {
    /// The `schedulerName` of the pods it places.
    pub name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "default-scheduler".to_owned(),
        }
    }
}

/// The rights it needs.
pub fn rules() -> Vec<PolicyRule> {
    vec![
        rule(PODS, &WATCH),
        rule(NODES, &WATCH),
        rule(NAMESPACES, &WATCH),
        subresource_rule(PODS, "binding", &["create"]),
        subresource_rule(PODS, "status", &["patch"]),
        rule(EVENTS, &["create"]),
    ]
}

/// Places pods until shutdown.
pub async fn run(context: Context, config: Config) {
    let desk = Arc::new(Desk::new(&config.name));
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
        Placing::new(context, config, desk).run().await;
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
    fn new(context: Context, config: Config, desk: Arc<Desk>) -> Self {
        Self {
            reports: Reports::new(context.clone(), config.name),
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
    let Placement { key, uid, node } = placement;
    let write = Write::bind(PODS, key, &uid, &node).at("scheduler.bound");
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
