//! Fault profiles: what goes wrong in a world, by name; and the script that a seed makes of one.

use std::fmt;
use std::str::FromStr;

use controller::faults::{Profile as ApiFaults, Rates};
use meta::seeded::Seeded;

use crate::generate::{self, Wish};
use crate::script::{Action, Disk, Machine, Script, Timed, name};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// Nothing.
    Calm,
    /// Requests to the API fail, or do not seem to succeed.
    Api,
    /// Watches lag, end, are too old; controllers are cut off.
    Watches,
    /// The control plane is killed, at times and at named places.
    Crashes,
    /// Machines are lost and come back, are cordoned, pods are deleted; the clock jumps.
    Nodes,
    /// The disk is slow, full, fails; the power goes.
    Disk,
    /// People suspend, resume, stop, terminate and delete.
    Operators,
    /// All of it.
    Everything,
}

/// What a profile holds of each kind of trouble: how many times at most.
struct Troubles {
    crashes: u64,
    machines: u64,
    disk: u64,
    people: u64,
    network: u64,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 8] = [
        Self::Calm,
        Self::Api,
        Self::Watches,
        Self::Crashes,
        Self::Nodes,
        Self::Disk,
        Self::Operators,
        Self::Everything,
    ];

    /// The script that a seed makes of this profile.
    pub fn script(self, seed: u64) -> Script {
        let mut random = Seeded::new(seed).split(&self.to_string());
        let machines = machines(&mut random);
        let devices = machines.iter().any(|m| m.offers.contains_key(DEVICE));
        let mut script = Script {
            seed,
            profile: self.to_string(),
            disk: self.disk(&mut random),
            api: self.api(&mut random),
            objects: generate::library(&mut random),
            machines,
            actions: Vec::new(),
        };
        let count = 1 + random.below(3);
        for number in 0..count {
            let wish = Wish {
                size: size(&mut random) / count,
                sure: random.chance(60),
                devices,
            };
            let workflow = generate::workflow(&format!("w{number}"), wish, &mut random);
            let at = random.below(2) * random.below(10_000);
            script.actions.push(Timed {
                at,
                action: Action::Submit(workflow),
            });
        }
        self.trouble(&mut script, &mut random);
        script.actions.sort_by_key(|timed| timed.at);
        script
    }

    fn has(self, other: Self) -> bool {
        self == other || self == Self::Everything
    }

    fn disk(self, random: &mut Seeded) -> Disk {
        let slow = self.has(Self::Disk) || self.has(Self::Crashes);
        Disk {
            latency_ms: if slow { random.below(20) } else { 0 },
            snapshot_bytes: if slow { 256 << 10 << random.below(4) } else { 0 },
        }
    }

    fn api(self, random: &mut Seeded) -> ApiFaults {
        let mut faults = ApiFaults::default();
        let kinds = ["pods", "workflows", "workflowtaskresults", "nodes"];
        if self.has(Self::Api) {
            faults.rates = Rates {
                watch_lag_ms: 0,
                dropped_watches: 0,
                too_old: 0,
                ..rates(random)
            };
            let kind = kinds[pick(random, kinds.len())];
            let worse = Rates {
                lost_answers: 20,
                throttled: random.below(30),
                ..faults.rates
            };
            faults.only.insert(kind.to_owned(), worse);
        }
        if self.has(Self::Watches) {
            let drawn = rates(random);
            faults.rates.watch_lag_ms = drawn.watch_lag_ms;
            faults.rates.dropped_watches = drawn.dropped_watches;
            faults.rates.too_old = drawn.too_old;
            let kind = kinds[pick(random, kinds.len())];
            let mut slow = faults.only.get(kind).copied().unwrap_or(faults.rates);
            slow.watch_lag_ms = 1000 + random.below(4000);
            faults.only.insert(kind.to_owned(), slow);
        }
        faults
    }

    fn troubles(self) -> Troubles {
        let of = |profile, count| if self.has(profile) { count } else { 0 };
        Troubles {
            crashes: of(Self::Crashes, 4),
            machines: of(Self::Nodes, 4),
            disk: of(Self::Disk, 3),
            people: of(Self::Operators, 5),
            network: of(Self::Watches, 3),
        }
    }

    /// Adds what goes wrong at certain times.
    fn trouble(self, script: &mut Script, random: &mut Seeded) {
        let troubles = self.troubles();
        let workflows: Vec<String> = script.workflows().map(|w| name(w).to_owned()).collect();
        let machines: Vec<String> = script.machines.iter().map(|m| m.name.clone()).collect();
        let workflow = |random: &mut Seeded| workflows[pick(random, workflows.len())].clone();
        let machine = |random: &mut Seeded| machines[pick(random, machines.len())].clone();
        for _ in 0..random.below(troubles.crashes + 1) {
            push(script, random, crash);
        }
        for _ in 0..random.below(troubles.machines + 1) {
            let (machine, workflow) = (machine(random), workflow(random));
            push(script, random, |random| of_machines(random, machine, workflow));
        }
        for _ in 0..random.below(troubles.disk + 1) {
            push(script, random, of_disk);
        }
        for _ in 0..random.below(troubles.people + 1) {
            let workflow = workflow(random);
            push(script, random, |random| of_people(random, workflow));
        }
        for _ in 0..random.below(troubles.network + 1) {
            push(script, random, of_network);
        }
    }
}

/// The extended resource that some machines have.
const DEVICE: &str = "example.com/device";

fn pick(random: &mut Seeded, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap_or(0)
}

fn machines(random: &mut Seeded) -> Vec<Machine> {
    let count = 1 + random.below(3);
    let machine = |number: u64, random: &mut Seeded| {
        let mut offers = vec![
            ("cpu", (1 + random.below(4)).to_string()),
            ("memory", format!("{}Gi", 2 + random.below(6))),
            ("pods", "110".to_owned()),
        ];
        if random.chance(40) {
            offers.push((DEVICE, (1 + random.below(2)).to_string()));
        }
        let offers = offers.into_iter().map(|(name, amount)| (name.to_owned(), amount));
        Machine {
            name: format!("m{number}"),
            offers: offers.collect(),
        }
    };
    (0..count).map(|number| machine(number, random)).collect()
}

/// Sizes of workflows: mostly small, so that many can be run; now and then large.
fn size(random: &mut Seeded) -> u64 {
    match random.below(100) {
        0..60 => 1 + random.below(12),
        60..92 => 10 + random.below(30),
        92..99 => 40 + random.below(60),
        _ => 100 + random.below(200),
    }
}

fn rates(random: &mut Seeded) -> Rates {
    let mut draw = |most: u64| random.below(most + 1);
    Rates {
        throttled: draw(6),
        broken: draw(6),
        conflicts: draw(10),
        lost_answers: draw(10),
        unanswered: draw(2),
        lag_ms: draw(20),
        watch_lag_ms: draw(500),
        dropped_watches: draw(6),
        too_old: draw(20),
    }
}

/// Adds an action at a time at which something is likely to happen: mostly early.
fn push(script: &mut Script, random: &mut Seeded, action: impl FnOnce(&mut Seeded) -> Action) {
    let within = [500, 5_000, 30_000, 120_000][pick(random, 4)];
    let at = random.below(within);
    let action = action(random);
    script.actions.push(Timed { at, action });
}

/// The places where the virtual cluster's rooms may be killed.
#[must_use]
pub fn crash_points() -> Vec<&'static str> {
    let rooms: [&[&str]; 5] = [
        &controller::workflow::CRASH_POINTS,
        &controller::scheduler::CRASH_POINTS,
        &controller::collect::CRASH_POINTS,
        &store::CRASH_POINTS,
        &apiserver::CRASH_POINTS,
    ];
    rooms.concat()
}

fn crash(random: &mut Seeded) -> Action {
    let away_ms = random.below(2) * random.below(30_000);
    if random.chance(15) {
        return Action::Kill { away_ms };
    }
    let points = crash_points();
    Action::Crash {
        point: points[pick(random, points.len())].to_owned(),
        visit: u32::try_from(1 + random.below(2) * random.below(30)).unwrap_or(1),
        away_ms,
    }
}

fn of_machines(random: &mut Seeded, machine: String, workflow: String) -> Action {
    match random.below(8) {
        0..3 => Action::LoseMachine {
            machine,
            away_ms: random.below(2) * random.below(60_000),
        },
        3 => Action::Cordon {
            machine,
            on: random.chance(40),
        },
        4..6 => Action::DeletePod {
            workflow,
            number: random.below(20),
        },
        _ => Action::JumpClock {
            by_ms: i64::try_from(random.below(3000)).unwrap_or(0) - 1000,
        },
    }
}

fn of_disk(random: &mut Seeded) -> Action {
    match random.below(8) {
        0..3 => Action::PowerLoss {
            operation: 1 + random.below(40),
        },
        3 => Action::FailWrite,
        4 => Action::FailSync,
        5 => Action::FillDisk {
            left: random.below(8 << 20),
            for_ms: random.below(30_000),
        },
        _ => Action::SlowDisk {
            latency_ms: random.below(2_000),
            for_ms: random.below(30_000),
        },
    }
}

fn of_people(random: &mut Seeded, workflow: String) -> Action {
    match random.below(10) {
        0..2 => Action::Suspend(workflow),
        2..5 => Action::Resume(workflow),
        5 => Action::Stop(workflow),
        6 => Action::Terminate(workflow),
        7 => Action::Delete(workflow),
        8 => Action::DeletePod {
            workflow,
            number: random.below(20),
        },
        _ => Action::Configure {
            map: generate::SIZES.to_owned(),
            key: format!("s{}", random.below(3)),
            value: (1 + random.below(4)).to_string(),
        },
    }
}

fn of_network(random: &mut Seeded) -> Action {
    let mut users: Vec<&str> = controller::identities()
        .iter()
        .map(|identity| identity.user)
        .collect();
    users.push(crate::api::MACHINES);
    match random.below(3) {
        0 => Action::DropWatches,
        _ => Action::Partition {
            user: users[pick(random, users.len())].to_owned(),
            for_ms: random.below(40_000),
        },
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}").to_lowercase();
        f.write_str(&name)
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|profile| profile.to_string() == text);
        named.ok_or_else(|| {
            let names: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
            format!("there is no profile {text}; there are {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_follow_from_seeds_and_survive_their_text() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            for seed in 0..20 {
                let script = profile.script(seed);
                assert_eq!(script, profile.script(seed));
                assert_eq!(Script::parse(&script.text()), Ok(script));
            }
        }
        assert!("none".parse::<Profile>().is_err());
    }

    #[test]
    fn nothing_goes_wrong_when_all_is_calm() {
        let script = Profile::Calm.script(3);
        let submits = script.workflows().count();
        assert_eq!(script.actions.len(), submits);
        assert_eq!(script.api, ApiFaults::default());
    }
}
