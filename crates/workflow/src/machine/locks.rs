//! Locks within one workflow: mutexes, and semaphores whose size a ConfigMap gives.
//!
//! A node takes all of its locks or none; who waits is served in the order of asking. Holders are kept in
//! `status.synchronization`, so that a rebuilt machine knows them. Locks between workflows need a view of all
//! workflows and are not decided here. Rule: workflow/sync.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use argo::Template;
use argo::policy::{SemaphoreRef, Synchronization};
use argo::status::{
    MutexHolding, MutexStatus, NodeSynchronizationStatus, SemaphoreHolding, SemaphoreStatus,
    SynchronizationStatus,
};

use super::nodes::Ix;
use super::plan::{Call, Plan, Stop};
use super::{Machine, Note};
use crate::phase::{PENDING, kind};
use crate::template::{Base, Work, work};

/// Who holds which lock, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Locks {
    holders: BTreeMap<String, BTreeSet<String>>,
    waiting: BTreeMap<String, VecDeque<Ix>>,
}

/// A call that waits for a lock.
#[derive(Debug)]
pub(crate) struct LockedPlan {
    call: Call,
    inner: Base,
    template: Arc<Template>,
}

/// A lock that a template wants.
struct Wanted {
    name: String,
    limit: usize,
}

impl Locks {
    /// The holders that a status tells of.
    pub(super) fn load(status: Option<&SynchronizationStatus>) -> Self {
        let mut locks = Self::default();
        let Some(status) = status else { return locks };
        for held in status.mutex.iter().flat_map(|m| &m.holding) {
            locks
                .holders
                .entry(held.mutex.clone())
                .or_default()
                .insert(held.holder.clone());
        }
        for held in status.semaphore.iter().flat_map(|s| &s.holding) {
            let holders = locks.holders.entry(held.semaphore.clone()).or_default();
            holders.extend(held.holders.iter().cloned());
        }
        locks
    }

    fn status(&self) -> Option<SynchronizationStatus> {
        let held = self.holders.iter().filter(|(_, holders)| !holders.is_empty());
        let (mut mutex, mut semaphore) = (MutexStatus::default(), SemaphoreStatus::default());
        for (name, holders) in held {
            if is_mutex(name) {
                let one = |holder: &String| MutexHolding {
                    holder: holder.clone(),
                    mutex: name.clone(),
                };
                mutex.holding.extend(holders.iter().map(one));
            } else {
                let holders = holders.iter().cloned().collect();
                semaphore.holding.push(SemaphoreHolding {
                    semaphore: name.clone(),
                    holders,
                });
            }
        }
        let status = SynchronizationStatus {
            mutex: (!mutex.holding.is_empty()).then_some(mutex),
            semaphore: (!semaphore.holding.is_empty()).then_some(semaphore),
        };
        (status != SynchronizationStatus::default()).then_some(status)
    }

    /// The first wanted lock that stands against a holder, and how many of its places are free.
    fn missing<'w>(
        &self,
        wanted: &'w [Wanted],
        holder: &str,
        asks: Option<Ix>,
    ) -> Option<(&'w Wanted, usize)> {
        wanted.iter().find_map(|lock| {
            let holders = self.holders.get(&lock.name);
            if holders.is_some_and(|h| h.contains(holder)) {
                return None;
            }
            let free = lock.limit.saturating_sub(holders.map_or(0, BTreeSet::len));
            let first = self.waiting.get(&lock.name).and_then(VecDeque::front).copied();
            let is_turn = first.is_none() || first == asks;
            (free == 0 || !is_turn).then_some((lock, free))
        })
    }
}

fn is_mutex(name: &str) -> bool {
    name.split('/').nth(1) == Some("Mutex")
}

impl Machine {
    /// Takes the locks of a call, or makes its node wait for them.
    ///
    /// # Errors
    /// A lock that cannot be: a semaphore without a size.
    pub(super) fn lock(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        inner: &Base,
        template: &Arc<Template>,
    ) -> Result<Option<Ix>, String> {
        let Some(synchronization) = &template.synchronization else {
            return Ok(None);
        };
        let wanted = self.wanted(synchronization)?;
        let id = crate::names::node_id(self.name(), &call.name);
        let holder = format!("{}/{}/{id}", self.meta.namespace, self.meta.name);
        let Some((lock, free)) = self.locks.missing(&wanted, &holder, known) else {
            self.take(&wanted, &holder, known);
            return Ok(None);
        };
        let message = format!(
            "Waiting for {} lock. Lock status: {free}/{}",
            lock.name, lock.limit
        );
        let name = lock.name.clone();
        let ix = known.unwrap_or_else(|| self.executable(call, self.kind_of(template), PENDING, template));
        let plan = LockedPlan {
            call: call.clone(),
            inner: inner.clone(),
            template: template.clone(),
        };
        self.nodes.get_mut(ix).plan = Plan::Locked(Box::new(plan));
        let waiting = self.locks.waiting.entry(name.clone()).or_default();
        if !waiting.contains(&ix) {
            waiting.push_back(ix);
        }
        self.apply(ix, |status, _| {
            status.message = message;
            status.synchronization_status = Some(NodeSynchronizationStatus { waiting: name });
        });
        Ok(Some(ix))
    }

    fn take(&mut self, wanted: &[Wanted], holder: &str, known: Option<Ix>) {
        for lock in wanted {
            self.locks
                .holders
                .entry(lock.name.clone())
                .or_default()
                .insert(holder.to_owned());
            if let (Some(ix), Some(waiting)) = (known, self.locks.waiting.get_mut(&lock.name)) {
                waiting.retain(|w| *w != ix);
            }
        }
        self.status.synchronization = self.locks.status();
        // There may be places left for who is next in line.
        let next: Vec<Ix> = wanted
            .iter()
            .filter_map(|l| self.locks.waiting.get(&l.name)?.front().copied())
            .collect();
        next.into_iter().for_each(|ix| self.enqueue(ix, Note::Own));
        if let Some(ix) = known.filter(|ix| self.nodes.status(*ix).synchronization_status.is_some()) {
            self.apply(ix, |status, _| {
                status.synchronization_status = None;
                status.message.clear();
            });
        }
    }

    /// A node that waited looks whether it is its turn.
    pub(super) fn evaluate_locked(&mut self, ix: Ix, plan: Box<LockedPlan>) -> Result<Plan, String> {
        let LockedPlan {
            call,
            inner,
            template,
        } = *plan;
        if self.lock(&call, Some(ix), &inner, &template)?.is_some() {
            return Ok(std::mem::take(&mut self.nodes.get_mut(ix).plan));
        }
        match self.perform(call, Some(ix), inner, template) {
            Ok(_) | Err(Stop::Blocked | Stop::Depth(_)) => {
                Ok(std::mem::take(&mut self.nodes.get_mut(ix).plan))
            }
            Err(Stop::Error(message)) => Err(message),
        }
    }

    /// A node is over: its locks are free, and who is first in line for them looks again.
    pub(super) fn unlock(&mut self, ix: Ix) {
        if self.locks.holders.is_empty() && self.locks.waiting.is_empty() {
            return;
        }
        let id = &self.nodes.status(ix).id;
        let holder = format!("{}/{}/{id}", self.meta.namespace, self.meta.name);
        self.locks
            .waiting
            .values_mut()
            .for_each(|waiting| waiting.retain(|w| *w != ix));
        let mut freed = Vec::new();
        for (name, holders) in &mut self.locks.holders {
            if holders.remove(&holder) {
                freed.push(name.clone());
            }
        }
        if freed.is_empty() {
            return;
        }
        self.status.synchronization = self.locks.status();
        for name in freed {
            let first = self.locks.waiting.get(&name).and_then(VecDeque::front).copied();
            if let Some(first) = first {
                self.enqueue(first, Note::Own);
            }
        }
    }

    fn wanted(&self, synchronization: &Synchronization) -> Result<Vec<Wanted>, String> {
        let namespace = |own: &str| {
            if own.is_empty() {
                self.meta.namespace.clone()
            } else {
                own.to_owned()
            }
        };
        let mut wanted = Vec::new();
        for mutex in &synchronization.mutexes {
            let name = format!("{}/Mutex/{}", namespace(&mutex.namespace), mutex.name);
            wanted.push(Wanted { name, limit: 1 });
        }
        for semaphore in &synchronization.semaphores {
            wanted.push(self.semaphore(semaphore, &namespace(&semaphore.namespace))?);
        }
        Ok(wanted)
    }

    fn semaphore(&self, semaphore: &SemaphoreRef, namespace: &str) -> Result<Wanted, String> {
        let Some(reference) = &semaphore.config_map_key_ref else {
            return Err("semaphores in a database are not supported".to_owned());
        };
        let (map, key) = (
            reference.text("name").unwrap_or_default(),
            reference.text("key").unwrap_or_default(),
        );
        let name = format!("{namespace}/ConfigMap/{map}/{key}");
        let value = self
            .templates
            .library
            .config_maps
            .get(map)
            .and_then(|m| m.data.get(key));
        let limit = value.and_then(|v| v.trim().parse().ok()).ok_or_else(|| {
            format!("failed to initialize semaphore {name}: ConfigMap '{map}' has no number under '{key}'")
        })?;
        Ok(Wanted { name, limit })
    }

    /// The type of the node that stands for a template.
    fn kind_of(&self, template: &Template) -> &'static str {
        if self.retry_strategy(template).is_some() {
            return kind::RETRY;
        }
        match work(template) {
            Some(Work::Steps) => kind::STEPS,
            Some(Work::Dag) => kind::DAG,
            Some(Work::Suspend) => kind::SUSPEND,
            Some(Work::Http) => kind::HTTP,
            Some(Work::Plugin) => kind::PLUGIN,
            _ => kind::POD,
        }
    }
}
