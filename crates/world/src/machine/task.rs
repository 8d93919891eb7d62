//! The course of one process: pulled, started, ended, told.

use std::time::Duration;

use controller::Projection;
use controller::projections::TASK_RESULTS;
use controller::write::Write;
use meta::Timestamp;
use tokio::time::Instant;

use super::process::{Process, Stage};
use super::{Machine, WholePod, report};
use crate::broken::Broken;
use crate::ledger::End;
use crate::program::Ending;

impl Machine {
    /// Follows a process from the intent to its end, and tells the API of it.
    pub(super) async fn accompany(self, uid: String) {
        self.until_back().await;
        if let Some(process) = self.processes.get(&uid) {
            self.begin(&uid, &process).await;
        }
        self.until_ended(&uid).await;
        self.until_back().await;
        if self.broken != Broken::KeepsSilent {
            self.tell_end(&uid).await;
        }
    }

    /// Pulls the image and starts the process, unless that was done or is not to be any more.
    async fn begin(&self, uid: &str, process: &Process) {
        if process.stage == Stage::Accepted {
            self.pull(uid, process).await;
            let now = self.context.host.now();
            self.processes.change(uid, |process| start(process, now));
            let Some(process) = self.processes.get(uid) else {
                return;
            };
            if !matches!(process.stage, Stage::Running { .. }) {
                return;
            }
            self.ledger.started(process.start(&self.spec.name));
            self.log(&format!("{} starts {}", self.spec.name, process.node_name()));
        }
        let Some(process) = self.processes.get(uid) else {
            return;
        };
        let now = self.context.host.now();
        if let Stage::Running { until, .. } = process.stage
            && until.is_none_or(|until| until > now)
        {
            self.patch(&process, uid, report::running(&process)).await;
        }
    }

    /// Waits for the image, or for the pod to be given up.
    async fn pull(&self, uid: &str, process: &Process) {
        if process
            .pulled_at()
            .is_some_and(|at| at <= self.context.host.now())
        {
            return;
        }
        self.patch(process, uid, report::pulling(process)).await;
        loop {
            let news = self.news.notified();
            let waits = |process: &Process| process.stage == Stage::Accepted;
            if !self.processes.get(uid).is_some_and(|process| waits(&process)) {
                return;
            }
            let Some(left) = self.left(process.pulled_at()) else {
                return;
            };
            tokio::select! {
                biased;
                () = news => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    async fn until_ended(&self, uid: &str) {
        loop {
            let news = self.news.notified();
            let Some(Stage::Running { since, until, asked }) = self.processes.get(uid).map(|p| p.stage)
            else {
                return;
            };
            let Some(left) = self.left(until) else {
                self.end(uid, since, asked);
                return;
            };
            tokio::select! {
                biased;
                () = news => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }

    fn end(&self, uid: &str, since: Timestamp, asked: bool) {
        let at = self.context.host.now();
        self.processes.change(uid, |process| {
            let how = if asked {
                End::Asked
            } else {
                End::Natural(process.course.ending.code())
            };
            process.stage = Stage::Ended { since, at, how };
            self.ledger.ended(uid, how);
        });
    }

    async fn tell_end(&self, uid: &str) {
        let Some(process) = self.processes.get(uid) else {
            return;
        };
        if process.reported {
            return;
        }
        self.log(&format!(
            "{} ended {} with {}",
            self.spec.name,
            process.key.name,
            process.code()
        ));
        let evicted = process.course.ending == Ending::Evicted;
        let natural = matches!(process.end(), Some(End::Natural(_))) && !evicted;
        if let Some(orders) = process.orders.as_ref().filter(|_| natural) {
            let (key, result) = report::task_result(orders, &process);
            self.until_done(&Write::create(TASK_RESULTS, key, result)).await;
        }
        let status = report::ended(&process, self.broken == Broken::SaysAllIsWell);
        self.patch(&process, uid, status).await;
        self.processes.change(uid, |process| process.reported = true);
        let pod = self.context.informers.get::<WholePod>().get(&process.key);
        if pod.is_some_and(|pod| pod.uid() == uid && pod.is_going()) {
            self.clone().remove(process.key, uid.to_owned()).await;
        }
    }

    /// What is left until a time: none if it has come, a very long time if it never does.
    fn left(&self, until: Option<Timestamp>) -> Option<Duration> {
        let Some(until) = until else { return Some(NEVER) };
        let left = Duration::try_from(until.duration_since(self.context.host.now())).ok()?;
        (!left.is_zero()).then_some(left)
    }

    pub(super) async fn sleep_until(&self, until: Timestamp) {
        if let Some(left) = self.left(Some(until)) {
            tokio::time::sleep_until(Instant::now() + left).await;
        }
    }
}

/// Longer than any world lasts.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

fn start(process: &mut Process, now: Timestamp) {
    if process.stage == Stage::Accepted {
        let runs = process.course.runs.map(Duration::from_millis);
        process.stage = Stage::Running {
            since: now,
            until: runs.map(|runs| now + runs),
            asked: false,
        };
    }
}
