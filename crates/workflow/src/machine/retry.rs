//! A retry node: attempts of one call, until one succeeds or the strategy says enough.
//! Rule: workflow/controller/operator.go, `processNodeRetries`.

use std::collections::BTreeSet;
use std::sync::Arc;

use argo::policy::{Backoff, RetryStrategy};
use argo::status::NodeFlag;
use meta::Timestamp;
use meta::time::SignedDuration;

use super::nodes::Ix;
use super::plan::{Call, Plan, RetryPlan, Stop};
use super::{Machine, Note, mark};
use crate::glue::truth;
use crate::names::pod_name;
use crate::phase::{self, ERROR, FAILED, SUCCEEDED, kind};
use crate::template::{Work, work};
use crate::vars::{self, VarMap, Vars};

/// What to do after an attempt.
enum Next {
    /// Start another, to be over by then.
    Again(Option<Timestamp>),
    /// Wait: for the attempt, or for its time.
    Wait,
    /// The retry node is over.
    Over,
}

impl Machine {
    pub(super) fn evaluate_retry(
        &mut self,
        ix: Ix,
        mut plan: Box<RetryPlan>,
        notes: &[Note],
    ) -> Result<Plan, String> {
        let strategy = self.retry_strategy(&plan.template).unwrap_or_default();
        self.take_up_attempts(ix, &mut plan)?;
        if let Some(error) = error_of(notes)
            && !matches!(policy(&strategy), "Always" | "OnError" | "OnTransientError")
        {
            return Err(error);
        }
        loop {
            let next = match plan.attempts.last().copied() {
                None => Next::Again(None),
                Some(last) => self.after_attempt(ix, &plan, last, &strategy)?,
            };
            match next {
                Next::Again(_) if self.has_no_room(ix) => {
                    self.block(ix);
                    return Ok(Plan::Retry(plan));
                }
                Next::Again(deadline) => self.attempt(ix, &mut plan, deadline, &strategy)?,
                Next::Wait => return Ok(Plan::Retry(plan)),
                Next::Over => return Ok(Plan::Idle),
            }
        }
    }

    /// After a restart: attempts that were made before, the last of which may still be running.
    fn take_up_attempts(&mut self, ix: Ix, plan: &mut RetryPlan) -> Result<(), String> {
        if !plan.attempts.is_empty() {
            return Ok(());
        }
        let is_attempt = |m: &Self, c: &Ix| phase::retried(m.nodes.status(*c));
        plan.attempts = self
            .children(ix)
            .into_iter()
            .filter(|c| is_attempt(self, c))
            .collect();
        let Some(last) = plan.attempts.last().copied() else {
            return Ok(());
        };
        let index = plan.attempts.len() - 1;
        if phase::over(self.phase(last)) {
            let call = self.attempt_call(ix, plan, index);
            self.attach(last, &call);
            return Ok(());
        }
        let before = index.checked_sub(1).map(|i| plan.attempts[i]);
        let strategy = self.retry_strategy(&plan.template).unwrap_or_default();
        let deadline = self.max_duration(plan, &strategy)?;
        self.run_attempt(ix, plan, index, before, deadline).map(|_| ())
    }

    fn attempt(
        &mut self,
        ix: Ix,
        plan: &mut RetryPlan,
        deadline: Option<Timestamp>,
        strategy: &RetryStrategy,
    ) -> Result<(), String> {
        let before = plan.attempts.last().copied();
        let index = plan.attempts.len();
        let attempt = self.run_attempt(ix, plan, index, before, deadline);
        let made = self.nodes.find(&crate::names::node_id(
            self.name(),
            &self.attempt_call(ix, plan, index).name,
        ));
        if let Some(made) = made {
            plan.attempts.push(made);
            self.nodes.link(ix, made);
        }
        match attempt {
            Ok(()) => Ok(()),
            Err(_)
                if made.is_some()
                    && matches!(policy(strategy), "Always" | "OnError" | "OnTransientError") =>
            {
                Ok(())
            }
            Err(message) => Err(message),
        }
    }

    fn attempt_call(&self, ix: Ix, plan: &RetryPlan, index: usize) -> Call {
        let mut call = plan.call.clone();
        call.name = format!("{}({index})", self.nodes.status(ix).name);
        call.parent = Some(ix);
        let hooked = call.flag.as_ref().is_some_and(|f| f.hooked);
        call.flag = Some(NodeFlag {
            hooked,
            retried: true,
        });
        call
    }

    fn run_attempt(
        &mut self,
        ix: Ix,
        plan: &RetryPlan,
        index: usize,
        before: Option<Ix>,
        deadline: Option<Timestamp>,
    ) -> Result<(), String> {
        let call = self.attempt_call(ix, plan, index);
        let known = self.nodes.find(&crate::names::node_id(self.name(), &call.name));
        if let Some(known) = known {
            self.attach(known, &call);
        }
        let locals = self.attempt_vars(plan, &call.name, index, before);
        let template = match crate::args::substitute(&plan.template, self.vars(&locals, None)) {
            Ok(template) => Arc::new(template),
            Err(message) => {
                self.error_node(known, &call, &message);
                return Err(message);
            }
        };
        match self.begin_work(&call, known, plan.inner.clone(), &template, deadline) {
            Ok(_) | Err(Stop::Depth(_) | Stop::Blocked) => Ok(()),
            Err(Stop::Error(message)) => Err(message),
        }
    }

    /// `retries`, `lastRetry.*` and the attempt's `pod.name`.
    fn attempt_vars(&self, plan: &RetryPlan, name: &str, index: usize, before: Option<Ix>) -> VarMap {
        let mut vars = VarMap::new();
        let mut set = |key: &str, value: String| drop(vars.insert(key.to_owned(), vars::text(value)));
        if work(&plan.template).is_some_and(Work::is_pod) {
            set("pod.name", pod_name(self.name(), name, &plan.template.name));
        }
        set("retries", index.to_string());
        let last = before.map(|b| self.nodes.status(b));
        let exit_code = last.and_then(|l| l.outputs.as_ref()?.exit_code.clone());
        set("lastRetry.exitCode", exit_code.unwrap_or_else(|| "0".to_owned()));
        set(
            "lastRetry.duration",
            last.map_or_else(|| "0".to_owned(), duration),
        );
        set(
            "lastRetry.status",
            last.map(|l| l.phase.clone()).unwrap_or_default(),
        );
        set(
            "lastRetry.message",
            last.map(|l| l.message.clone()).unwrap_or_default(),
        );
        vars
    }

    fn after_attempt(
        &mut self,
        ix: Ix,
        plan: &RetryPlan,
        last: Ix,
        strategy: &RetryStrategy,
    ) -> Result<Next, String> {
        let status = self.nodes.status(last).clone();
        if !phase::over(&status.phase) {
            self.mirror_daemon(ix, last);
            return Ok(Next::Wait);
        }
        if !phase::failed(&status.phase) {
            self.end_retry(ix, last, SUCCEEDED, None);
            return Ok(Next::Over);
        }
        if let Some(message) = self.retry_forbidden() {
            self.end_retry(ix, last, &status.phase, Some(&message));
            return Ok(Next::Over);
        }
        let mut deadline = None;
        if let Some(backoff) = &strategy.backoff {
            match self.back_off(ix, plan, last, strategy, backoff)? {
                Next::Again(until) => deadline = until,
                other => return Ok(other),
            }
            self.apply(ix, |status, _| status.message.clear());
        }
        match self.enough(plan, strategy, &status)? {
            Some(message) => {
                self.end_retry(ix, last, &status.phase, Some(&message));
                Ok(Next::Over)
            }
            None => Ok(Next::Again(deadline)),
        }
    }

    /// The machines on which attempts before this one failed, if its strategy keeps off them. The retry node is
    /// the caller of the pod's node, or of the node around it. Rule: workflow/controller/retry_tweak.go.
    pub(super) fn machines_to_avoid(&self, ix: Ix) -> Vec<String> {
        let caller = |ix: Ix| self.nodes.get(ix).parent;
        let around = self.nodes.find(&self.nodes.status(ix).boundary_id);
        let candidates = [caller(ix), around.and_then(caller)];
        let Some((retry, plan)) =
            candidates
                .into_iter()
                .flatten()
                .find_map(|c| match &self.nodes.get(c).plan {
                    Plan::Retry(plan) => Some((c, plan)),
                    _ => None,
                })
        else {
            return Vec::new();
        };
        let affinity = self.retry_strategy(&plan.template).and_then(|s| s.affinity);
        if affinity.is_none_or(|a| a.node_anti_affinity.is_none()) {
            return Vec::new();
        }
        self.machines_of_failures(retry)
    }

    fn machines_of_failures(&self, retry: Ix) -> Vec<String> {
        let (mut hosts, mut open, mut seen) = (Vec::new(), vec![retry], BTreeSet::new());
        while let Some(ix) = open.pop().filter(|ix| seen.insert(*ix)) {
            let status = self.nodes.status(ix);
            let host = &status.host_node_name;
            let failed = status.r#type == kind::POD && phase::failed(&status.phase);
            if failed && !host.is_empty() && !hosts.contains(host) {
                hosts.push(host.clone());
            }
            open.extend(self.children(ix));
        }
        hosts
    }

    /// Stop, Terminate and the workflow's deadline end retries.
    fn retry_forbidden(&self) -> Option<String> {
        if self.control.shutdown.enabled() {
            return Some(format!(
                "Stopped with strategy '{}'",
                self.control.shutdown.name()
            ));
        }
        let deadline = self.control.deadline.filter(|d| self.now > *d)?;
        let text = deadline.strftime("%Y-%m-%d %H:%M:%S +0000 UTC");
        Some(format!("retry exceeded workflow deadline {text}"))
    }

    fn end_retry(&mut self, ix: Ix, last: Ix, phase: &str, message: Option<&str>) {
        let outputs = self.nodes.status(last).outputs.clone();
        self.apply(ix, |status, now| {
            status.outputs = outputs;
            status.daemoned = None;
            mark(status, now, phase, message);
        });
    }

    /// A retry node of a daemon serves when its attempt does.
    fn mirror_daemon(&mut self, ix: Ix, last: Ix) {
        let (phase, daemoned) = (self.phase(last).to_owned(), self.nodes.status(last).daemoned);
        if daemoned == Some(true) {
            self.note_daemon(ix);
            self.apply(ix, |status, now| {
                status.daemoned = daemoned;
                mark(status, now, &phase, None);
            });
        }
    }

    /// When all attempts must be over, from the first one's start.
    fn max_duration(&self, plan: &RetryPlan, strategy: &RetryStrategy) -> Result<Option<Timestamp>, String> {
        let Some(backoff) = strategy.backoff.as_ref().filter(|b| !b.max_duration.is_empty()) else {
            return Ok(None);
        };
        let max = meta::duration::parse_or_seconds(&backoff.max_duration)?;
        let first = plan
            .attempts
            .first()
            .and_then(|f| self.nodes.status(*f).started_at);
        Ok(first.and_then(|f| f.0.checked_add(max).ok()))
    }

    /// The wait before another attempt. It is only kept where a limit is set, as upstream does.
    fn back_off(
        &mut self,
        ix: Ix,
        plan: &RetryPlan,
        last: Ix,
        strategy: &RetryStrategy,
        backoff: &Backoff,
    ) -> Result<Next, String> {
        let last_phase = self.phase(last).to_owned();
        let until = self.max_duration(plan, strategy)?;
        if until.is_some_and(|u| self.now > u) {
            self.end_retry(ix, last, &last_phase, Some("Max duration limit exceeded"));
            return Ok(Next::Over);
        }
        let wait = backoff_time(backoff, plan.attempts.len())?;
        let finished = self.nodes.status(last).finished_at.map_or(self.now, |t| t.0);
        let at = finished.checked_add(wait).unwrap_or(Timestamp::MAX);
        if until.is_some_and(|u| at > u) {
            self.end_retry(
                ix,
                last,
                &last_phase,
                Some("Backoff would exceed max duration limit"),
            );
            return Ok(Next::Over);
        }
        let limit = strategy.limit.as_ref().and_then(argo::IntOrString::as_int);
        let attempts = i64::try_from(plan.attempts.len()).unwrap_or(i64::MAX);
        if self.now < at && limit.is_some_and(|l| attempts <= l) {
            self.timers.set(at, ix);
            let message = format!("Backoff for {}", humanize(wait));
            self.apply(ix, |status, _| status.message = message);
            return Ok(Next::Wait);
        }
        Ok(Next::Again(until))
    }

    /// Why there is no other attempt, if there is none.
    fn enough(
        &self,
        plan: &RetryPlan,
        strategy: &RetryStrategy,
        last: &argo::NodeStatus,
    ) -> Result<Option<String>, String> {
        let (on_failed, on_error) = match policy(strategy) {
            "Always" => (true, true),
            "OnError" => (false, true),
            "OnFailure" => (true, false),
            "OnTransientError" => {
                let transient = is_transient(&last.message);
                (transient, transient)
            }
            other => return Err(format!("{other} is not a valid RetryPolicy")),
        };
        if last.phase == FAILED && !on_failed || last.phase == ERROR && !on_error {
            return Ok(Some(last.message.clone()));
        }
        let limit = match &strategy.limit {
            Some(limit) => Some(
                limit
                    .as_int()
                    .ok_or_else(|| format!("strconv.ParseInt: parsing \"{limit}\": invalid syntax"))?,
            ),
            None => None,
        };
        let attempts = i64::try_from(plan.attempts.len()).unwrap_or(i64::MAX);
        if limit.is_some_and(|l| attempts > l) {
            return Ok(Some("No more retries left".to_owned()));
        }
        if strategy.expression.is_empty() {
            return Ok(None);
        }
        let locals = expression_vars(plan, last);
        let globals = VarMap::new();
        let vars = Vars {
            now: self.now,
            locals: &locals,
            refs: None,
            globals: &globals,
        };
        let go_on = truth(&strategy.expression, vars)?;
        Ok((!go_on).then(|| "retryStrategy.expression evaluated to false".to_owned()))
    }
}

/// What `retryStrategy.expression` sees; all of it strings.
fn expression_vars(plan: &RetryPlan, last: &argo::NodeStatus) -> VarMap {
    let exit_code = last.outputs.as_ref().and_then(|o| o.exit_code.clone());
    VarMap::from([
        (
            "retries".to_owned(),
            vars::text((plan.attempts.len() - 1).to_string()),
        ),
        (
            "lastRetry.exitCode".to_owned(),
            vars::text(exit_code.unwrap_or_else(|| "-1".to_owned())),
        ),
        ("lastRetry.status".to_owned(), vars::text(last.phase.as_str())),
        ("lastRetry.duration".to_owned(), vars::text(duration(last))),
        ("lastRetry.message".to_owned(), vars::text(last.message.as_str())),
    ])
}

/// The policy in force: an expression alone decides, where there is one and no policy.
fn policy(strategy: &RetryStrategy) -> &str {
    match (strategy.retry_policy.as_str(), strategy.expression.is_empty()) {
        ("", true) => "OnFailure",
        ("", false) => "Always",
        (policy, _) => policy,
    }
}

fn error_of(notes: &[Note]) -> Option<String> {
    notes.iter().find_map(|n| match n {
        Note::Child(_, error) => error.clone(),
        Note::Own => None,
    })
}

/// Seconds from start to end, as Go prints a float.
fn duration(node: &argo::NodeStatus) -> String {
    let seconds = match (node.started_at, node.finished_at) {
        (Some(start), Some(end)) => end.0.duration_since(start.0).as_secs(),
        _ => 0,
    };
    seconds.to_string()
}

/// `duration * factor^(attempts - 1)`, at most `cap`.
fn backoff_time(backoff: &Backoff, attempts: usize) -> Result<SignedDuration, String> {
    if backoff.duration.is_empty() {
        return Err("no base duration specified for retryStrategy".to_owned());
    }
    let base = meta::duration::parse_or_seconds(&backoff.duration)?;
    let factor = match &backoff.factor {
        Some(factor) => Some(
            factor
                .as_int()
                .ok_or_else(|| format!("strconv.ParseInt: parsing \"{factor}\": invalid syntax"))?,
        ),
        None => None,
    };
    let factor = factor.filter(|f| *f > 0);
    let exponent = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let times = factor.map_or(1, |f| f.saturating_pow(exponent));
    let mut wait = i32::try_from(times)
        .ok()
        .and_then(|t| base.checked_mul(t))
        .unwrap_or(SignedDuration::MAX);
    if !backoff.cap.is_empty() {
        wait = wait.min(meta::duration::parse_or_seconds(&backoff.cap)?);
    }
    Ok(wait)
}

/// A duration as people say it: `1 minute 5 seconds`.
fn humanize(wait: SignedDuration) -> String {
    let total = wait.as_secs();
    let parts = [
        (total / 86400, "day"),
        (total / 3600 % 24, "hour"),
        (total / 60 % 60, "minute"),
        (total % 60, "second"),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n} {unit}{}", if n == 1 { "" } else { "s" }))
        .collect();
    if said.is_empty() {
        "0 seconds".to_owned()
    } else {
        said.join(" ")
    }
}

/// Whether a message is of those that Argo takes for passing troubles.
fn is_transient(message: &str) -> bool {
    const SIGNS: [&str; 8] = [
        "exceeded quota",
        "the object has been modified",
        "TLS handshake timeout",
        "i/o timeout",
        "connection timed out",
        "connection reset by peer",
        "Client.Timeout",
        "unexpected EOF",
    ];
    SIGNS.iter().any(|sign| message.contains(sign))
}
