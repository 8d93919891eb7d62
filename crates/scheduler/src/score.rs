//! Which of the machines that will do is best. Rules and weights: kube-scheduler's default score plugins
//! TaintToleration (3), NodeAffinity (2), PodTopologySpread (2), InterPodAffinity (2) and NodeResourcesFit, least
//! allocated first (1). Where machines have GPUs and
//! pods ask for them, what is left for later ones counts after wishes and before what stays free.

use crate::company::Company;
use crate::gpus::Packer;
use crate::machine::{Effect, Machine};
use crate::pod::Requirements;
use crate::resources::Resources;

/// A perfect score of one plugin.
const MAX: i64 = 100;

/// The marks of one machine, before they are made comparable.
struct Marks {
    repelled: i64,
    wished: i64,
    packed: Option<i32>,
    free: i64,
}

/// The index of the best candidate; the first of equals. `None` if there is none.
pub(crate) fn best(
    requirements: &Requirements,
    candidates: &[(&Machine, &Resources)],
    packer: Option<&Packer>,
    company: Option<&Company<'_>>,
) -> Option<usize> {
    if candidates.len() < 2 {
        return (!candidates.is_empty()).then_some(0);
    }
    let machines: Vec<&Machine> = candidates.iter().map(|(machine, _)| *machine).collect();
    let company = company.and_then(|company| company.points(&machines));
    let marks: Vec<Marks> = candidates
        .iter()
        .map(|(machine, used)| mark(requirements, machine, used, packer))
        .collect();
    let most_repelled = marks.iter().map(|m| m.repelled).max().unwrap_or(0);
    let most_wished = marks.iter().map(|m| m.wished).max().unwrap_or(0);
    let total = |index: usize| {
        let m = &marks[index];
        let company = company.as_ref().map_or(0, |points| points[index]);
        let wishes =
            3 * (MAX - share(m.repelled, most_repelled)) + 2 * share(m.wished, most_wished) + company;
        match m.packed {
            Some(packed) => (wishes, packed, m.free),
            None => (wishes + m.free, 0, 0),
        }
    };
    // `max_by_key` keeps the last of equals: from the back that is the first machine by name.
    (0..marks.len()).rev().max_by_key(|i| total(*i))
}

fn share(part: i64, most: i64) -> i64 {
    if most == 0 { 0 } else { part * MAX / most }
}

fn mark(requirements: &Requirements, machine: &Machine, used: &Resources, packer: Option<&Packer>) -> Marks {
    let mild = machine
        .taints
        .iter()
        .filter(|t| t.effect == Effect::PreferNoSchedule && !requirements.tolerates(t));
    let wishes = requirements.preferred.iter();
    Marks {
        repelled: i64::try_from(mild.count()).unwrap_or(i64::MAX / MAX),
        wished: wishes
            .filter(|(_, term)| term.matches(machine))
            .map(|(w, _)| w)
            .sum(),
        packed: packer.map(|packer| packer.score(requirements, machine, used)),
        free: free_share(requirements, machine, used),
    }
}

/// The mean share of CPU and memory that stays free, in percent.
fn free_share(requirements: &Requirements, machine: &Machine, used: &Resources) -> i64 {
    let shares = ["cpu", "memory"].map(|name| {
        let offered = i128::from(machine.allocatable.get(name).as_millis());
        let taken = i128::from((used.get(name) + requirements.requests.get(name)).as_millis());
        if offered == 0 {
            return 0;
        }
        i64::try_from((offered - taken).max(0) * i128::from(MAX) / offered).unwrap_or(0)
    });
    shares.iter().sum::<i64>() / 2
}
