//! The workflow controller's adaptor: one task per workflow drives its [`::workflow::Machine`].
//!
//! ```text
//!   pods, results, workflows, templates ──► Registry ──► Mailbox of each workflow
//!                                                           │ a batch of events
//!                                                           ▼
//!                          Driver: observe ─► effects ─► perform ─► API
//! ```
//!
//! Decisions are all the machine's. Here is only: who hears what ([`registry`]), the task that folds
//! batches ([`driver`]), and how each effect is written ([`perform`]).

mod driver;
mod library;
mod lingering;
mod mailbox;
mod perform;
mod registry;

use std::sync::Arc;

pub use self::lingering::Lingering;
pub use ::workflow::contract::{Config as MachineConfig, Delivery, ExecConfig, ImageCommand};
use ::workflow::contract::{LABEL_INSTANCE, LABEL_WORKFLOW};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::events::Recorder;
use crate::informer::Informers;
use crate::kind::Kind;
use crate::projections::{
    CLAIMS, CLUSTER_TEMPLATES, CONFIG_MAPS, ClusterWorkflowTemplate, ConfigMap, EVENTS, PODS, Pod,
    STATUS_CHUNKS, TASK_RESULTS, TEMPLATES, TaskResult, WORKFLOWS, Workflow, WorkflowTemplate,
};
use crate::rules::{PolicyRule, Right, WATCH};
use crate::workflow::driver::Driver;
use crate::workflow::registry::Registry;

/// The places where a test may kill the process.
pub const CRASH_POINTS: [&str; 9] = [
    "workflow.planned",
    "workflow.pod-created",
    "workflow.patched",
    "workflow.pod-released",
    "workflow.pod-deleted",
    "workflow.result-deleted",
    "workflow.object-written",
    "workflow.chunk-created",
    "workflow.chunk-deleted",
];

/// Disruption budgets that workflows make.
pub(crate) const BUDGETS: Kind =
    Kind::namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");

/// Settings of the workflow controller.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What the machines go by.
    pub machine: Arc<MachineConfig>,
    /// After each batch, compare the machine with one rebuilt from the API's objects, and count what
    /// differs. Costs a request and a rebuild each time: for simulation and tests.
    pub verify: bool,
    /// How long what nobody waits for may wait.
    pub lingering: Lingering,
}

/// The rights it needs, in every namespace that has workflows.
pub fn rights() -> Vec<Right> {
    vec![
        Right::to(
            &["get", "list", "watch", "patch", "delete"],
            WORKFLOWS,
            "see workflows, write how far they are, delete those whose time to live is over",
        ),
        Right::to(
            &["get", "list", "watch", "create", "patch", "delete"],
            PODS,
            "run steps as pods, let go of those whose outcome is written down, end those that are stopped",
        ),
        Right::to(
            &["get", "list", "watch", "delete"],
            TASK_RESULTS,
            "read the outputs that steps report, and delete them once they are in the workflow",
        ),
        Right::to(
            &["get", "list", "create", "delete"],
            STATUS_CHUNKS,
            "keep the nodes of workflows that are too large for one object",
        ),
        Right::to(&WATCH, TEMPLATES, "find the templates that workflows refer to"),
        Right::to(
            &WATCH,
            CLUSTER_TEMPLATES,
            "find the templates of the whole cluster that workflows refer to",
        ),
        Right::to(
            &["get", "list", "watch", "create", "patch"],
            CONFIG_MAPS,
            "read parameters, limits of locks and artifact repositories that workflows refer to, and keep the outputs \
             of memoized steps",
        ),
        Right::to(
            &["create"],
            EVENTS,
            "tell the owner of a workflow what became of it",
        ),
        Right::to(
            &["create", "delete"],
            CLAIMS,
            "make the volumes of a workflow's volumeClaimTemplates, and delete them as its volumeClaimGC says",
        ),
        Right::to(
            &["create", "delete"],
            BUDGETS,
            "keep a workflow's podDisruptionBudget while it runs",
        ),
    ]
}

/// The rules of its rights.
pub fn rules() -> Vec<PolicyRule> {
    crate::rules::rules(rights())
}

/// Informers that see no more than this controller needs, where no other shares them: a cluster has pods by the
/// hundred thousand that are nobody's steps.
pub(crate) fn only_ours(informers: Informers, config: &MachineConfig) -> Informers {
    let ours = match &config.instance_id {
        Some(id) => format!("{LABEL_INSTANCE}={id}"),
        None => format!("!{LABEL_INSTANCE}"),
    };
    informers
        .only::<Pod>(format!("{ours},{LABEL_WORKFLOW}"))
        .only::<Workflow>(ours)
}

/// Drives workflows until shutdown.
pub async fn run(context: Context, config: Config) {
    let (registry, mut to_drive) = Registry::new(&config.machine);
    let registry = Arc::new(registry);
    let shutdown = context.shutdown.clone();
    let recorder = Recorder::start(&context);
    let work = async {
        listen(&context, &registry).await;
        let mut drivers = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(assignment) = to_drive.recv() => {
                    let driver = Driver::new(&context, &config, &registry, &recorder, assignment);
                    drivers.spawn(driver.drive());
                }
                Some(_) = drivers.join_next() => {}
                else => return,
            }
        }
    };
    shutdown.run_until_cancelled(work).await;
}

/// Waits for the first lists, then listens. A machine must not be rebuilt from half of its pods.
async fn listen(context: &Context, registry: &Arc<Registry>) {
    let informers = &context.informers;
    let (templates, cluster_templates) = (
        informers.get::<WorkflowTemplate>(),
        informers.get::<ClusterWorkflowTemplate>(),
    );
    let config_maps = informers.get::<ConfigMap>();
    let (pods, results) = (informers.get::<Pod>(), informers.get::<TaskResult>());
    let workflows = informers.get::<Workflow>();
    templates.synced().await;
    cluster_templates.synced().await;
    config_maps.synced().await;
    pods.synced().await;
    results.synced().await;
    workflows.synced().await;
    let at = Arc::clone(registry);
    templates.subscribe(move |change| at.template_changed(change));
    let at = Arc::clone(registry);
    cluster_templates.subscribe(move |change| at.cluster_template_changed(change));
    let at = Arc::clone(registry);
    config_maps.subscribe(move |change| at.config_map_changed(change));
    let at = Arc::clone(registry);
    pods.subscribe(move |change| at.pod_changed(change));
    let at = Arc::clone(registry);
    results.subscribe(move |change| at.result_changed(change));
    let at = Arc::clone(registry);
    workflows.subscribe(move |change| at.workflow_changed(change));
}
