//! What is done to a platform while it works: the weather of a round, and one blow after the other.

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::api::Api;
use super::manifest::MARKER;
use super::platform::{Ended, Platform};
use super::processes::Process;
use super::random::Random;
use super::state::Kills;

/// Where workflows are.
pub(crate) const WORKFLOWS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/workflows";
/// Where pods are.
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";
/// Rounds of gentle, then of rough, then of calm weather; these are the most, since a platform is to grow old too.
const GENTLE_ROUNDS: u64 = 10;
const ROUGH_ROUNDS: u64 = 10;
const CALM_ROUNDS: u64 = 20;
const ROUGH_END: u64 = GENTLE_ROUNDS + ROUGH_ROUNDS;

/// What may happen in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Nothing but holding workflows and letting them go.
    Calm,
    /// The control plane is killed too: no outcome changes.
    Gentle,
    /// Everybody is killed, and workflows are stopped and deleted: the promise holds.
    Rough,
}

impl Weather {
    /// The weather of a round.
    pub(crate) fn of_round(round: u64) -> Self {
        match round % (GENTLE_ROUNDS + ROUGH_ROUNDS + CALM_ROUNDS) {
            0..GENTLE_ROUNDS => Self::Gentle,
            GENTLE_ROUNDS..ROUGH_END => Self::Rough,
            _ => Self::Calm,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Gentle => "gentle",
            Self::Rough => "rough",
        }
    }
}

/// One blow.
#[derive(Clone, Copy, Debug)]
enum Blow {
    KillControlPlane,
    ArmAndKill,
    Restart,
    KillSpawner,
    KillBoth,
    KillExecutor,
    KillStep,
    Hold,
    Stop,
    Terminate,
    Delete,
    DeletePod,
}

const CALM: [Blow; 1] = [Blow::Hold];
const GENTLE: [Blow; 6] = [
    Blow::KillControlPlane,
    Blow::KillControlPlane,
    Blow::ArmAndKill,
    Blow::ArmAndKill,
    Blow::Restart,
    Blow::Hold,
];
const ROUGH: [Blow; 12] = [
    Blow::KillControlPlane,
    Blow::ArmAndKill,
    Blow::Restart,
    Blow::KillSpawner,
    Blow::KillBoth,
    Blow::KillExecutor,
    Blow::KillStep,
    Blow::Hold,
    Blow::Stop,
    Blow::Terminate,
    Blow::Delete,
    Blow::DeletePod,
];

/// Who deals blows to a platform.
pub(crate) struct Chaos<'a> {
    pub(crate) platform: &'a mut Platform,
    pub(crate) api: &'a Api,
    pub(crate) points: &'a [String],
    /// The mark of this soak's steps.
    pub(crate) folder: &'a Path,
    pub(crate) random: &'a mut Random,
    pub(crate) kills: Kills,
    /// Workflows that were stopped, or lost a pod: they may end in any way.
    pub(crate) hurt: Vec<String>,
    /// Workflows that were deleted.
    pub(crate) deleted: Vec<String>,
}

impl Chaos<'_> {
    /// Deals a blow that this weather has, to one of `workflows` if it is for a workflow.
    pub(crate) fn strike(&mut self, weather: Weather, workflows: &[String]) -> Result<()> {
        let blows: &[Blow] = match weather {
            Weather::Calm => &CALM,
            Weather::Gentle => &GENTLE,
            Weather::Rough => &ROUGH,
        };
        let Some(blow) = self.random.pick(blows).copied() else {
            return Ok(());
        };
        match blow {
            Blow::KillControlPlane => self.kill_control_plane(false),
            Blow::ArmAndKill => self.kill_control_plane(true),
            Blow::Restart => {
                self.kills.restarts += 1;
                self.platform.stop()?;
                self.platform.start(None)
            }
            Blow::KillSpawner => {
                self.kill_spawner();
                Ok(())
            }
            Blow::KillBoth => {
                self.kill_spawner();
                self.kill_control_plane(false)
            }
            Blow::KillExecutor => {
                self.kills.executors += self.kill_one(Process::is_executor);
                Ok(())
            }
            Blow::KillStep => {
                self.kills.steps += self.kill_one(|process| !process.is_executor());
                Ok(())
            }
            _ => {
                self.intervene(blow, workflows);
                Ok(())
            }
        }
    }

    /// Restarts a platform that killed itself where it was told to.
    pub(crate) fn look_after(&mut self) -> Result<()> {
        match self.platform.ended()? {
            None if self.platform.is_up() => Ok(()),
            None => self.platform.start(None),
            Some(Ended::AtItsPoint) => {
                self.kills.crash_points += 1;
                self.platform.start(None)
            }
            Some(Ended::Alone(status)) => anyhow::bail!("the platform ended by itself with {status}"),
        }
    }

    /// Waits between blows.
    pub(crate) fn pause(&mut self) {
        let millis = self.random.between(0, 40) * self.random.between(0, 25);
        thread::sleep(Duration::from_millis(millis));
    }

    fn kill_control_plane(&mut self, arm: bool) -> Result<()> {
        self.kills.control_plane += 1;
        self.platform.kill();
        self.pause();
        let point = if arm { self.random.pick(self.points) } else { None };
        let visit = self.random.between(1, 60);
        self.platform
            .start(point.map(|point| format!("{point}:{visit}")).as_deref())
    }

    fn kill_spawner(&mut self) {
        if self.platform.spawner().is_some_and(Process::kill) {
            self.kills.spawner += 1;
        }
    }

    /// Kills a random process of a step; how many.
    fn kill_one(&mut self, wanted: impl Fn(Process) -> bool) -> u64 {
        let mut found = Process::marked(MARKER, &self.folder.display().to_string());
        found.retain(|process| wanted(*process));
        u64::from(self.random.pick(&found).is_some_and(|process| process.kill()))
    }

    /// What people do to workflows. An answer that does not come may still have been acted on.
    fn intervene(&mut self, blow: Blow, workflows: &[String]) {
        let Some(name) = self.random.pick(workflows).cloned() else {
            return;
        };
        self.kills.interventions += 1;
        let path = format!("{WORKFLOWS}/{name}");
        let shut_down = |how: &str| json!({"spec": {"shutdown": how}});
        match blow {
            Blow::Hold => self.hold(&path),
            Blow::Stop | Blow::Terminate => {
                let how = if matches!(blow, Blow::Stop) {
                    "Stop"
                } else {
                    "Terminate"
                };
                self.hurt.push(name);
                drop(self.api.merge(&path, &shut_down(how)));
            }
            Blow::Delete => {
                self.deleted.push(name);
                drop(self.api.delete(&path));
            }
            _ => self.delete_pod(),
        }
    }

    /// Lets go what it held, even if the platform was down meanwhile.
    fn hold(&mut self, path: &str) {
        drop(self.api.merge(path, &json!({"spec": {"suspend": true}})));
        self.pause();
        drop(self.api.merge(path, &json!({"spec": {"suspend": null}})));
    }

    fn delete_pod(&mut self) {
        let Ok(listed) = self.api.get(PODS) else { return };
        let names: Vec<String> = names(&listed.object);
        let Some(pod) = self.random.pick(&names) else {
            return;
        };
        if let Some((workflow, _)) = pod.split_once('-') {
            self.hurt.push(workflow.to_owned());
        }
        drop(self.api.delete(&format!("{PODS}/{pod}")));
    }
}

/// The names of a list's objects.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
    names.map(str::to_owned).collect()
}
