//! The desk of all workflows, of which a world has one.

use std::collections::BTreeSet;

use workflow::contract::{Event, WorkflowView};
use workflow::locks::{Ask, LockName};

use super::World;

impl World {
    pub fn ask_locks(&mut self, ask: &Ask) {
        let library = self.library.clone();
        let size = |name: &LockName| match name {
            LockName::Semaphore { map, key, .. } => library.config_maps.get(map)?.data.get(key)?.parse().ok(),
            LockName::Mutex { .. } => None,
        };
        let (answer, wake) = self.desk.ask(ask, &size);
        let holder = ask.holder.clone();
        self.queue.push(Event::Lock { holder, answer });
        self.tell_of_locks(&wake);
    }

    pub fn release_locks(&mut self, holder: &str) {
        let wake = self.desk.release(holder);
        self.tell_of_locks(&wake);
    }

    fn tell_of_locks(&mut self, wake: &BTreeSet<String>) {
        if wake.contains(&self.key()) {
            self.queue.push(Event::LocksFree);
        }
    }

    /// The desk knows of the workflow what is stored, as after a restart of the controller.
    pub fn reset_desk(&mut self) {
        let view: WorkflowView = serde_json::from_value(self.workflow.clone()).unwrap();
        self.desk.reset(&self.key(), &view.held);
    }

    fn key(&self) -> String {
        let text = |field: &str| self.workflow["metadata"][field].as_str().unwrap_or_default();
        format!("{}/{}", text("namespace"), text("name"))
    }
}
