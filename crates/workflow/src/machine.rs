//! The machine: one workflow's state, what happened to it, and what is to be done.

use meta::Timestamp;

use crate::contract::{Effect, Event, Inputs, Report};

/// One workflow's state.
///
/// A machine is fed with [`Machine::observe`], any number of times, and asked with [`Machine::effects`].
/// If executing effects fails for good, drop the machine and rebuild it: nothing is lost.
#[derive(Debug)]
pub struct Machine {
    inputs: Inputs,
}

impl Machine {
    /// A machine from stored objects: the same that one would be that saw all that led to them.
    pub fn rebuild(inputs: Inputs, now: Timestamp) -> Self {
        let _ = now;
        Self { inputs }
    }

    /// Takes note of an event.
    pub fn observe(&mut self, event: Event, now: Timestamp) {
        let _ = (event, now);
    }

    /// What is to be done since this was asked last.
    pub fn effects(&mut self, now: Timestamp) -> Vec<Effect> {
        let _ = now;
        Vec::new()
    }

    /// [`Machine::observe`] and [`Machine::effects`] in one.
    pub fn step(&mut self, event: Event, now: Timestamp) -> Vec<Effect> {
        self.observe(event, now);
        self.effects(now)
    }

    /// Whether the workflow is over and nothing is left to do: the machine can be dropped.
    pub fn is_done(&self) -> bool {
        !self.inputs.workflow.status.phase.is_empty()
    }

    /// Why the workflow is not further.
    pub fn report(&self) -> Report {
        Report::default()
    }

    /// A digest of the state. A machine that saw events one by one and one rebuilt from the objects that
    /// resulted have the same.
    pub fn fingerprint(&self) -> u64 {
        0
    }
}
