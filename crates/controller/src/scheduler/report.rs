//! Telling pods why they wait: the condition `PodScheduled=False` and a `FailedScheduling` event, as
//! kube-scheduler writes them.
//!
//! Reports follow placements at their own, bounded pace: of a burst that fills the cluster for a second,
//! most pods are placed before anyone could have read why they waited.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meta::ObjectKey;
use scheduler::WhyNot;
use serde_json::json;
use tokio::time::Instant;

use crate::context::Context;
use crate::events::{About, Saying, event};
use crate::projections::PODS;
use crate::scheduler::desk::Desk;
use crate::write::Write;

/// A pod is told once it waited this long, and the next ones so long after. Each costs two writes: in a fan-out that
/// fills the machine they must stay few beside those that get on with it.
const PACE: Duration = Duration::from_millis(500);
/// Pods told at once.
const AT_ONCE: usize = 16;

pub(super) struct Reports {
    context: Context,
    component: String,
    to_tell: BTreeSet<String>,
    told: BTreeMap<String, Arc<WhyNot>>,
    /// Whether those told may have another reason now.
    outdated: bool,
    due: Option<Instant>,
}

impl Reports {
    pub(super) fn new(context: Context, component: String) -> Self {
        Self {
            context,
            component,
            to_tell: BTreeSet::new(),
            told: BTreeMap::new(),
            outdated: false,
            due: None,
        }
    }

    /// Takes note of pods that came and wait, and whether those told before may have another reason now.
    pub(super) fn note(&mut self, arrived: Vec<String>, refused: bool) {
        self.to_tell.extend(arrived);
        self.outdated |= refused && !self.told.is_empty();
        if (self.outdated || !self.to_tell.is_empty()) && self.due.is_none() {
            self.due = Some(Instant::now() + PACE);
        }
    }

    /// When [`Reports::send`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Tells some pods.
    pub(super) async fn send(&mut self, desk: &Desk) {
        if std::mem::take(&mut self.outdated) {
            self.to_tell.extend(self.told.keys().cloned());
        }
        let mut writes = Vec::new();
        while writes.len() < AT_ONCE
            && let Some(uid) = self.to_tell.pop_first()
        {
            let Some((key, why)) = desk.why(&uid) else {
                self.told.remove(&uid);
                continue;
            };
            if self.told.get(&uid) != Some(&why) {
                writes.push(self.tell(key, &uid, &why.to_string()));
                self.told.insert(uid, why);
            }
        }
        self.due = (!self.to_tell.is_empty()).then(|| Instant::now() + PACE);
        futures::future::join_all(writes).await;
    }

    fn tell(&self, key: ObjectKey, uid: &str, why: &str) -> impl Future<Output = ()> + use<> {
        let host = &self.context.host;
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": why,
            "lastProbeTime": null,
            "lastTransitionTime": meta::time::seconds(host.now()),
        });
        let patch = json!({"status": {"conditions": [condition]}});
        let said = Saying {
            warning: true,
            reason: "FailedScheduling",
            message: why,
            component: &self.component,
        };
        let event = event(host, &About::new(PODS, key.clone(), uid), said);
        let condition = Write::strategic(PODS, key, patch)
            .on("status")
            .only(uid, None)
            .at("scheduler.reported");
        let executor = self.context.executor.clone();
        async move {
            for write in [condition, event] {
                if let Err(failure) = executor.write(&write).await {
                    tracing::debug!(object = %write.key, %failure, "a report was not taken");
                }
            }
        }
    }
}
