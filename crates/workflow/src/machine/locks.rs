//! Locks that a workflow and its nodes take: asked for at the desk of all workflows, and held in the status.
//! Rule: workflow/controller/operator.go, and [`crate::locks`].
//!
//! ```text
//!   call with synchronization --> node Pending --ask--> granted --> held in status.synchronization --> performed
//!                                                   --> waiting --> the node says for what; asked again when told
//!   node over --> taken out of the status --> patch --> released
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use argo::Template;
use argo::policy::{SemaphoreRef, Synchronization};
use argo::status::{
    MutexHolding, MutexStatus, NodeSynchronizationStatus, SemaphoreHolding, SemaphoreStatus,
    SynchronizationStatus,
};

use super::nodes::Ix;
use super::plan::{Call, Plan, Stop, TimeLimits};
use super::{Machine, Note, Shutdown};
use crate::locks::{Answer, Ask, LockName, held_by, is_mutex};
use crate::phase::{FAILED, PENDING, RUNNING, kind};
use crate::template::{Base, Work, work};

/// What was asked for and not granted yet, by holder.
#[derive(Debug, Default)]
pub(super) struct Locks {
    asked: BTreeMap<String, Asked>,
}

#[derive(Debug)]
struct Asked {
    by: Asker,
    locks: Vec<LockName>,
}

/// Who wants locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    Workflow,
    Node(Ix),
}

impl Asked {
    fn node(&self) -> Option<Ix> {
        match self.by {
            Asker::Node(ix) => Some(ix),
            Asker::Workflow => None,
        }
    }
}

/// A call that waits for a lock.
#[derive(Debug)]
pub(crate) struct LockedPlan {
    call: Call,
    inner: Base,
    template: Arc<Template>,
    pub(super) limits: TimeLimits,
}

impl Machine {
    /// Asks for the locks of a call, and makes its node wait for them; none if it needs none or has them.
    ///
    /// # Errors
    /// Locks that cannot be.
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
        let locks = self.locks_of(synchronization)?;
        let holder = self.holder(&crate::names::node_id(self.name(), &call.name));
        if self.holds(&holder, &locks) {
            return Ok(None);
        }
        let ix = known.unwrap_or_else(|| self.executable(call, self.kind_of(template), PENDING, template));
        let plan = LockedPlan {
            call: call.clone(),
            inner: inner.clone(),
            template: template.clone(),
            limits: self.time_limits(ix, template)?,
        };
        self.nodes.get_mut(ix).plan = Plan::Locked(Box::new(plan));
        self.ask(holder, Asker::Node(ix), locks);
        self.check_pending(ix);
        Ok(Some(ix))
    }

    /// Whether the workflow itself has what it must hold to run; what it lacks is asked for.
    pub(super) fn has_own_locks(&mut self) -> bool {
        let Some(synchronization) = self.spec.synchronization.clone() else {
            return true;
        };
        let holder = self.own_holder();
        match self.locks_of(&synchronization) {
            Ok(locks) if self.holds(&holder, &locks) => true,
            Ok(locks) => {
                self.ask(holder, Asker::Workflow, locks);
                false
            }
            Err(message) => {
                self.lock_refused(Asker::Workflow, message);
                false
            }
        }
    }

    /// Whether the workflow waits for its own locks.
    pub(super) fn awaits_own_locks(&self) -> bool {
        self.locks.asked.contains_key(&self.own_holder())
    }

    fn ask(&mut self, holder: String, by: Asker, locks: Vec<LockName>) {
        self.out.ask(self.question(&holder, &locks));
        self.locks.asked.insert(holder, Asked { by, locks });
    }

    fn question(&self, holder: &str, locks: &[LockName]) -> Ask {
        Ask {
            holder: holder.to_owned(),
            locks: locks.to_vec(),
            priority: self.spec.priority.unwrap_or_default(),
            created: self.meta.creation_timestamp.map_or(self.now, |t| t.0),
        }
    }

    /// It may be this workflow's turn: everything that is waited for is asked for again.
    pub(super) fn ask_again(&mut self) {
        let mut asked: Vec<(&String, &Asked)> = self.locks.asked.iter().collect();
        asked.sort_by_key(|(_, asked)| asked.by);
        let again = asked.into_iter();
        let again: Vec<Ask> = again
            .map(|(holder, asked)| self.question(holder, &asked.locks))
            .collect();
        again.into_iter().for_each(|ask| self.out.ask(ask));
    }

    /// The desk answered.
    pub(super) fn lock_answered(&mut self, holder: &str, answer: Answer) {
        let Some(asked) = self.locks.asked.get(holder) else {
            let held = held_by(self.status.synchronization.as_ref());
            if answer == Answer::Granted && !held.iter().any(|(h, _)| h == holder) {
                // It was given up meanwhile.
                self.out.release_lock(holder.to_owned());
            }
            return;
        };
        let (by, locks) = (asked.by, asked.locks.clone());
        match answer {
            Answer::Granted => self.lock_granted(holder, by, &locks),
            Answer::Waiting {
                lock,
                message,
                holders,
            } => self.lock_awaited(by, lock, &message, &holders),
            Answer::Refused(message) => {
                self.locks.asked.remove(holder);
                self.lock_refused(by, message);
            }
        }
    }

    fn lock_granted(&mut self, holder: &str, by: Asker, locks: &[LockName]) {
        self.locks.asked.remove(holder);
        self.hold(holder, locks);
        let Asker::Node(ix) = by else {
            self.start();
            return;
        };
        if self.held_back_by(ix).is_some() {
            self.give_up(holder);
            return;
        }
        let waited = self.nodes.status(ix).synchronization_status.is_some();
        let composite = matches!(
            self.nodes.status(ix).r#type.as_str(),
            kind::STEPS | kind::DAG | kind::RETRY
        );
        self.apply(ix, |status, _| {
            if waited {
                status.message.clear();
            } else if composite {
                // A node that had to wait stays as it was, as Argo leaves it.
                RUNNING.clone_into(&mut status.phase);
            }
            status.synchronization_status = None;
        });
        self.enqueue(ix, Note::Own);
    }

    fn lock_awaited(
        &mut self,
        by: Asker,
        lock: String,
        message: &str,
        holders: &BTreeMap<String, Vec<String>>,
    ) {
        self.note_waiting(holders);
        match by {
            Asker::Workflow => {
                self.set_phase(PENDING, message);
                self.stop_waiting_workflow();
            }
            Asker::Node(ix) => self.apply(ix, |status, _| {
                message.clone_into(&mut status.message);
                status.synchronization_status = Some(NodeSynchronizationStatus { waiting: lock });
            }),
        }
    }

    fn lock_refused(&mut self, by: Asker, message: String) {
        match by {
            Asker::Workflow => self.end(
                FAILED,
                &format!("Failed to acquire the synchronization lock. {message}"),
            ),
            Asker::Node(ix) => self.fail(ix, message),
        }
    }

    /// A workflow that waits to start is ended by Terminate; Stop has nothing to stop.
    pub(super) fn stop_waiting_workflow(&mut self) {
        if self.control.shutdown == Shutdown::Terminate && self.awaits_own_locks() {
            self.end(FAILED, "Stopped with strategy 'Terminate'");
        }
    }

    /// A node that waited looks whether it has its locks by now.
    pub(super) fn evaluate_locked(&mut self, ix: Ix, plan: Box<LockedPlan>) -> Result<Plan, String> {
        self.nodes.get_mut(ix).plan = Plan::Locked(plan);
        let holder = self.holder(&self.nodes.status(ix).id);
        if self.check_pending(ix) || self.locks.asked.contains_key(&holder) {
            return Ok(std::mem::take(&mut self.nodes.get_mut(ix).plan));
        }
        let Plan::Locked(plan) = std::mem::take(&mut self.nodes.get_mut(ix).plan) else {
            return Ok(Plan::Idle);
        };
        let LockedPlan {
            call,
            inner,
            template,
            ..
        } = *plan;
        match self.perform(call, Some(ix), inner, template) {
            Ok(_) | Err(Stop::Blocked | Stop::Depth(_)) => {
                Ok(std::mem::take(&mut self.nodes.get_mut(ix).plan))
            }
            Err(Stop::Error(message)) => Err(message),
        }
    }

    /// A node is over: what it holds is free, and it waits for nothing.
    pub(super) fn unlock(&mut self, ix: Ix) {
        if self.status.synchronization.is_none() && self.locks.asked.is_empty() {
            return;
        }
        let holder = self.holder(&self.nodes.status(ix).id);
        self.give_up(&holder);
    }

    /// The workflow is over: nothing is held or waited for any more.
    pub(super) fn unlock_all(&mut self) {
        let asked = std::mem::take(&mut self.locks.asked);
        for ix in asked.values().filter_map(|asked| asked.node()) {
            self.nodes
                .change(ix, |status| status.synchronization_status = None);
        }
        let mut holders: Vec<String> = asked.into_keys().collect();
        holders.extend(
            held_by(self.status.synchronization.as_ref())
                .into_iter()
                .map(|(holder, _)| holder),
        );
        self.status.synchronization = None;
        holders.into_iter().for_each(|h| self.out.release_lock(h));
    }

    fn give_up(&mut self, holder: &str) {
        let asked = self.locks.asked.remove(holder).is_some();
        if self.let_loose(holder) || asked {
            self.out.release_lock(holder.to_owned());
        }
    }

    fn holder(&self, node: &str) -> String {
        format!("{}/{}/{node}", self.meta.namespace, self.meta.name)
    }

    fn own_holder(&self) -> String {
        format!("{}/{}", self.meta.namespace, self.meta.name)
    }

    /// The locks that a workflow or template names: semaphores first, then mutexes.
    fn locks_of(&self, synchronization: &Synchronization) -> Result<Vec<LockName>, String> {
        let namespace = |own: &str| {
            let own = Some(own).filter(|n| !n.is_empty());
            own.unwrap_or(&self.meta.namespace).to_owned()
        };
        let mut locks = Vec::new();
        for semaphore in &synchronization.semaphores {
            locks.push(semaphore_name(semaphore, namespace(&semaphore.namespace))?);
        }
        for mutex in &synchronization.mutexes {
            let (namespace, name) = (namespace(&mutex.namespace), mutex.name.clone());
            if mutex.database {
                let of = format!("{namespace}/Database/{name}");
                return Err(format!("database session is not available for mutex {of}"));
            }
            locks.push(LockName::Mutex { namespace, name });
        }
        let twice = |(i, lock): (usize, &LockName)| locks[..i].contains(lock);
        if locks.iter().enumerate().any(twice) {
            return Err(
                "requested configuration is invalid: duplicate synchronization item found".to_owned(),
            );
        }
        Ok(locks)
    }

    /// The type of the node that stands for a template.
    pub(super) fn kind_of(&self, template: &Template) -> &'static str {
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

    fn holds(&self, holder: &str, locks: &[LockName]) -> bool {
        let held = held_by(self.status.synchronization.as_ref());
        let has = |lock: &LockName| held.iter().any(|(h, l)| h == holder && *l == lock.to_string());
        locks.iter().all(has)
    }

    /// Notes in the status that a holder has locks.
    fn hold(&mut self, holder: &str, locks: &[LockName]) {
        let mut status = self.status.synchronization.take().unwrap_or_default();
        for lock in locks {
            let name = lock.to_string();
            if lock.is_mutex() {
                let all = status.mutex.get_or_insert_default();
                all.waiting.retain(|w| w.mutex != name);
                all.holding.push(MutexHolding {
                    holder: holder.to_owned(),
                    mutex: name,
                });
                continue;
            }
            let all = status.semaphore.get_or_insert_default();
            for waiting in all.waiting.iter_mut().filter(|w| w.semaphore == name) {
                waiting.holders.retain(|h| h != holder);
            }
            all.waiting
                .retain(|w| w.semaphore != name || !w.holders.is_empty());
            match all.holding.iter_mut().find(|h| h.semaphore == name) {
                Some(known) => known.holders.push(holder.to_owned()),
                None => all.holding.push(SemaphoreHolding {
                    semaphore: name,
                    holders: vec![holder.to_owned()],
                }),
            }
        }
        self.status.synchronization = tidy(status);
    }

    /// Notes in the status who holds what is waited for.
    fn note_waiting(&mut self, holders: &BTreeMap<String, Vec<String>>) {
        let mut status = self.status.synchronization.take().unwrap_or_default();
        for (name, current) in holders {
            if is_mutex(name) {
                let all = status.mutex.get_or_insert_default();
                all.waiting.retain(|w| w.mutex != *name);
                all.waiting.extend(current.first().map(|holder| MutexHolding {
                    holder: holder.clone(),
                    mutex: name.clone(),
                }));
            } else {
                let all = status.semaphore.get_or_insert_default();
                all.waiting.retain(|w| w.semaphore != *name);
                all.waiting.push(SemaphoreHolding {
                    semaphore: name.clone(),
                    holders: current.clone(),
                });
            }
        }
        self.status.synchronization = tidy(status);
    }

    /// Takes a holder out of the status; answers whether it held anything.
    fn let_loose(&mut self, holder: &str) -> bool {
        let Some(mut status) = self.status.synchronization.take() else {
            return false;
        };
        let before = held_by(Some(&status)).len();
        if let Some(mutex) = &mut status.mutex {
            mutex.holding.retain(|h| h.holder != holder);
        }
        if let Some(semaphore) = &mut status.semaphore {
            for held in &mut semaphore.holding {
                held.holders.retain(|h| h != holder);
            }
            semaphore.holding.retain(|h| !h.holders.is_empty());
        }
        let after = held_by(Some(&status)).len();
        self.status.synchronization = tidy(status);
        before != after
    }
}

/// A status without empty parts.
fn tidy(mut status: SynchronizationStatus) -> Option<SynchronizationStatus> {
    status.mutex = status.mutex.filter(|m| *m != MutexStatus::default());
    status.semaphore = status.semaphore.filter(|s| *s != SemaphoreStatus::default());
    Some(status).filter(|s| *s != SynchronizationStatus::default())
}

fn semaphore_name(semaphore: &SemaphoreRef, namespace: String) -> Result<LockName, String> {
    if let Some(reference) = &semaphore.config_map_key_ref {
        let text = |field: &str| reference.text(field).unwrap_or_default().to_owned();
        return Ok(LockName::Semaphore {
            namespace,
            map: text("name"),
            key: text("key"),
        });
    }
    let Some(database) = &semaphore.database else {
        return Err(
            "requested configuration is invalid: cannot get LockName for a Semaphore without a ConfigMapRef or Database"
                .to_owned(),
        );
    };
    let of = format!("{namespace}/Database/{}", database.key);
    Err(format!("database session is not available for semaphore {of}"))
}
