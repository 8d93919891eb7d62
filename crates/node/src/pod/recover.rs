//! A pod met again after the node, the spawner or the machine went down.

use kinds::k8s::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, PodStatus};
use meta::Timestamp;

use super::unit::{State, Terminated, Unit};
use super::view::PodView;
use super::{End, Machine, SetUp, text};

/// What the spawner still knows of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The container.
    pub container: String,
    /// Which attempt.
    pub attempt: u32,
    /// Since when it runs, or how it ended.
    pub state: Result<Timestamp, Terminated>,
}

impl Machine {
    /// The machine of a pod that an earlier node may have run.
    ///
    /// The spawner's word counts most, then the pod's own status. What neither accounts for is unknown if it may have run:
    /// its status says that it ran, or the machine has started anew (`rebooted`) since the pod was bound.
    pub fn recovered(
        view: PodView,
        status: Option<&PodStatus>,
        left: &[Left],
        rebooted: bool,
        now: Timestamp,
    ) -> Self {
        let mut machine = Self::new(view, now);
        let Some(status) = status else { return machine };
        machine.started_at = status.start_time.as_ref().map_or(now, |time| time.0);
        if let (Some("Failed"), Some(reason)) = (status.phase.as_deref(), status.reason.clone()) {
            let message = status.message.clone().unwrap_or_default();
            machine.end = Some(End { reason, message });
        }
        let known: Vec<_> = [&status.init_container_statuses, &status.container_statuses]
            .into_iter()
            .flat_map(|statuses| statuses.iter().flatten())
            .collect();
        for unit in &mut machine.units {
            let reported = known.iter().find(|status| status.name == unit.view.name);
            recover(unit, reported.copied(), left, rebooted, now);
        }
        if machine.units.iter().any(Unit::is_active) {
            machine.set_up = SetUp::Done;
        }
        machine
    }
}

fn recover(
    unit: &mut Unit,
    reported: Option<&ContainerStatus>,
    left: &[Left],
    rebooted: bool,
    now: Timestamp,
) {
    if let Some(status) = reported {
        report(unit, status, rebooted, now);
    } else if rebooted {
        unit.ended(unknown(None, now));
    }
    let from = unit.attempt;
    let mut attempts: Vec<_> = left
        .iter()
        .filter(|left| left.container == unit.view.name && left.attempt >= from)
        .collect();
    attempts.sort_by_key(|left| left.attempt);
    for left in attempts {
        if let State::Terminated(before) = &unit.state
            && left.attempt > unit.attempt
        {
            unit.last = Some(before.clone());
        }
        unit.attempt = left.attempt;
        match &left.state {
            Ok(started_at) => {
                unit.running(*started_at);
                // Whatever hook there was has had its time.
                unit.hook = false;
                unit.settle();
            }
            Err(terminated) => unit.ended(terminated.clone()),
        }
    }
}

fn report(unit: &mut Unit, status: &ContainerStatus, rebooted: bool, now: Timestamp) {
    unit.attempt = u32::try_from(status.restart_count).unwrap_or(0);
    let terminated =
        |state: &Option<ContainerState>| state.as_ref()?.terminated.as_ref().map(|t| read(t, now));
    unit.last = terminated(&status.last_state);
    let running = status.state.as_ref().and_then(|state| state.running.as_ref());
    if let Some(ended) = terminated(&status.state) {
        unit.ended(ended);
    } else if let Some(running) = running {
        unit.ended(unknown(running.started_at.as_ref().map(|time| time.0), now));
    } else if let Some(last) = unit.last.take() {
        // It waited for its next attempt.
        unit.ended(last);
    } else if rebooted {
        unit.ended(unknown(None, now));
    }
}

fn read(terminated: &ContainerStateTerminated, now: Timestamp) -> Terminated {
    Terminated {
        exit_code: terminated.exit_code,
        reason: terminated.reason.clone().unwrap_or_default(),
        message: terminated.message.clone(),
        started_at: terminated.started_at.as_ref().map(|time| time.0),
        finished_at: terminated.finished_at.as_ref().map_or(now, |time| time.0),
    }
}

/// How a container ended that nobody saw end.
pub(crate) fn unknown(started_at: Option<Timestamp>, now: Timestamp) -> Terminated {
    Terminated {
        exit_code: 137,
        reason: text::UNKNOWN.to_owned(),
        message: Some(text::UNKNOWN_MESSAGE.to_owned()),
        started_at,
        finished_at: now,
    }
}
