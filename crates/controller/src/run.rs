//! All controllers of a process, and who they are to the API.

use std::sync::Arc;

use kinds::kube::Client;
use meta::host::Host;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::gate::Gate;
use crate::informer::Informers;
use crate::metrics::Metrics;
use crate::rules::PolicyRule;
use crate::{collect, scheduler, workflow};

/// A user of the API and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// The user's name.
    pub user: &'static str,
    /// Its rights.
    pub rules: Vec<PolicyRule>,
}

/// The users that the controllers of a process are: one per controller, and the shared informers, which
/// read what any of them may read.
pub fn identities() -> Vec<Identity> {
    let of = |user, rules| Identity { user, rules };
    vec![
        informers(),
        of(WORKFLOW, workflow::rules()),
        of(SCHEDULER, scheduler::rules()),
        of(COLLECT, collect::rules()),
    ]
}

const INFORMERS: &str = "system:plimsoll:informers";
const WORKFLOW: &str = "system:plimsoll:workflow";
const SCHEDULER: &str = "system:plimsoll:scheduler";
const COLLECT: &str = "system:plimsoll:collector";

fn informers() -> Identity {
    let all = [workflow::rules(), scheduler::rules(), collect::rules()].concat();
    let reads = |rule: &PolicyRule| rule.verbs.iter().any(|verb| verb == "watch");
    let rules = all.into_iter().filter(reads).map(|mut rule| {
        rule.verbs = crate::rules::WATCH.map(str::to_owned).to_vec();
        rule
    });
    Identity {
        user: INFORMERS,
        rules: rules.collect(),
    }
}

/// Settings of all controllers.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Of the workflow controller; none where another process is it.
    pub workflow: Option<workflow::Config>,
    /// Of the scheduler; none where the cluster's own places pods.
    pub scheduler: Option<scheduler::Config>,
    /// Whether to collect garbage; a real cluster has its own collector.
    pub collect: bool,
    /// What each request passes.
    pub gate: Gate,
}

impl Config {
    /// Everything that a platform without a cluster needs.
    pub fn embedded(workflow: workflow::Config) -> Self {
        Self {
            workflow: Some(workflow),
            scheduler: Some(scheduler::Config::default()),
            collect: true,
            gate: Gate::default(),
        }
    }

    /// What a cluster lacks.
    pub fn cluster(workflow: workflow::Config, gate: Gate) -> Self {
        Self {
            workflow: Some(workflow),
            gate,
            ..Self::default()
        }
    }

    /// A scheduler beside the cluster's own.
    pub fn scheduling(scheduler: scheduler::Config, gate: Gate) -> Self {
        Self {
            scheduler: Some(scheduler),
            gate,
            ..Self::default()
        }
    }
}

/// Runs all controllers until `shutdown`, each through the client that `connect` makes for it.
pub async fn run_all(
    connect: impl Fn(&Identity) -> Client,
    host: Host,
    config: Config,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    let Config {
        workflow: for_workflows,
        scheduler: for_scheduler,
        collect: collects,
        gate,
    } = config;
    let mut informers = Informers::new(connect(&informers()), shutdown.clone(), metrics);
    if let Some(config) = for_workflows
        .as_ref()
        .filter(|_| for_scheduler.is_none() && !collects)
    {
        informers = workflow::only_ours(informers, &config.machine);
    }
    let context = |user, rules| {
        let client = connect(&Identity { user, rules });
        Context::new(client, informers.clone(), host.clone(), shutdown.clone()).through(&gate)
    };
    // Tasks of their own, so that one that is busy does not hold up the others. They end by `shutdown`,
    // or when this future is dropped.
    let mut tasks = JoinSet::new();
    if let Some(config) = for_workflows {
        tasks.spawn(workflow::run(context(WORKFLOW, workflow::rules()), config));
    }
    if let Some(config) = for_scheduler {
        tasks.spawn(scheduler::run(context(SCHEDULER, scheduler::rules()), config));
    }
    if collects {
        tasks.spawn(collect::run(context(COLLECT, collect::rules())));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a controller ended before its time");
        }
    }
}
