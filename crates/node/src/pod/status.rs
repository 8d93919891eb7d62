//! What kubelet would report of a pod in this state: phase, conditions, container statuses.
//!
//! Rules as in kubelet's `getPhase`, `GeneratePodReadyCondition` and `convertToAPIContainerStatuses`.

use meta::{Timestamp, time};
use serde_json::{Map, Value, json};

use super::advance::in_back_off;
use super::unit::{Role, State, Terminated, Unit};
use super::{Machine, SetUp, text};

/// `status.phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not all containers have started.
    Pending,
    /// At least one runs or will.
    Running,
    /// All ended with code 0.
    Succeeded,
    /// All ended, not all with code 0.
    Failed,
}

impl Phase {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    /// Whether nothing follows it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

impl Machine {
    /// The pod's phase.
    pub fn phase(&self) -> Phase {
        if self.is_over() {
            let main = self.units.iter().filter(|unit| unit.role != Role::Sidecar);
            let succeeded = self.end.is_none() && main.clone().all(Unit::succeeded);
            return if succeeded {
                Phase::Succeeded
            } else {
                Phase::Failed
            };
        }
        let unstarted = |unit: &&Unit| match unit.state {
            State::Waiting(_) | State::Starting => unit.last.is_none(),
            _ => false,
        };
        let main_waits = self
            .units
            .iter()
            .filter(|unit| unit.role == Role::Main)
            .any(|unit| unstarted(&unit));
        if main_waits || !self.is_initialised() {
            Phase::Pending
        } else {
            Phase::Running
        }
    }

    /// Whether every init container has done its part.
    fn is_initialised(&self) -> bool {
        self.uninitialised().is_empty()
    }

    fn uninitialised(&self) -> Vec<&str> {
        let begun = self
            .units
            .iter()
            .any(|unit| unit.role == Role::Main && unit.attempt_known());
        let done = |unit: &Unit| match unit.role {
            Role::Init => unit.succeeded(),
            Role::Sidecar => unit.started || begun,
            Role::Main => true,
        };
        names(self.units.iter().filter(|unit| !done(unit)))
    }

    /// The whole status, for a machine reachable at `address`.
    pub fn status(&mut self, address: &str, now: Timestamp) -> Value {
        let phase = self.phase();
        let conditions = self.conditions(phase, now);
        let statuses = |init: bool, machine: &Self| -> Vec<Value> {
            let units = machine
                .units
                .iter()
                .filter(|unit| (unit.role != Role::Main) == init);
            units.map(|unit| container(unit, machine, now)).collect()
        };
        let mut status = json!({
            "phase": phase.as_str(),
            "conditions": conditions,
            "hostIP": address,
            "hostIPs": [{"ip": address}],
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": time::seconds(self.started_at),
            "containerStatuses": statuses(false, self),
        });
        if self.units.iter().any(|unit| unit.role != Role::Main) {
            status["initContainerStatuses"] = statuses(true, self).into();
        }
        if let Some(end) = &self.end {
            status["reason"] = end.reason.as_str().into();
            status["message"] = end.message.as_str().into();
        }
        status
    }

    fn conditions(&mut self, phase: Phase, now: Timestamp) -> Vec<Value> {
        let unready = names(
            self.units
                .iter()
                .filter(|unit| unit.role != Role::Init && !unit.ready),
        );
        let unready = format!("containers with unready status: [{}]", unready.join(" "));
        let is_ready = self
            .units
            .iter()
            .all(|unit| unit.role == Role::Init || unit.ready);
        let ready = match phase {
            Phase::Succeeded => (false, "PodCompleted", String::new()),
            Phase::Failed => (false, "PodFailed", String::new()),
            _ if is_ready => (true, "", String::new()),
            _ => (false, "ContainersNotReady", unready),
        };
        let waiting = self.uninitialised().join(" ");
        let waiting = format!("containers with incomplete status: [{waiting}]");
        let initialised = match phase {
            Phase::Succeeded => (true, "PodCompleted", String::new()),
            _ if self.is_initialised() => (true, "", String::new()),
            _ => (false, "ContainersNotInitialized", waiting),
        };
        let set_up = self.set_up == SetUp::Done && !phase.is_final();
        let all = [
            ("PodReadyToStartContainers", (set_up, "", String::new())),
            ("Initialized", initialised),
            ("Ready", ready.clone()),
            ("ContainersReady", ready),
            ("PodScheduled", (true, "", String::new())),
        ];
        all.into_iter()
            .map(|(kind, value)| self.condition(kind, value, now))
            .collect()
    }

    fn condition(
        &mut self,
        kind: &'static str,
        (holds, reason, message): (bool, &str, String),
        now: Timestamp,
    ) -> Value {
        let since = self.since.entry(kind).or_insert((holds, now));
        if since.0 != holds {
            *since = (holds, now);
        }
        let mut condition = json!({
            "type": kind,
            "status": if holds { "True" } else { "False" },
            "lastProbeTime": null,
            "lastTransitionTime": time::seconds(since.1),
        });
        // Conditions are merged one by one: what does not hold any more has to be taken back.
        for (field, text) in [("reason", reason), ("message", message.as_str())] {
            condition[field] = if text.is_empty() { Value::Null } else { text.into() };
        }
        condition
    }
}

impl Unit {
    fn attempt_known(&self) -> bool {
        self.last.is_some() || matches!(self.state, State::Running { .. } | State::Terminated(_))
    }
}

fn names<'a>(units: impl Iterator<Item = &'a Unit>) -> Vec<&'a str> {
    units.map(|unit| unit.view.name.as_str()).collect()
}

fn container(unit: &Unit, machine: &Machine, now: Timestamp) -> Value {
    let uid = &machine.view.uid;
    let id = |attempt: u32| format!("process://{uid}/{}/{attempt}", unit.view.name);
    let (state, last) = states(unit, machine, now);
    let ready = match unit.role {
        Role::Init => unit.succeeded(),
        _ => unit.ready,
    };
    let last_attempt = unit.attempt.saturating_sub(1);
    let mut status = json!({
        "name": unit.view.name,
        "image": unit.view.image,
        "imageID": "",
        "ready": ready,
        "started": unit.started,
        "restartCount": unit.attempt,
        "state": state.map_or_else(|waiting| waiting, |terminated| ended(terminated, &id(unit.attempt))),
        "lastState": last.map_or_else(|| json!({}), |terminated| {
            let attempt = if unit.terminated() == Some(terminated) { unit.attempt } else { last_attempt };
            ended(terminated, &id(attempt))
        }),
    });
    if unit.attempt_known() {
        status["containerID"] = id(unit.attempt).into();
    }
    status
}

type States<'a> = (Result<&'a Terminated, Value>, Option<&'a Terminated>);

/// State and last state; a container that waits for its next attempt shows the one that ended as the last.
fn states<'a>(unit: &'a Unit, machine: &Machine, now: Timestamp) -> States<'a> {
    let waiting = |reason: &str, message: &str| {
        let mut waiting = Map::from_iter([("reason".to_owned(), reason.into())]);
        if !message.is_empty() {
            waiting.insert("message".to_owned(), message.into());
        }
        json!({ "waiting": waiting })
    };
    let last = unit.last.as_ref();
    match &unit.state {
        State::Running { started_at } => (
            Err(json!({"running": {"startedAt": time::seconds(*started_at)}})),
            last,
        ),
        State::Waiting(Some(refused)) => (Err(waiting(&refused.reason, &refused.message)), last),
        State::Waiting(None) | State::Starting => {
            let initialising = unit.role != Role::Sidecar
                && machine.view.init.len() > usize::from(unit.role == Role::Init)
                || unit.role == Role::Sidecar && machine.view.init.len() > 1;
            let initialising = initialising && unit.state == State::Waiting(None);
            (
                Err(waiting(
                    if initialising {
                        "PodInitializing"
                    } else {
                        "ContainerCreating"
                    },
                    "",
                )),
                last,
            )
        }
        State::Terminated(terminated) if in_back_off(unit, machine, now) => {
            let delay = text::seconds(unit.backoff.delay(terminated.finished_at));
            let pod = text::pod(&machine.view);
            let message = format!(
                "back-off {delay} restarting failed container={} pod={pod}",
                unit.view.name
            );
            (Err(waiting("CrashLoopBackOff", &message)), Some(terminated))
        }
        State::Terminated(terminated) => (Ok(terminated), last),
    }
}

fn ended(terminated: &Terminated, id: &str) -> Value {
    let mut value = json!({
        "exitCode": terminated.exit_code,
        "reason": terminated.reason,
        "startedAt": time::seconds(terminated.started_at.unwrap_or(Timestamp::UNIX_EPOCH)),
        "finishedAt": time::seconds(terminated.finished_at),
        "containerID": id,
    });
    if let Some(message) = &terminated.message {
        value["message"] = message.as_str().into();
    }
    json!({ "terminated": value })
}
