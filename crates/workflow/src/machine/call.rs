//! Calling a template: the node that stands for the call, and what it starts to do.
//! Rule: workflow/controller/operator.go, `executeTemplate`.

use std::sync::Arc;

use argo::policy::Memoize;
use argo::status::{MemoizationStatus, NodeFlag};
use argo::{NodeStatus, Template};

use super::memo::Recalled;
use super::nodes::Ix;
use super::plan::{Call, Plan, RetryPlan, Role, Stop};
use super::{MAX_NESTING, Machine, Note, whole_seconds};
use crate::names::{self, pod_name};
use crate::phase::{self, ERROR, kind};
use crate::template::{Base, Holder, Work, work};
use crate::vars::{self, VarMap};

/// How many templates deep calls may nest.
const MAX_LEVEL: usize = 100;

/// What is said of calls that nest more deeply.
const TOO_DEEP: &str = "Maximum recursion depth exceeded. See https://argo-workflows.readthedocs.io/en/latest/scaling/#maximum-recursion-depth";

impl Machine {
    /// Makes a call, or takes up one that was made before.
    pub(super) fn call(&mut self, call: Call) -> Result<Ix, Stop> {
        let known = self.nodes.find(&names::node_id(self.name(), &call.name));
        if let Some(ix) = known {
            self.attach(ix, &call);
            if phase::over(self.phase(ix)) {
                return Ok(ix);
            }
        }
        if call.level >= MAX_LEVEL {
            let ix = self.error_node(known, &call, TOO_DEEP);
            return Err(Stop::Depth(ix));
        }
        let (inner, template) = match self.prepare(&call) {
            Ok(prepared) => prepared,
            Err(message) => {
                self.error_node(known, &call, &message);
                return Err(Stop::Error(message));
            }
        };
        if known.is_none() {
            self.check_limits(call.boundary)?;
        }
        if let Some(wrong) = display_name(&template).and_then(Result::err) {
            self.error_node(known, &call, &wrong);
            return Err(Stop::Error(wrong));
        }
        match self.lock(&call, known, &inner, &template) {
            Ok(None) => self.perform(call, known, inner, template),
            Ok(Some(waiting)) => Ok(waiting),
            Err(message) => {
                self.error_node(known, &call, &message);
                Err(Stop::Error(message))
            }
        }
    }

    /// The template that is called, its inputs filled in.
    fn prepare(&mut self, call: &Call) -> Result<(Base, Arc<Template>), String> {
        let (inner, template) = self.templates.resolve(&call.base, &call.holder)?;
        let mut locals = VarMap::from([("node.name".to_owned(), vars::text(call.name.as_str()))]);
        if work(&template).is_some_and(Work::is_pod) && self.retry_strategy(&template).is_none() {
            let pod = pod_name(self.name(), &call.name, &template.name);
            locals.insert("pod.name".to_owned(), vars::text(pod));
        }
        let of = match call.role {
            Role::Task => Some("tasks.name"),
            Role::Step | Role::Hook | Role::Workflow => Some("steps.name"),
        };
        if let Some(key) = of {
            locals.insert(key.to_owned(), vars::text(call.holder.name.as_str()));
        }
        let library = self.library();
        let processed = crate::args::process(&template, &call.args, self.vars(&locals, None), &library)?;
        // A fan-out whose items only differ in name shares one template.
        let unchanged = processed == *template;
        Ok((inner, if unchanged { template } else { Arc::new(processed) }))
    }

    /// Starts what the template says, repeated if it has a retry strategy; unless an earlier run's outputs stand for it.
    pub(super) fn perform(
        &mut self,
        call: Call,
        known: Option<Ix>,
        inner: Base,
        template: Arc<Template>,
    ) -> Result<Ix, Stop> {
        let known = match self.recall(&call, known, &template) {
            Ok(Recalled::Work(known)) => known,
            Ok(Recalled::Hit(ix)) => return Ok(ix),
            Err(message) => {
                self.error_node(known, &call, &message);
                return Err(Stop::Error(message));
            }
        };
        if self.retry_strategy(&template).is_none() {
            return self.begin_work(&call, known, inner, &template, None);
        }
        let ix = known.unwrap_or_else(|| self.executable(&call, kind::RETRY, phase::RUNNING, &template));
        let plan = RetryPlan {
            call,
            inner,
            template,
            attempts: Vec::new(),
        };
        self.nodes.get_mut(ix).plan = Plan::Retry(Box::new(plan));
        self.start_now(ix)
    }

    /// Evaluates a node that was just planned, at once unless calls are nested too deeply on the stack.
    pub(super) fn start_now(&mut self, ix: Ix) -> Result<Ix, Stop> {
        if self.nesting >= MAX_NESTING {
            self.enqueue(ix, Note::Own);
            return Ok(ix);
        }
        self.nesting += 1;
        self.evaluate(ix, vec![Note::Own]);
        self.nesting -= 1;
        Ok(ix)
    }

    /// The strategy of a template, or else of the workflow.
    pub(super) fn retry_strategy(&self, template: &Template) -> Option<argo::policy::RetryStrategy> {
        template
            .retry_strategy
            .as_deref()
            .or(self.spec.retry_strategy.as_ref())
            .cloned()
    }

    /// A node that runs a template.
    pub(super) fn executable(&mut self, call: &Call, kind: &str, phase: &str, template: &Template) -> Ix {
        let mut status = self.new_status(call, kind, phase);
        if matches!(kind, kind::POD | kind::SUSPEND) {
            "0/1".clone_into(&mut status.progress);
        }
        if !template.inputs.is_empty() {
            status.inputs = Some(template.inputs.clone());
        }
        let attempt = call.flag.as_ref().is_some_and(|f| f.retried);
        status.memoization_status = template.memoize.as_deref().filter(|_| attempt).map(not_recalled);
        if let Some(Ok(name)) = display_name(template).filter(|_| !attempt) {
            name.clone_into(&mut status.display_name);
        }
        self.add(call, status)
    }

    /// A node that runs nothing.
    pub(super) fn marker(&mut self, call: &Call, kind: &str, phase: &str, message: &str) -> Ix {
        let mut status = self.new_status(call, kind, phase);
        message.clone_into(&mut status.message);
        self.add(call, status)
    }

    fn add(&mut self, call: &Call, status: NodeStatus) -> Ix {
        let ix = self.nodes.insert(status);
        self.attach(ix, call);
        ix
    }

    /// Says who is to be told of a node's changes.
    pub(super) fn attach(&mut self, ix: Ix, call: &Call) {
        let depth = call.parent.map_or(0, |p| self.nodes.get(p).depth + 1);
        let node = self.nodes.get_mut(ix);
        node.parent = call.parent;
        node.depth = depth;
    }

    fn new_status(&self, call: &Call, kind: &str, phase: &str) -> NodeStatus {
        let boundary = call.boundary.map(|b| self.nodes.status(b));
        let display_name = match boundary {
            Some(boundary) => names::display_name(&call.name, &boundary.name),
            None => call.name.clone(),
        };
        let now = whole_seconds(self.now);
        NodeStatus {
            id: names::node_id(self.name(), &call.name),
            name: call.name.clone(),
            display_name,
            r#type: kind.to_owned(),
            template_name: template_name(&call.holder),
            template_ref: call.holder.reference.clone(),
            template_scope: call.base.scope(&self.scope_name),
            phase: phase.to_owned(),
            boundary_id: boundary.map(|b| b.id.clone()).unwrap_or_default(),
            node_flag: call.flag.clone().filter(|f| *f != NodeFlag::default()),
            started_at: Some(now),
            finished_at: phase::over(phase).then_some(now),
            ..NodeStatus::default()
        }
    }

    /// A node that says why a call failed.
    pub(super) fn error_node(&mut self, known: Option<Ix>, call: &Call, message: &str) -> Ix {
        match known {
            Some(ix) => {
                self.mark(ix, ERROR, message);
                ix
            }
            None => self.marker(call, kind::SKIPPED, ERROR, message),
        }
    }
}

/// The name that a node shows for its template: none for references and inline templates.
fn template_name(holder: &Holder) -> String {
    match (&holder.reference, &holder.inline) {
        (None, None) => holder.template.clone(),
        _ => String::new(),
    }
}

/// What a node that does its work itself says of its template's `memoize`.
pub(super) fn not_recalled(memoize: &Memoize) -> MemoizationStatus {
    let map = memoize.cache.as_ref().and_then(|cache| cache.config_map.as_ref());
    MemoizationStatus {
        cache_name: map
            .and_then(|map| map.text("name"))
            .unwrap_or_default()
            .to_owned(),
        hit: false,
        key: memoize.key.clone(),
    }
}

/// The annotation of a template that names the nodes which run it.
const DISPLAY_NAME: &str = "workflows.argoproj.io/display-name";

/// What a template wants its nodes to be called, if that can be a name.
fn display_name(template: &Template) -> Option<Result<&str, String>> {
    let name = template.annotations.get(DISPLAY_NAME).filter(|n| !n.is_empty())?;
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let fits = (2..=63).contains(&name.len()) && name.chars().all(inside);
    if fits && edge(name.chars().next()) && edge(name.chars().next_back()) {
        return Some(Ok(name));
    }
    let regex = "^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$";
    Some(Err(format!("displayName must match the regex {regex}")))
}
