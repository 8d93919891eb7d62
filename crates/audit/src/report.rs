//! The report as data: what the terminal, the page and `-o json` show. Its JSON form is an interface.
//!
//! Amounts of GPUs are physical GPUs, costs are US dollars an hour.

use std::ops::AddAssign;

use meta::Timestamp;
use serde::Serialize;

use crate::amount::{Dollars, Gpus};
use crate::obstacle::Obstacle;

/// What an audit found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When the cluster was looked at.
    pub at: Timestamp,
    /// How large the cluster is.
    pub cluster: Summary,
    /// All GPUs.
    pub total: Account,
    /// By model, most GPUs first.
    pub models: Vec<Named<Account>>,
    /// By pool, most GPUs first.
    pub pools: Vec<Named<Account>>,
    /// By team, most GPUs first.
    pub teams: Vec<Named<Holding>>,
    /// By namespace, most GPUs first.
    pub namespaces: Vec<Named<Holding>>,
    /// Every machine with GPUs, by pool and name.
    pub machines: Vec<MachineRow>,
    /// The sizes that this cluster asks for, the most frequent first.
    pub sizes: Vec<Size>,
    /// Where GPUs and machines are wasted.
    pub findings: Findings,
    /// Every pod that waits, GPU pods first.
    pub pending: Vec<Pending>,
    /// What could be won. Repack, empty and consolidate add up; each other win is looked at alone.
    pub wins: Vec<Win>,
    /// What could not be seen.
    pub notes: Vec<String>,
}

/// How large the cluster is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Machines.
    pub machines: usize,
    /// Machines with GPUs.
    pub gpu_machines: usize,
    /// Pods bound to a machine that have not ended.
    pub pods: usize,
    /// Pods that wait for a machine.
    pub pending: usize,
    /// How the use of GPUs was measured, if it was.
    pub usage: Option<String>,
}

/// A row and its name.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Named<T> {
    /// The name.
    pub name: String,
    /// The row.
    #[serde(flatten)]
    pub row: T,
}

/// GPUs of machines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Machines with GPUs.
    pub machines: usize,
    /// GPUs that pods may have in all.
    pub allocatable: Gpus,
    /// What pods hold of them.
    #[serde(flatten)]
    pub holding: Holding,
    /// GPUs that no pod holds, on machines where new pods may come.
    pub free: Gpus,
    /// Of the free ones those that are of no use, by expectation over the sizes that are asked for.
    pub stranded: Gpus,
    /// Of the free ones those that no size can use that is asked for.
    pub unusable: Gpus,
    /// GPUs that no pod holds, on machines that are cordoned or not ready.
    pub out_of_service: Gpus,
    /// GPUs whose price is not known; they are in no cost.
    pub unpriced: Gpus,
    /// What the allocatable ones cost.
    pub cost_allocatable: Dollars,
    /// What the free ones cost.
    pub cost_free: Dollars,
    /// What the stranded ones cost.
    pub cost_stranded: Dollars,
}

/// GPUs in the hands of pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// GPUs that pods hold.
    pub requested: Gpus,
    /// Those of them whose use was measured.
    pub measured: Gpus,
    /// Those of the measured ones that did next to nothing.
    pub idle: Gpus,
    /// GPUs that waiting pods ask for.
    pub pending: Gpus,
    /// What the held ones cost.
    pub cost_requested: Dollars,
    /// What the idle ones cost.
    pub cost_idle: Dollars,
}

impl Holding {
    /// Whether anything is known of how idle it is.
    pub(crate) fn is_measured(&self) -> bool {
        self.measured > Gpus::ZERO || self.requested == Gpus::ZERO
    }
}

impl AddAssign<&Holding> for Holding {
    fn add_assign(&mut self, other: &Self) {
        self.requested += other.requested;
        self.measured += other.measured;
        self.idle += other.idle;
        self.pending += other.pending;
        self.cost_requested += other.cost_requested;
        self.cost_idle += other.cost_idle;
    }
}

impl AddAssign<&Account> for Account {
    fn add_assign(&mut self, other: &Self) {
        self.machines += other.machines;
        self.allocatable += other.allocatable;
        self.holding += &other.holding;
        self.free += other.free;
        self.stranded += other.stranded;
        self.unusable += other.unusable;
        self.out_of_service += other.out_of_service;
        self.unpriced += other.unpriced;
        self.cost_allocatable += other.cost_allocatable;
        self.cost_free += other.cost_free;
        self.cost_stranded += other.cost_stranded;
    }
}

/// A machine with GPUs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineRow {
    /// Its name.
    pub node: String,
    /// Its pool.
    pub pool: String,
    /// The model of its GPUs.
    pub model: String,
    /// Its GPUs.
    #[serde(flatten)]
    pub account: Account,
}

/// A size that pods ask for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    /// As `8 GPU`, `0.5 GPU` or `1 mig-1g.5gb`.
    pub size: String,
    /// Pods of this size, ended ones too where they are still there.
    pub pods: usize,
    /// Those that wait.
    pub pending: usize,
    /// How many more of its most frequent pods would fit now.
    pub room_for: usize,
    /// Free GPUs, on machines that such a pod may go to, that it could not use.
    pub unusable: Gpus,
}

/// Where GPUs and machines are wasted; each list has the dearest first.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Pods that hold GPUs and use them next to never.
    pub idle: Vec<IdlePod>,
    /// Machines that a single small pod keeps up.
    pub kept_up: Vec<KeptUp>,
    /// Pods that ask for no GPU on machines that have some.
    pub cpu_pods: Vec<CpuPods>,
    /// GPU machines that nothing keeps other pods off.
    pub untainted: Vec<Untainted>,
    /// Training that runs at the full price.
    pub on_demand: Vec<OnDemand>,
}

/// A pod that holds GPUs and uses them next to never.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdlePod {
    /// As `namespace/name`.
    pub pod: String,
    /// Its namespace's team.
    pub team: String,
    /// Its machine.
    pub node: String,
    /// GPUs that it holds.
    pub requested: Gpus,
    /// Those that are idle.
    pub idle: Gpus,
    /// What those cost.
    pub cost: Option<Dollars>,
}

/// A machine that a single small pod keeps up.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptUp {
    /// The machine.
    pub node: String,
    /// Its pool.
    pub pool: String,
    /// Its GPUs.
    pub gpus: Gpus,
    /// The pod, as `namespace/name`.
    pub pod: String,
    /// The largest part that the pod takes of any of the machine's resources, from 0 to 1.
    pub takes: f64,
    /// A machine in use on which the pod would fit, if there is one.
    pub fits_on: Option<String>,
    /// What the machine costs.
    pub cost: Option<Dollars>,
}

/// Pods that ask for no GPU on a machine that has some.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CpuPods {
    /// The machine.
    pub node: String,
    /// Its pool.
    pub pool: String,
    /// The pods, as `namespace/name`.
    pub pods: Vec<String>,
    /// CPU cores that they ask for.
    pub cores: f64,
    /// GPUs that would no longer be stranded without them.
    pub strand: Gpus,
}

/// A GPU machine that no taint keeps other pods off.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Untainted {
    /// The machine.
    pub node: String,
    /// Its pool.
    pub pool: String,
    /// Its GPUs.
    pub gpus: Gpus,
}

/// A pod of training, or of other work that ends by itself, at the full price.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnDemand {
    /// As `namespace/name`.
    pub pod: String,
    /// Whose it is, as `Job/name`.
    pub owner: String,
    /// Its machine.
    pub node: String,
    /// Its machine's pool.
    pub pool: String,
    /// GPUs that it holds.
    pub gpus: Gpus,
    /// What those cost.
    pub cost: Option<Dollars>,
    /// What spot machines would save of it.
    pub saving: Option<Dollars>,
}

/// A pod that waits for a machine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// As `namespace/name`.
    pub pod: String,
    /// Its namespace's team.
    pub team: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What it asks of GPUs, in words; empty if nothing.
    pub size: String,
    /// GPUs that it asks for.
    pub gpus: Gpus,
    /// Whose turn it is to place it.
    pub scheduler: String,
    /// What that scheduler said last.
    pub said: String,
    /// Why no machine will do, by class of machine.
    pub why_not: Vec<WhyNot>,
    /// What would let it run, the least first.
    pub would_run: Vec<Remedy>,
}

/// Why the machines of a pool and model will not do for a pod.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhyNot {
    /// The pool.
    pub pool: String,
    /// The model of its GPUs; none for machines without.
    pub model: Option<String>,
    /// How many machines it has.
    pub machines: usize,
    /// How many of them each obstacle rules out; one machine may have several.
    pub obstacles: Vec<Counted>,
}

/// An obstacle, and how many machines have it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// What rules them out.
    #[serde(flatten)]
    pub obstacle: Obstacle,
    /// How many.
    pub machines: usize,
}

/// What would let a pod run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    /// What kind of remedy it is.
    pub kind: RemedyKind,
    /// In words.
    pub what: String,
    /// Machines that would take the pod then.
    pub machines: usize,
}

/// Kinds of remedies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RemedyKind {
    /// Its scheduler only has to place it.
    Place,
    /// A gate has to be lifted.
    Gate,
    /// A taint has to be tolerated.
    Tolerate,
    /// It has to ask for other labels.
    Select,
    /// A machine has to become ready.
    Ready,
    /// A machine has to be uncordoned.
    Uncordon,
    /// Other pods have to move.
    Move,
    /// It has to ask for less.
    Less,
    /// There has to be one more machine.
    Grow,
    /// No machine is large enough.
    Never,
}

/// What could be won.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Win {
    /// What has to be done.
    pub kind: WinKind,
    /// In words.
    pub what: String,
    /// GPUs won: for pods that wait, or to be given back.
    pub gpus: Gpus,
    /// Machines won.
    pub machines: usize,
    /// Pods that have to move.
    pub moves: usize,
    /// Dollars won an hour; none where GPUs change hands and nothing costs less.
    pub saves: Option<Dollars>,
    /// Where to begin.
    pub steps: Vec<String>,
}

/// Kinds of wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WinKind {
    /// Take back what is held and idle.
    Idle,
    /// Let small users share GPUs.
    Share,
    /// Move pods so that waiting ones fit.
    Repack,
    /// Move pods so that machines become empty.
    Consolidate,
    /// End machines that are empty.
    Empty,
    /// Move pods that need no GPU off GPU machines.
    MoveCpu,
    /// Run what can be repeated on spot machines.
    Spot,
}
