//! A script: everything that a world is and that happens to it from outside, as data.
//!
//! ```text
//!   seed + profile ──► generate ──► Script ◄──► text, one JSON value a line
//!                                     │
//!                            run ◄────┴────► shrink
//! ```
//!
//! What is not in a script follows from its seed: how each attempt of a step ends, which request meets a
//! fault, what a torn write leaves. So a script can be printed, cut down and run again.

use controller::faults::Profile as ApiFaults;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A machine of the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// What it offers to pods, by the names of resources: `cpu`, `memory`, `pods`, and what else.
    pub offers: std::collections::BTreeMap<String, String>,
}

/// How the control plane's disk is by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Disk {
    /// Virtual milliseconds that a commit takes at most.
    pub latency_ms: u64,
    /// Bytes by which the log grows before a snapshot; 0 for the store's own.
    pub snapshot_bytes: u64,
}

/// Something that is done to the world from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Submit this Workflow.
    Submit(Value),
    /// Hold the workflow of this name.
    Suspend(String),
    /// Let it go on, and end its pauses.
    Resume(String),
    /// Stop it; exit handlers run.
    Stop(String),
    /// End it without exit handlers.
    Terminate(String),
    /// Delete it.
    Delete(String),
    /// Delete one of its pods that has not ended: of those the one of this number, counted round.
    DeletePod {
        /// The workflow's name.
        workflow: String,
        /// Which.
        number: u64,
    },
    /// Give a key of a ConfigMap this value.
    Configure {
        /// The ConfigMap's name.
        map: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Let no new pods onto a machine, or let them on again.
    Cordon {
        /// The machine.
        machine: String,
        /// Whether pods are kept off.
        on: bool,
    },
    /// A machine loses all its processes and is away for a while.
    LoseMachine {
        /// The machine.
        machine: String,
        /// How long it is away.
        away_ms: u64,
    },
    /// `kill -9` of the control plane, and a start after a while.
    Kill {
        /// How long it is away.
        away_ms: u64,
    },
    /// `kill -9` at a visit of a crash point.
    Crash {
        /// The point's name.
        point: String,
        /// Which visit from now on, from 1.
        visit: u32,
        /// How long the control plane is away.
        away_ms: u64,
    },
    /// The power of everything fails during an operation of the disk.
    PowerLoss {
        /// Which operation from now on, from 1.
        operation: u64,
    },
    /// A write to the disk fails.
    FailWrite,
    /// A sync of the disk fails, and forgets what it was to sync.
    FailSync,
    /// The disk is full but for so many bytes, for a while.
    FillDisk {
        /// Bytes that are left.
        left: u64,
        /// How long.
        for_ms: u64,
    },
    /// Commits take up to so long, for a while.
    SlowDisk {
        /// How long a commit takes at most.
        latency_ms: u64,
        /// How long it is so.
        for_ms: u64,
    },
    /// All watches end.
    DropWatches,
    /// A user of the API cannot reach it for a while: requests fail and watches stand still.
    Partition {
        /// The user's name.
        user: String,
        /// How long.
        for_ms: u64,
    },
    /// The time of day jumps.
    JumpClock {
        /// By how much, forward or back.
        by_ms: i64,
    },
}

/// An action and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// Virtual milliseconds since the world began.
    pub at: u64,
    /// What is done.
    #[serde(rename = "do")]
    pub action: Action,
}

/// A script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// What everything not said here follows from.
    pub seed: u64,
    /// The profile that it was made by.
    pub profile: String,
    /// The machines.
    pub machines: Vec<Machine>,
    /// The disk.
    pub disk: Disk,
    /// How the API behaves until the last action is done.
    pub api: ApiFaults,
    /// Objects that are there from the start, as templates.
    pub objects: Vec<Value>,
    /// What is done, in order of time.
    pub actions: Vec<Timed>,
}

/// A line of a script's text.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Line {
    Seed(u64),
    Profile(String),
    Machine(Machine),
    Disk(Disk),
    Api(Box<ApiFaults>),
    Object(Value),
    #[serde(untagged)]
    Timed(Timed),
}

impl Script {
    /// The Workflows that it submits.
    pub fn workflows(&self) -> impl Iterator<Item = &Value> {
        self.actions.iter().filter_map(|timed| match &timed.action {
            Action::Submit(workflow) => Some(workflow),
            _ => None,
        })
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut lines = vec![Line::Seed(self.seed), Line::Profile(self.profile.clone())];
        lines.extend(self.machines.iter().cloned().map(Line::Machine));
        lines.push(Line::Disk(self.disk));
        lines.push(Line::Api(Box::new(self.api.clone())));
        lines.extend(self.objects.iter().cloned().map(Line::Object));
        lines.extend(self.actions.iter().cloned().map(Line::Timed));
        let text = |line: &Line| serde_json::to_string(line).unwrap_or_default() + "\n";
        lines.iter().map(text).collect()
    }

    /// Reads a script's text. Empty lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// A line that is none of a script's, with its number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let line = serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            script.take(line);
        }
        script.actions.sort_by_key(|timed| timed.at);
        Ok(script)
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Seed(seed) => self.seed = seed,
            Line::Profile(profile) => self.profile = profile,
            Line::Machine(machine) => self.machines.push(machine),
            Line::Disk(disk) => self.disk = disk,
            Line::Api(api) => self.api = *api,
            Line::Object(object) => self.objects.push(object),
            Line::Timed(timed) => self.actions.push(timed),
        }
    }
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_script_survives_its_text() {
        let at = |at, action| Timed { at, action };
        let script = Script {
            seed: 7,
            profile: "calm".to_owned(),
            machines: vec![Machine {
                name: "m1".to_owned(),
                offers: [("cpu".to_owned(), "2".to_owned())].into(),
            }],
            disk: Disk {
                latency_ms: 3,
                snapshot_bytes: 0,
            },
            api: ApiFaults::rough(),
            objects: vec![json!({"kind": "ConfigMap"})],
            actions: vec![
                at(0, Action::Submit(json!({"kind": "Workflow"}))),
                at(5, Action::Suspend("w".to_owned())),
                at(5, Action::DropWatches),
                at(
                    9,
                    Action::Crash {
                        point: "store.sync".to_owned(),
                        visit: 2,
                        away_ms: 10,
                    },
                ),
            ],
        };
        assert_eq!(
            Script::parse(&format!("# a note\n\n{}", script.text())),
            Ok(script)
        );
    }

    #[test]
    fn what_is_no_line_is_told() {
        let error = Script::parse("{\"seed\":1}\n{\"sed\":1}")
            .err()
            .unwrap_or_default();
        assert!(error.starts_with("line 2: "), "{error}");
    }
}
