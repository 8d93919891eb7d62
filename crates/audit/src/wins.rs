//! What could be won, in GPUs and dollars.
//!
//! Making room, ending empty machines and emptying others are one sequence, and add up. Each other win is looked at
//! alone: a GPU that is taken back cannot be shared as well.

use crate::amount::{Dollars, Gpus};
use crate::pending::plural;
use crate::repack::{Move, Repacked};
use crate::report::{Findings, Win, WinKind};
use crate::sharing::sharing;
use crate::view::View;

/// The most steps that a win names.
const STEPS: usize = 20;

/// Every win there is.
pub(crate) fn wins(view: &View<'_>, findings: &Findings, repacked: &Repacked) -> Vec<Win> {
    let all = [
        idle(findings),
        shared(view),
        repack(view, repacked),
        consolidate(view, repacked),
        empty(view, repacked),
        cpu(findings),
        spot(findings),
    ];
    all.into_iter().flatten().collect()
}

fn idle(findings: &Findings) -> Option<Win> {
    let gpus: Gpus = findings.idle.iter().map(|pod| pod.idle).sum();
    let pods = findings.idle.len();
    (pods > 0).then(|| Win {
        kind: WinKind::Idle,
        what: format!(
            "take back {gpus} GPUs that nobody uses from {}",
            plural(pods, "pod")
        ),
        gpus,
        machines: 0,
        moves: 0,
        saves: Some(findings.idle.iter().filter_map(|pod| pod.cost).sum()),
        steps: findings
            .idle
            .iter()
            .take(STEPS)
            .map(|pod| format!("end {}: {} idle", pod.pod, pod.idle))
            .collect(),
    })
}

fn shared(view: &View<'_>) -> Option<Win> {
    let found = sharing(view);
    let names = found
        .pods
        .iter()
        .take(STEPS)
        .map(|pod| format!("share a GPU with {}", view.pods[*pod].pod.title()));
    (found.gpus > Gpus::ZERO).then(|| Win {
        kind: WinKind::Share,
        what: format!(
            "share GPUs between {}, each using less than half of its own",
            plural(found.pods.len(), "pod")
        ),
        gpus: found.gpus,
        machines: 0,
        moves: found.pods.len(),
        saves: Some(found.cost),
        steps: names.collect(),
    })
}

fn repack(view: &View<'_>, repacked: &Repacked) -> Option<Win> {
    let moved: Vec<_> = repacked
        .placed
        .iter()
        .filter(|placed| !placed.moves.is_empty())
        .collect();
    let gpus = moved.iter().map(|placed| view.pods[placed.pod].gpus).sum();
    let steps = moved.iter().take(STEPS).flat_map(|placed| {
        let last = format!(
            "then {} fits on {}",
            view.pods[placed.pod].pod.title(),
            view.machines[placed.machine].name()
        );
        placed.moves.iter().map(|step| describe(view, step)).chain([last])
    });
    (!moved.is_empty()).then(|| Win {
        kind: WinKind::Repack,
        what: format!(
            "move pods to make room for {} waiting",
            plural(moved.len(), "pod")
        ),
        gpus,
        machines: 0,
        moves: moved.iter().map(|placed| placed.moves.len()).sum(),
        saves: None,
        steps: steps.collect(),
    })
}

fn describe(view: &View<'_>, step: &Move) -> String {
    let name = |machine: usize| view.machines[machine].name();
    format!(
        "move {} from {} to {}",
        view.pods[step.pod].pod.title(),
        name(step.from),
        name(step.to)
    )
}

fn consolidate(view: &View<'_>, repacked: &Repacked) -> Option<Win> {
    let machines: Vec<usize> = repacked.emptied.iter().map(|emptied| emptied.machine).collect();
    let steps = repacked.emptied.iter().flat_map(|emptied| {
        let last = format!("then end {}", view.machines[emptied.machine].name());
        emptied
            .moves
            .iter()
            .map(|step| describe(view, step))
            .chain([last])
    });
    (!machines.is_empty()).then(|| Win {
        kind: WinKind::Consolidate,
        what: format!(
            "end {} that moving pods would empty",
            plural(machines.len(), "machine")
        ),
        gpus: gpus(view, &machines),
        machines: machines.len(),
        moves: repacked.emptied.iter().map(|emptied| emptied.moves.len()).sum(),
        saves: Some(cost(view, &machines)),
        steps: steps.take(STEPS).collect(),
    })
}

fn empty(view: &View<'_>, repacked: &Repacked) -> Option<Win> {
    let machines = &repacked.empty;
    (!machines.is_empty()).then(|| Win {
        kind: WinKind::Empty,
        what: format!("end {} on which nothing runs", plural(machines.len(), "machine")),
        gpus: gpus(view, machines),
        machines: machines.len(),
        moves: 0,
        saves: Some(cost(view, machines)),
        steps: machines
            .iter()
            .take(STEPS)
            .map(|machine| format!("end {}", view.machines[*machine].name()))
            .collect(),
    })
}

fn gpus(view: &View<'_>, machines: &[usize]) -> Gpus {
    machines
        .iter()
        .map(|machine| view.machines[*machine].gpus())
        .sum()
}

fn cost(view: &View<'_>, machines: &[usize]) -> Dollars {
    machines
        .iter()
        .filter_map(|machine| view.machines[*machine].cost())
        .sum()
}

fn cpu(findings: &Findings) -> Option<Win> {
    let stranding: Vec<_> = findings
        .cpu_pods
        .iter()
        .filter(|at| at.strand > Gpus::ZERO)
        .collect();
    let pods = stranding.iter().map(|at| at.pods.len()).sum();
    (!stranding.is_empty()).then(|| Win {
        kind: WinKind::MoveCpu,
        what: format!("move {} without GPUs off GPU machines", plural(pods, "pod")),
        gpus: stranding.iter().map(|at| at.strand).sum(),
        machines: 0,
        moves: pods,
        saves: None,
        steps: stranding
            .iter()
            .take(STEPS)
            .map(|at| format!("{}: {}", at.node, at.pods.join(", ")))
            .collect(),
    })
}

fn spot(findings: &Findings) -> Option<Win> {
    let pods = &findings.on_demand;
    let saves: Dollars = pods.iter().filter_map(|pod| pod.saving).sum();
    (!pods.is_empty()).then(|| Win {
        kind: WinKind::Spot,
        what: format!("run {} of training on spot machines", plural(pods.len(), "pod")),
        gpus: Gpus::ZERO,
        machines: 0,
        moves: pods.len(),
        saves: Some(saves),
        steps: pods
            .iter()
            .take(STEPS)
            .map(|pod| format!("{} of {}", pod.pod, pod.owner))
            .collect(),
    })
}
