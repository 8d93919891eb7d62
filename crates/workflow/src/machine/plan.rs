//! What nodes are doing: the working state that a machine keeps beside their statuses.
//!
//! All of it follows from the spec and the statuses, and is made again when a machine is rebuilt.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use argo::status::NodeFlag;
use argo::{Arguments, DagTask, Template, WorkflowStep};
use expr::depends::Depends;
use meta::Timestamp;

use super::locks::LockedPlan;
use super::nodes::Ix;

use crate::template::{Base, Holder};
use crate::vars::{Refs, VarMap};

/// What a node is doing.
#[derive(Debug, Default)]
pub(crate) enum Plan {
    /// Nothing, or nothing that was taken up again since the machine was rebuilt.
    #[default]
    Idle,
    /// It waits for a lock.
    Locked(Box<LockedPlan>),
    /// It waits for its pod.
    Pod(Box<PodPlan>),
    /// It waits for somebody, or for a time.
    Suspend(Box<Template>),
    /// It repeats a call.
    Retry(Box<RetryPlan>),
    /// It goes through groups of steps.
    Steps(Box<StepsPlan>),
    /// It runs the steps of a group.
    Group(Box<FanPlan>),
    /// It runs tasks as their dependencies allow.
    Dag(Box<DagPlan>),
    /// It runs the turns of a task's loop.
    Loop(Box<FanPlan>),
}

/// A call of a template, as a step, task, hook or workflow makes it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Name of the node that stands for it.
    pub(crate) name: String,
    /// The template.
    pub(crate) holder: Holder,
    /// Where the template's name is looked up.
    pub(crate) base: Base,
    /// What is passed.
    pub(crate) args: Arguments,
    /// The steps or dag node that it belongs to.
    pub(crate) boundary: Option<Ix>,
    /// The node that makes the call.
    pub(crate) parent: Option<Ix>,
    /// Whether it is part of an exit handler.
    pub(crate) on_exit: bool,
    /// Whether it is a hook's.
    pub(crate) flag: Option<NodeFlag>,
    /// Who makes it: decides `steps.name` and `tasks.name`.
    pub(crate) role: Role,
    /// How many templates deep.
    pub(crate) level: usize,
}

/// Who calls a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Workflow,
    Step,
    Task,
    Hook,
}

/// Why a call made no progress.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// A limit on parallelism: later.
    Blocked,
    /// Templates nest too deeply; the node says so.
    Depth(Ix),
    /// It failed; the node, if any was made, says so.
    Error(String),
}

/// A pod's node.
#[derive(Debug)]
pub(crate) struct PodPlan {
    /// Its template, with its tags replaced.
    pub(crate) template: Arc<Template>,
    /// Whether it is part of an exit handler.
    pub(crate) on_exit: bool,
    /// Whether its output is referred to as `outputs.result`.
    pub(crate) include_result: bool,
    /// When the attempts of its retry node must be over.
    pub(crate) deadline: Option<Timestamp>,
    /// Its limits on time.
    pub(crate) limits: TimeLimits,
}

/// `timeout` and `pendingTimeout` of a template, as times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeLimits {
    /// When it must be over.
    pub(crate) timeout: Option<Timestamp>,
    /// When it is given up if it is still pending.
    pub(crate) pending: Option<Timestamp>,
}

/// A retry node.
#[derive(Debug)]
pub(crate) struct RetryPlan {
    pub(crate) call: Call,
    /// The base for names inside the template.
    pub(crate) inner: Base,
    /// The template, with its tags replaced but for those of an attempt.
    pub(crate) template: Arc<Template>,
    /// The attempts so far.
    pub(crate) attempts: Vec<Ix>,
}

/// What steps, tasks and hooks of one steps or dag node share.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The steps or dag node.
    pub(crate) boundary: Ix,
    /// The base for names inside its template.
    pub(crate) base: Base,
    /// Whether it is part of an exit handler.
    pub(crate) on_exit: bool,
    /// `inputs.*` of its template.
    pub(crate) inputs: VarMap,
    /// Outputs of steps or tasks that are over.
    pub(crate) refs: Refs,
    /// How many templates deep.
    pub(crate) level: usize,
}

/// A steps node.
#[derive(Debug)]
pub(crate) struct StepsPlan {
    pub(crate) template: Arc<Template>,
    pub(crate) frame: Arc<Frame>,
    /// The group that is running.
    pub(crate) current: usize,
    /// The group nodes so far.
    pub(crate) groups: Vec<Ix>,
}

/// Steps of a group, or turns of a loop: started together as limits allow, and waited for.
#[derive(Debug)]
pub(crate) struct FanPlan {
    pub(crate) frame: Arc<Frame>,
    pub(crate) slots: Vec<Slot>,
    /// Which slot a node (of a step, its hooks or exit handler) belongs to.
    pub(crate) by_node: HashMap<Ix, usize>,
    /// Slots that are not started yet.
    pub(crate) waiting: VecDeque<usize>,
    /// Whether each of those was tried: none of them is skipped, all need a place.
    pub(crate) tried: bool,
    /// Slots whose nodes are over, but not their hooks or exit handlers.
    pub(crate) untended: BTreeSet<usize>,
    /// Slots that are not over yet.
    pub(crate) unsettled: usize,
    /// Whether a variable that should be known was not: Argo waits for it for ever.
    pub(crate) unresolved: Option<String>,
    /// Whether it was started.
    pub(crate) started: bool,
}

/// A step or task that was, or will be, started.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The step or task with its tags replaced.
    pub(crate) task: Arc<DagTask>,
    /// Name in scope: that of the step before a loop made turns of it.
    pub(crate) origin: String,
    /// Its node.
    pub(crate) node: Option<Ix>,
    /// Nodes of its hooks that were started.
    pub(crate) hooks: Vec<(String, Ix)>,
    /// Node of its exit handler.
    pub(crate) exit: Option<Ix>,
    /// Whether its hooks are looked at while it is pending too: those of steps and of a dag's targets are.
    pub(crate) eager: bool,
    /// Whether it, its hooks and its exit handler are over.
    pub(crate) settled: bool,
}

impl Slot {
    /// Of a step: hooks are looked at from the start.
    pub(crate) fn of_step(task: Arc<DagTask>, origin: String) -> Self {
        Self {
            eager: true,
            ..Self::new(task, origin)
        }
    }

    pub(crate) fn new(task: Arc<DagTask>, origin: String) -> Self {
        Self {
            task,
            origin,
            node: None,
            hooks: Vec::new(),
            exit: None,
            eager: false,
            settled: false,
        }
    }
}

/// A dag node.
#[derive(Debug)]
pub(crate) struct DagPlan {
    pub(crate) template: Arc<Template>,
    pub(crate) frame: Arc<Frame>,
    pub(crate) tasks: Vec<Task>,
    /// Tasks whose end decides.
    pub(crate) targets: Vec<usize>,
    /// Needed tasks, dependencies first, in the order in which they are looked at.
    pub(crate) order: Vec<usize>,
    /// Which task a node belongs to.
    pub(crate) by_node: HashMap<Ix, usize>,
    /// Tasks that are started but not over.
    pub(crate) unsettled: usize,
    /// Tasks that a limit keeps from starting: rank and index.
    pub(crate) blocked: BTreeSet<(usize, usize)>,
    /// Tasks whose nodes are over, but not their hooks or exit handlers.
    pub(crate) untended: BTreeSet<usize>,
    /// A variable that a task needs and no other gave: Argo waits for it for ever.
    pub(crate) unresolved: Option<String>,
    /// Whether it was started.
    pub(crate) started: bool,
}

/// A task of a dag.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) slot: Slot,
    pub(crate) logic: Depends,
    pub(crate) dependencies: Vec<usize>,
    pub(crate) dependents: Vec<usize>,
    /// Dependencies that are not over yet.
    pub(crate) missing: usize,
    /// Its rank in `order`; none if no target needs it.
    pub(crate) rank: Option<usize>,
}

/// A step as a task: they differ only in what orders them.
pub(crate) fn as_task(step: &WorkflowStep) -> DagTask {
    DagTask {
        name: step.name.clone(),
        template: step.template.clone(),
        template_ref: step.template_ref.clone(),
        inline: step.inline.clone(),
        arguments: step.arguments.clone(),
        when: step.when.clone(),
        with_items: step.with_items.clone(),
        with_param: step.with_param.clone(),
        with_sequence: step.with_sequence.clone(),
        continue_on: step.continue_on.clone(),
        on_exit: step.on_exit.clone(),
        hooks: step.hooks.clone(),
        depends: String::new(),
        dependencies: Vec::new(),
    }
}

/// Whether a task is a loop.
pub(crate) fn is_loop(task: &DagTask) -> bool {
    !task.with_items.is_empty() || !task.with_param.is_empty() || task.with_sequence.is_some()
}

/// How a task names its template.
pub(crate) fn holder(task: &DagTask) -> Holder {
    Holder {
        name: task.name.clone(),
        template: task.template.clone(),
        reference: task.template_ref.clone(),
        inline: task.inline.as_deref().map(|t| Arc::new(t.clone())),
    }
}
