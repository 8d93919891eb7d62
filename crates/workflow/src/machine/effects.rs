//! What is to be done: gathered while evaluating, handed out in an order of which every prefix is safe.
//!
//! ```text
//!   objects (claims), chunks -> patch -> pods -> releases -> reports dropped -> pods, chunks deleted -> events -> wake
//! ```
//!
//! The patch comes before pods: what was decided is on record before anything starts because of it. It comes
//! before releases: a pod is held until its outcome is on record. Chunks come before the patch that names them, and
//! are deleted after the one that does not.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use argo::repository::ArtifactRepository;
use meta::Timestamp;
use serde_json::Value;

use super::Machine;
use super::nodes::Ix;
use super::plan::Plan;
use super::status::Written;
use crate::contract::{Effect, Pending};
use crate::layout;
use crate::locks::Ask;
use crate::phase::{self, PENDING};

/// Pods handed out at once: a manifest takes some ten kilobytes until it is written, and a fan-out may want tens of
/// thousands.
const PODS_MAX: usize = 256;

/// What was decided and not handed out yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    objects: Vec<Effect>,
    pods: BTreeSet<Ix>,
    releases: BTreeSet<(String, String)>,
    results: BTreeSet<String>,
    deletes: BTreeSet<(String, String)>,
    garbage: BTreeSet<(String, String)>,
    asks: Vec<Ask>,
    locks: BTreeSet<String>,
    others: Vec<Effect>,
    woken: Option<Timestamp>,
}

impl Outbox {
    pub(super) fn want_pod(&mut self, ix: Ix) {
        self.pods.insert(ix);
    }

    pub(super) fn forget_pod(&mut self, ix: Ix) {
        self.pods.remove(&ix);
    }

    /// Nothing starts any more.
    pub(super) fn forget_pods(&mut self) {
        self.pods.clear();
    }

    pub(super) fn release_pod(&mut self, name: String, uid: String) {
        self.releases.insert((name, uid));
    }

    pub(super) fn delete_pod(&mut self, name: String, uid: String) {
        self.deletes.insert((name, uid));
    }

    /// Deletes a pod that has ended.
    pub(super) fn collect_pod(&mut self, name: String, uid: String) {
        self.garbage.insert((name, uid));
    }

    pub(super) fn drop_result(&mut self, name: String) {
        self.results.insert(name);
    }

    pub(super) fn create(&mut self, object: Value) {
        self.objects.push(Effect::CreateObject(Box::new(object)));
    }

    /// Something to write before the patch of the Workflow that follows from the same decision.
    pub(super) fn keep(&mut self, effect: Effect) {
        self.objects.push(effect);
    }

    pub(super) fn event(&mut self, warning: bool, reason: &str, message: &str) {
        self.push(Effect::EmitEvent {
            warning,
            reason: reason.to_owned(),
            message: message.to_owned(),
        });
    }

    /// Asks for locks; a newer question of the same holder stands for an older one.
    pub(super) fn ask(&mut self, ask: Ask) {
        match self.asks.iter_mut().find(|a| a.holder == ask.holder) {
            Some(older) => *older = ask,
            None => self.asks.push(ask),
        }
    }

    /// Gives back what a holder has; it asks no more.
    pub(super) fn release_lock(&mut self, holder: String) {
        self.asks.retain(|ask| ask.holder != holder);
        self.locks.insert(holder);
    }

    pub(super) fn push(&mut self, effect: Effect) {
        self.others.push(effect);
    }

    /// Whether there is nothing to do but to tell people, and to clear up after steps that are over.
    fn is_quiet(&self) -> bool {
        let said = |effect: &Effect| matches!(effect, Effect::EmitEvent { .. });
        self.objects.is_empty()
            && self.pods.is_empty()
            && self.deletes.is_empty()
            && self.asks.is_empty()
            && self.locks.is_empty()
            && self.others.iter().all(said)
    }

    /// Whether something is to be told or cleared up.
    fn has_upkeep(&self) -> bool {
        !(self.releases.is_empty()
            && self.results.is_empty()
            && self.garbage.is_empty()
            && self.others.is_empty())
    }
}

impl Machine {
    pub(super) fn flush(&mut self) -> Vec<Effect> {
        let pods = self.build_pods();
        let locks = std::mem::take(&mut self.out.locks);
        let asks = std::mem::take(&mut self.out.asks);
        let mut effects = std::mem::take(&mut self.out.objects);
        let Written {
            chunks,
            patch,
            dropped,
        } = self.write();
        effects.extend(
            chunks
                .into_iter()
                .map(|chunk| Effect::CreateChunk(Box::new(chunk))),
        );
        effects.extend(patch.map(|patch| Effect::PatchWorkflow(Box::new(patch))));
        effects.extend(pods);
        let out = &mut self.out;
        let releases = std::mem::take(&mut out.releases);
        effects.extend(
            releases
                .into_iter()
                .map(|(name, uid)| Effect::ReleasePod { name, uid }),
        );
        for name in std::mem::take(&mut out.results) {
            self.results.remove(&name);
            effects.push(Effect::DeleteTaskResult { name });
        }
        let garbage = std::mem::take(&mut out.garbage);
        let deletes = std::mem::take(&mut out.deletes).into_iter().chain(garbage);
        effects.extend(deletes.map(|(name, uid)| Effect::DeletePod {
            name,
            uid: Some(uid),
            grace: None,
        }));
        let chunk = |number: u32| layout::chunk_name(&self.meta.uid, number);
        effects.extend(
            dropped
                .into_iter()
                .map(|n| Effect::DeleteChunk { name: chunk(n) }),
        );
        effects.append(&mut out.others);
        effects.extend(locks.into_iter().map(|holder| Effect::ReleaseLocks { holder }));
        effects.extend(asks.into_iter().map(|ask| Effect::AskLocks(Box::new(ask))));
        effects.extend(self.next_wake());
        effects
    }

    /// The first of the pods that are wanted; the others come with the next call. One that cannot be built is an
    /// error of its node, which may make others wanted.
    fn build_pods(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        while effects.len() < PODS_MAX
            && let Some(ix) = self.out.pods.pop_first()
        {
            if self.phase(ix) != PENDING {
                continue;
            }
            match self.build_pod(ix) {
                Ok(effect) => effects.extend(effect),
                Err(message) => {
                    self.fail(ix, message);
                    self.settle();
                }
            }
        }
        effects
    }

    fn build_pod(&mut self, ix: Ix) -> Result<Option<Effect>, String> {
        let Plan::Pod(plan) = &self.nodes.get(ix).plan else {
            return Ok(None);
        };
        let status = self.nodes.status(ix);
        let around = self
            .nodes
            .find(&status.boundary_id)
            .and_then(|b| self.boundaries.get(&b));
        let job = crate::pod::Job {
            meta: &self.meta,
            spec: &self.spec,
            config: &self.config,
            repository: self.repository(),
            globals: &self.globals,
            claims: &self.status.persistent_volume_claims,
            node: status,
            template: &plan.template,
            around: around.map(AsRef::as_ref),
            on_exit: plan.on_exit,
            include_result: plan.include_result,
            deadline: earliest([plan.limits.timeout, plan.deadline]),
            workflow_deadline: self.control.deadline.filter(|_| !plan.on_exit),
            now: self.now,
            keep_off: self.machines_to_avoid(ix),
        };
        let (name, manifest) = crate::pod::build(&job)?;
        Ok(Some(Effect::CreatePod {
            node: status.id.clone(),
            name,
            manifest: Box::new(manifest),
        }))
    }

    /// Where the workflow's artifacts go that name no place.
    fn repository(&self) -> Option<&ArtifactRepository> {
        self.status
            .artifact_repository_ref
            .as_ref()?
            .artifact_repository
            .as_ref()
    }

    /// What there is to hand out.
    pub(super) fn what_is_pending(&self) -> Pending {
        if !self.out.is_quiet()
            || self.nodes.is_decided()
            || self.has_decided()
            || self.wants_to_wake().is_some()
        {
            Pending::Decision
        } else if self.nodes.is_changed() || self.out.has_upkeep() || self.has_progressed() {
            Pending::Progress
        } else {
            Pending::Nothing
        }
    }

    fn next_wake(&mut self) -> Option<Effect> {
        let next = self.wants_to_wake()?;
        self.out.woken = Some(next);
        Some(Effect::WakeAt(next))
    }

    /// When the machine wants to be woken, if that changed.
    fn wants_to_wake(&self) -> Option<Timestamp> {
        let deadline = self
            .control
            .deadline
            .filter(|_| !self.control.expired && !self.over());
        let next = earliest([deadline.map(super::just_after), self.timers.first()]);
        next.filter(|_| next != self.out.woken)
    }

    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.facets().hash(&mut hasher);
        hasher.finish()
    }

    /// What two machines in the same state have in common, by its name.
    pub(super) fn facets(&self) -> BTreeMap<String, String> {
        let json = |status: &argo::NodeStatus| serde_json::to_string(status).unwrap_or_default();
        let nodes = self
            .nodes
            .iter()
            .map(|(_, node)| (node.status.id.clone(), json(&node.status)));
        let mut facets: BTreeMap<String, String> = nodes.collect();
        let status = serde_json::to_string(&self.status).unwrap_or_default();
        facets.insert("status".to_owned(), status);
        let metadata = format!("{:?}", (&self.meta.labels, &self.meta.annotations));
        facets.insert("metadata".to_owned(), metadata);
        facets.insert("waits until".to_owned(), format!("{:?}", self.waits_until()));
        facets
    }

    /// The first time at which something is to be looked at again.
    fn waits_until(&self) -> Option<Timestamp> {
        let mut waits = self.timers.iter().filter(|(_, ix)| !self.is_abandoned(*ix));
        // While the workflow is suspended no time comes.
        let first = waits.next().map(|(at, _)| at);
        first.filter(|_| !self.control.suspended)
    }
}

impl Machine {
    /// Whether a node goes on although the one around it is over: nobody looks at it any more, and whether it has
    /// timers depends on whether somebody did before.
    fn is_abandoned(&self, ix: Ix) -> bool {
        !phase::over(self.phase(ix)) && self.nodes.around(ix).any(|outer| phase::over(self.phase(outer)))
    }
}

fn earliest<const N: usize>(times: [Option<Timestamp>; N]) -> Option<Timestamp> {
    times.into_iter().flatten().min()
}
