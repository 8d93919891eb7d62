//! A workflow's driver: folds what came into the machine, does what the machine asks for, and waits.
//!
//! One batch at a time: while its effects are under way, letters gather, and the next batch folds them all
//! at once. So there is never more than one status patch in flight, and a fan-out's ends cost one each.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ::workflow::Machine;
use ::workflow::contract::{Chunk, Effect, Event, Inputs, LABEL_INSTANCE, LABEL_WORKFLOW, Pending};
use futures::FutureExt;
use meta::{ObjectKey, Timestamp};
use tokio::time::Instant;

use crate::backoff::{Backoff, LONGEST};
use crate::context::Context;
use crate::events::{About, Recorder, Saying};
use crate::executor::Failure;
use crate::kind::Projection;
use crate::projections::{STATUS_CHUNKS, WORKFLOWS, Workflow};
use crate::workflow::Config;
use crate::workflow::lingering::Lingering;
use crate::workflow::mailbox::{Letter, Mailbox};
use crate::workflow::perform::{Performer, Trouble};
use crate::workflow::registry::{Assignment, Registry};

/// How a session with one machine ended.
enum End {
    /// There is nothing left to do.
    Done,
    /// The machine is out of date: build another at once.
    Rebuild,
    /// Something did not work: build another after a wait.
    Failed,
    /// What is to be done was told: what others do comes by mail.
    Told,
}

pub(super) struct Driver {
    context: Context,
    config: Config,
    registry: Arc<Registry>,
    recorder: Recorder,
    key: ObjectKey,
    mailbox: Arc<Mailbox>,
}

/// A machine and what belongs to it.
struct Session {
    machine: Machine,
    uid: String,
    wake: Option<Wake>,
    planned_at: Timestamp,
    /// When progress that lingers must be written.
    lingers: Option<Instant>,
    performer: Performer,
    lingering: Lingering,
}

/// A time of day that the machine waits for, and when that is by the clock that only runs forward.
#[derive(Clone, Copy)]
struct Wake {
    time: Timestamp,
    due: Instant,
}

impl Wake {
    fn new(time: Timestamp, now: Timestamp) -> Self {
        let left = Duration::try_from(time.duration_since(now)).unwrap_or_default();
        Self {
            time,
            due: Instant::now() + left,
        }
    }
}

impl Session {
    /// Whether there is nothing to do yet. What only shows progress lingers for a moment.
    fn may_wait(&mut self) -> bool {
        let now = Instant::now();
        match self.machine.pending() {
            Pending::Nothing => {
                self.lingers = None;
                true
            }
            Pending::Progress if !self.is_due(now) => true,
            Pending::Progress | Pending::Decision => {
                self.lingers = None;
                false
            }
        }
    }

    /// Whether what lingers has done so for long enough. If there is no room for it yet it lingers once more.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = *self.lingers.get_or_insert(now + self.lingering.least);
        if now < due {
            return false;
        }
        let goes = self.lingering.allowance.take(now);
        if !goes {
            self.lingers = Some(now + self.lingering.least);
        }
        goes
    }

    /// Tells the machine of a time that has come. Where the time of day went slower than the time passed,
    /// it has not come yet, whatever was reckoned: the rest is waited for.
    fn wake_if_due(&mut self) {
        let Some(wake) = self.wake.filter(|wake| wake.due <= Instant::now()) else {
            return;
        };
        if self.planned_at < wake.time {
            self.wake = Some(Wake::new(wake.time, self.planned_at));
        } else {
            self.wake = None;
            self.machine.observe(Event::Time, self.planned_at);
        }
    }
}

impl Driver {
    pub(super) fn new(
        context: &Context,
        config: &Config,
        registry: &Arc<Registry>,
        recorder: &Recorder,
        assignment: Assignment,
    ) -> Self {
        let Assignment { key, mailbox } = assignment;
        Self {
            context: context.clone(),
            config: config.clone(),
            registry: Arc::clone(registry),
            recorder: recorder.clone(),
            key,
            mailbox,
        }
    }

    /// Drives the workflow until nothing is left to do. A panic ends a session, not the driver.
    pub(super) async fn drive(self) {
        let mut backoff = Backoff::default();
        loop {
            let session = Box::pin(AssertUnwindSafe(self.session(&mut backoff)).catch_unwind());
            match session.await {
                Ok(End::Done) if self.registry.retire(&self.key, &self.mailbox) => return,
                Ok(End::Done | End::Rebuild) => {}
                Ok(End::Failed) => tokio::time::sleep(backoff.wait()).await,
                // Time alone may bring another decision.
                Ok(End::Told) => drop(tokio::time::timeout(LONGEST, self.mailbox.came()).await),
                Err(_) => {
                    self.context.metrics().panics.add(1);
                    tracing::error!(workflow = %self.key, "planning panicked; it will be tried again");
                    tokio::time::sleep(backoff.wait()).await;
                }
            }
        }
    }

    async fn session(&self, backoff: &mut Backoff) -> End {
        // What came before the rebuild is in it.
        self.mailbox.take();
        let inputs = match self.inputs().await {
            Ok(inputs) => inputs,
            Err(failure) => return self.cannot_start(failure).await,
        };
        let uid = inputs.workflow.metadata.uid.clone();
        self.registry
            .reset_locks(&self.key, &::workflow::locks::held(&inputs.workflow.status));
        self.release_orphans(Some(&uid)).await;
        let performer = self.performer(&uid, &inputs.workflow.metadata.resource_version);
        let now = self.now();
        let mut session = Session {
            machine: Machine::rebuild(inputs, now),
            planned_at: now,
            uid,
            wake: None,
            lingers: None,
            performer,
            lingering: self.config.lingering.clone(),
        };
        loop {
            if let Some(end) = self.batch(&mut session).await {
                return end;
            }
            backoff.reset();
            tokio::select! {
                biased;
                () = self.mailbox.came() => {}
                () = at(session.lingers) => {}
                () = at(session.wake.map(|wake| wake.due)) => {}
            }
        }
    }

    /// Folds what came and does what follows, until nothing does.
    async fn batch(&self, session: &mut Session) -> Option<End> {
        loop {
            let letters = self.mailbox.take();
            let quiet = letters.is_empty();
            for letter in letters {
                if self.observe(session, letter) {
                    return Some(End::Rebuild);
                }
            }
            session.planned_at = self.now();
            session.wake_if_due();
            self.context.metrics().workflow_steps.add(1);
            if session.may_wait() {
                if quiet || self.mailbox.is_empty() {
                    return self.rest(session).await;
                }
                continue;
            }
            let effects = session.machine.effects(session.planned_at);
            if !effects.is_empty() {
                meta::crash::point("workflow.planned");
            }
            if let Err(trouble) = self.perform(session, effects).await {
                return Some(trouble);
            }
        }
    }

    /// Nothing to do for now, or for good.
    async fn rest(&self, session: &Session) -> Option<End> {
        if session.machine.is_done() && session.lingers.is_none() {
            self.release_orphans(None).await;
            return Some(End::Done);
        }
        self.compare(session).await;
        None
    }

    /// Passes a letter on; whether it says that this very Workflow is gone.
    fn observe(&self, session: &mut Session, letter: Letter) -> bool {
        match letter {
            Letter::Gone(uid) => uid == session.uid,
            Letter::Event { workflow, event } => {
                if workflow.is_empty() || workflow == session.uid {
                    session.machine.observe(*event, self.now());
                }
                false
            }
        }
    }

    async fn perform(&self, session: &mut Session, effects: Vec<Effect>) -> Result<(), End> {
        for effect in &effects {
            if let Effect::WakeAt(time) = effect {
                session.wake = Some(Wake::new(*time, self.now()));
            }
        }
        let refused = session
            .performer
            .perform(effects)
            .await
            .map_err(|trouble| match trouble {
                Trouble::Rebuild => End::Rebuild,
                Trouble::Told => End::Told,
                Trouble::Failed(failure) => {
                    tracing::debug!(workflow = %self.key, %failure, "a batch was not done");
                    End::Failed
                }
            })?;
        for event in refused {
            session.machine.observe(event, self.now());
        }
        Ok(())
    }

    fn performer(&self, uid: &str, version: &str) -> Performer {
        let Self {
            context,
            registry,
            recorder,
            key,
            ..
        } = self;
        Performer::new(context, registry, recorder, key, uid, version)
    }

    async fn inputs(&self) -> Result<Inputs, Failure> {
        let workflow: argo::Workflow = self.context.executor.read(WORKFLOWS, &self.key).await?;
        if workflow.metadata.labels.get(LABEL_INSTANCE) != self.config.machine.instance_id.as_ref() {
            return Err(Failure::NotFound("it is another controller's".to_owned()));
        }
        let uid = workflow.metadata.uid.clone();
        let chunks = self.chunks(&uid).await?;
        let named = ::workflow::layout::check(&workflow.status, &chunks);
        named.map_err(|missing| Failure::Unreadable(missing.to_string()))?;
        Ok(Inputs {
            chunks,
            pods: self.registry.pods(&self.key, &uid),
            results: self.registry.results(&self.key, &uid),
            library: self.registry.library(&self.key.namespace),
            config: Arc::clone(&self.config.machine),
            workflow,
        })
    }

    /// The chunks of the workflow of this uid, whether it names them or not.
    async fn chunks(&self, uid: &str) -> Result<Vec<Chunk<argo::NodeStatus>>, Failure> {
        let of_it = (LABEL_WORKFLOW, self.key.name.as_str());
        let listed = self
            .context
            .executor
            .list(STATUS_CHUNKS, &self.key.namespace, of_it);
        let mut chunks: Vec<Chunk<argo::NodeStatus>> = listed.await?;
        chunks.retain(|chunk| chunk.workflow == uid);
        Ok(chunks)
    }

    async fn cannot_start(&self, failure: Failure) -> End {
        match failure {
            Failure::NotFound(_) => {
                self.release_orphans(None).await;
                End::Done
            }
            Failure::Unreadable(why) => self.refuse(&why).await,
            failure => {
                tracing::warn!(workflow = %self.key, %failure, "the workflow cannot be read");
                let said = Saying {
                    warning: true,
                    reason: "WorkflowUnreadable",
                    message: &failure.to_string(),
                    component: "workflow-controller",
                };
                self.recorder
                    .say(&About::new(WORKFLOWS, self.key.clone(), ""), said);
                End::Failed
            }
        }
    }

    /// Ends a Workflow that says what cannot be understood.
    async fn refuse(&self, why: &str) -> End {
        let Some(workflow) = self.context.informers.get::<Workflow>().get(&self.key) else {
            return End::Failed;
        };
        let uid = workflow.uid();
        let version = &workflow.metadata.resource_version;
        let mut performer = self.performer(uid, version);
        let patch = ::workflow::unreadable(uid, why, self.now());
        match performer
            .perform(vec![Effect::PatchWorkflow(Box::new(patch))])
            .await
        {
            Ok(_) => End::Done,
            Err(_) => End::Failed,
        }
    }

    /// Lets go of pods that no machine will: those of another Workflow of this name that is gone, or all,
    /// once this one is gone or over.
    async fn release_orphans(&self, but_of: Option<&str>) {
        let held = self.registry.held(&self.key, but_of);
        if held.is_empty() {
            return;
        }
        let mut performer = self.performer("", "");
        let effects = held.into_iter().map(|pod| Effect::ReleasePod {
            name: pod.name,
            uid: pod.uid,
        });
        // What fails is tried again by the next session: the pod is still held.
        let _ = performer.perform(effects.collect()).await;
    }

    /// Compares the machine with one rebuilt from the API, if asked to, and if both saw the same.
    async fn compare(&self, session: &Session) {
        // What lingers is not in the API yet: one rebuilt now would find it out later, and so give it other times.
        if !self.config.verify || session.lingers.is_some() {
            return;
        }
        let Ok(inputs) = self.inputs().await else { return };
        let same = inputs.workflow.metadata.uid == session.uid && self.wishes_are_known(&inputs.workflow);
        if !self.mailbox.is_empty() || !same {
            return;
        }
        self.context.metrics().comparisons.add(1);
        // As of the last plan: reading the inputs took time, in which a wait may have ended.
        let rebuilt = Machine::rebuild(inputs, session.planned_at);
        if let Some(difference) = session.machine.difference(&rebuilt) {
            self.context.metrics().divergences.add(1);
            tracing::error!(workflow = %self.key, %difference, "the machine differs from a rebuilt one");
        }
    }

    /// Whether what people want of the workflow is what the informer has told the machine.
    fn wishes_are_known(&self, stored: &argo::Workflow) -> bool {
        let seen = self.context.informers.get::<Workflow>().get(&self.key);
        let resumed = |nodes: &BTreeMap<String, argo::NodeStatus>| -> Vec<String> {
            let nodes = nodes.values().filter(|node| node.r#type == "Suspend");
            let ended = nodes.filter(|node| node.finished_at.is_some());
            ended.map(|node| node.id.clone()).collect()
        };
        seen.is_some_and(|seen| {
            seen.view.suspend == (stored.spec.suspend == Some(true))
                && seen.view.shutdown == stored.spec.shutdown
                && seen.view.active_deadline_seconds == stored.spec.active_deadline_seconds
                && seen.view.deleting == stored.metadata.deletion_timestamp.is_some()
                && resumed(&seen.view.suspend_nodes) == resumed(&stored.status.nodes)
        })
    }

    fn now(&self) -> Timestamp {
        self.context.host.now()
    }
}

/// Resolves at a time, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
