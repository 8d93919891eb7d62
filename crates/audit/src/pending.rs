//! Every pod that waits: why no machine will do, by class of machine, and what would let it run.

use std::collections::BTreeMap;

use crate::cluster::Pod;
use crate::obstacle::{Obstacle, obstacles};
use crate::repack::{Placed, Repacked};
use crate::report::{Counted, Pending, Remedy, RemedyKind, WhyNot};
use crate::view::{PodView, View, known};

/// What a class of pods is told, whoever of it asks.
#[derive(Clone, Default)]
struct Verdict {
    why_not: Vec<WhyNot>,
    remedies: Vec<Remedy>,
}

/// Every waiting pod, those that ask for most GPUs first.
pub(crate) fn pending(view: &View<'_>, repacked: &Repacked) -> Vec<Pending> {
    let moves: BTreeMap<*const Pod, &Placed> = repacked
        .placed
        .iter()
        .map(|placed| (std::ptr::from_ref(view.pods[placed.pod].pod), placed))
        .collect();
    let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
    let mut all = Vec::new();
    for pod in view.pending() {
        let verdict = verdicts
            .entry(pod.class)
            .or_insert_with(|| verdict(view, pod.class))
            .clone();
        let placed = moves.get(&std::ptr::from_ref(pod.pod)).copied();
        all.push(one(view, pod, verdict, placed));
    }
    all.sort_by_key(|pending| std::cmp::Reverse(pending.gpus));
    all
}

fn one(view: &View<'_>, pod: &PodView<'_>, verdict: Verdict, placed: Option<&Placed>) -> Pending {
    let spec = &pod.pod.spec.placement;
    let scheduler = if spec.scheduler_name.is_empty() {
        "default-scheduler"
    } else {
        &spec.scheduler_name
    };
    let conditions = pod.pod.status.conditions.iter();
    let mut said = conditions
        .filter(|condition| condition.kind == "PodScheduled")
        .map(|condition| &condition.message);
    Pending {
        pod: pod.pod.title(),
        team: pod.team.to_owned(),
        since: pod.pod.metadata.creation_timestamp,
        size: view.class(pod).size.clone(),
        gpus: pod.gpus,
        scheduler: scheduler.to_owned(),
        said: said.next_back().cloned().unwrap_or_default(),
        would_run: remedies(view, pod, &verdict, placed),
        why_not: verdict.why_not,
    }
}

/// What would let this pod run: what is its own affair, then what holds for its class.
fn remedies(view: &View<'_>, pod: &PodView<'_>, verdict: &Verdict, placed: Option<&Placed>) -> Vec<Remedy> {
    let gates = &pod.pod.spec.placement.scheduling_gates;
    let gate = gates.iter().map(|gate| Remedy {
        kind: RemedyKind::Gate,
        what: format!("lift its scheduling gate {}", gate.name),
        machines: 0,
    });
    let moves = placed
        .filter(|placed| !placed.moves.is_empty())
        .map(|placed| Remedy {
            kind: RemedyKind::Move,
            what: format!(
                "move {} off {}",
                plural(placed.moves.len(), "pod"),
                view.machines[placed.machine].name()
            ),
            machines: 1,
        });
    gate.chain(moves)
        .chain(verdict.remedies.iter().cloned())
        .collect()
}

fn verdict(view: &View<'_>, class: usize) -> Verdict {
    let all: Vec<Vec<Obstacle>> = (0..view.machines.len())
        .map(|machine| obstacles(view, class, machine))
        .collect();
    Verdict {
        why_not: why_not(view, &all),
        remedies: class_remedies(view, class, &all),
    }
}

/// The obstacles of one kind of machines, counted.
#[derive(Default)]
struct Kind<'a> {
    machines: usize,
    obstacles: BTreeMap<&'a Obstacle, usize>,
}

/// The obstacles counted by pool and model.
fn why_not(view: &View<'_>, all: &[Vec<Obstacle>]) -> Vec<WhyNot> {
    let mut kinds: BTreeMap<(&str, Option<&str>), Kind<'_>> = BTreeMap::new();
    let with_obstacles = view
        .machines
        .iter()
        .zip(all)
        .filter(|(_, obstacles)| !obstacles.is_empty());
    for (machine, obstacles) in with_obstacles {
        let model = machine.has_gpus().then_some(machine.model);
        let kind = kinds.entry((machine.pool, model)).or_default();
        kind.machines += 1;
        for obstacle in obstacles {
            *kind.obstacles.entry(obstacle).or_default() += 1;
        }
    }
    kinds
        .into_iter()
        .map(|((pool, model), kind)| kind.why_not(pool, model))
        .collect()
}

impl Kind<'_> {
    fn why_not(self, pool: &str, model: Option<&str>) -> WhyNot {
        let counted = self.obstacles.into_iter().map(|(obstacle, machines)| Counted {
            obstacle: obstacle.clone(),
            machines,
        });
        WhyNot {
            pool: pool.to_owned(),
            model: model.map(str::to_owned),
            machines: self.machines,
            obstacles: counted.collect(),
        }
    }
}

/// What would let pods of a class run, the least first.
fn class_remedies(view: &View<'_>, class: usize, all: &[Vec<Obstacle>]) -> Vec<Remedy> {
    let mut found = Vec::new();
    let free: Vec<usize> = (0..all.len())
        .filter(|machine| all[*machine].is_empty())
        .collect();
    if let Some(first) = free.first() {
        let name = view.machines[*first].name();
        found.push(remedy(
            RemedyKind::Place,
            format!("nothing: {name} has room"),
            free.len(),
        ));
    }
    found.extend(marks(all));
    found.extend(less(view, class, all));
    found.extend(grow(view, class, all));
    if found.is_empty() {
        found.push(remedy(RemedyKind::Never, never(view, class), 0));
    }
    found
}

fn remedy(kind: RemedyKind, what: String, machines: usize) -> Remedy {
    Remedy { kind, what, machines }
}

/// Machines that only their marks keep pods off.
fn marks(all: &[Vec<Obstacle>]) -> Vec<Remedy> {
    let mut counted: BTreeMap<(u8, String), (RemedyKind, usize)> = BTreeMap::new();
    for obstacles in all {
        if let Some((rank, kind, what)) = mark(obstacles) {
            counted.entry((rank, what)).or_insert((kind, 0)).1 += 1;
        }
    }
    let remedies = counted
        .into_iter()
        .map(|((_, what), (kind, machines))| remedy(kind, what, machines));
    remedies.collect()
}

/// What to do about a machine whose marks alone are in the way.
fn mark(obstacles: &[Obstacle]) -> Option<(u8, RemedyKind, String)> {
    match obstacles {
        [] => None,
        [Obstacle::NotReady] => Some((
            0,
            RemedyKind::Ready,
            "bring machines back that are not ready".to_owned(),
        )),
        [Obstacle::Cordoned] => Some((0, RemedyKind::Uncordon, "uncordon machines".to_owned())),
        [Obstacle::Labels { wanted }] if wanted == "affinity" => {
            Some((2, RemedyKind::Select, "widen its node affinity".to_owned()))
        }
        [Obstacle::Labels { wanted }] => {
            Some((2, RemedyKind::Select, format!("do without the selector {wanted}")))
        }
        taints => {
            let taints = taints.iter().map(|obstacle| match obstacle {
                Obstacle::Taint { taint } => Some(taint.as_str()),
                _ => None,
            });
            let taints: Vec<&str> = taints.collect::<Option<_>>()?;
            Some((
                1,
                RemedyKind::Tolerate,
                format!("tolerate {}", taints.join(" and ")),
            ))
        }
    }
}

/// The most of one resource that would fit, where it alone is short.
fn less(view: &View<'_>, class: usize, all: &[Vec<Obstacle>]) -> Vec<Remedy> {
    let mut most: BTreeMap<&str, (i64, usize)> = BTreeMap::new();
    for (machine, obstacles) in all.iter().enumerate() {
        let [Obstacle::Busy { resource } | Obstacle::TooSmall { resource }] = obstacles.as_slice() else {
            continue;
        };
        let Some(index) = view.dimensions.index(resource) else {
            continue;
        };
        let free = view.machines[machine].room.units_free(&view.dimensions)[index];
        let asks_whole = view.classes()[class].amounts[index] > 0;
        if free <= 0 || !asks_whole {
            continue;
        }
        let best = most.entry(resource).or_insert((free, 0));
        match free.cmp(&best.0) {
            std::cmp::Ordering::Greater => *best = (free, 1),
            std::cmp::Ordering::Equal => best.1 += 1,
            std::cmp::Ordering::Less => {}
        }
    }
    let remedies = most.into_iter().map(|(resource, (free, machines))| {
        remedy(
            RemedyKind::Less,
            format!("ask for at most {}", describe(resource, free)),
            machines,
        )
    });
    remedies.collect()
}

/// An amount of a resource, as people write it.
fn describe(resource: &str, millis: i64) -> String {
    const MIB: i64 = 1000 << 20;
    match resource {
        "cpu" => format!("{} CPU", millis as f64 / 1000.0),
        "memory" | "ephemeral-storage" => format!("{} MiB of {resource}", millis / MIB),
        _ => format!("{} {resource}", millis / 1000),
    }
}

/// Pools of which one more machine, empty, would take a pod.
fn grow(view: &View<'_>, class: usize, all: &[Vec<Obstacle>]) -> Vec<Remedy> {
    let busy = |obstacles: &Vec<Obstacle>| {
        let only_busy = obstacles
            .iter()
            .all(|obstacle| matches!(obstacle, Obstacle::Busy { .. }));
        only_busy && !obstacles.is_empty()
    };
    let pools = all
        .iter()
        .enumerate()
        .filter(|(machine, obstacles)| busy(obstacles) && view.could_hold(class, *machine));
    let mut pools: Vec<&str> = pools
        .filter_map(|(machine, _)| known(view.machines[machine].pool))
        .collect();
    pools.sort_unstable();
    pools.dedup();
    pools
        .into_iter()
        .map(|pool| remedy(RemedyKind::Grow, format!("one more machine of pool {pool}"), 1))
        .collect()
}

/// Why no single change would do.
fn never(view: &View<'_>, class: usize) -> String {
    let class = &view.classes()[class];
    let largest = |index: usize| {
        view.machines
            .iter()
            .map(|machine| machine.allocatable[index])
            .max()
            .unwrap_or(0)
    };
    let amounts = class.amounts.iter().enumerate();
    let beyond = amounts
        .filter(|(index, amount)| **amount > largest(*index))
        .map(|(index, amount)| {
            let resource = view.dimensions.name(index);
            format!(
                "it asks for {}, the largest machine has {}",
                describe(resource, *amount),
                describe(resource, largest(index))
            )
        });
    let beyond: Vec<String> = beyond.collect();
    if beyond.is_empty() {
        "no single change: each machine has several obstacles".to_owned()
    } else {
        beyond.join("; ")
    }
}

/// `1 pod`, `2 pods`.
pub(crate) fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}
