//! Which of the machines that will do is best. Rules and weights: kube-scheduler's default score plugins
//! TaintToleration (3), NodeAffinity (2), PodTopologySpread (2), InterPodAffinity (2) and NodeResourcesFit, least
//! allocated first (1). Where machines have GPUs and
//! pods ask for them, what is left for later ones counts after wishes and before what stays free.

use crate::company::Company;
use crate::machine::{Effect, Machine};
use crate::pod::Requirements;
use crate::resources::Resources;

/// A perfect score of one plugin.
const MAX: i64 = 100;

/// The marks of one machine, before they are made comparable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    repelled: i64,
    wished: i64,
    packed: Option<i32>,
    free: i64,
}

/// The index of the best candidate; the first of equals. `None` if there is none.
pub(crate) fn best(candidates: &[(&Machine, &Marks)], company: Option<&Company<'_>>) -> Option<usize> {
    if candidates.len() < 2 {
        return (!candidates.is_empty()).then_some(0);
    }
    let company = company.and_then(|company| {
        let machines: Vec<&Machine> = candidates.iter().map(|(machine, _)| *machine).collect();
        company.points(&machines)
    });
    let marks = || candidates.iter().map(|(_, marks)| marks);
    let most_repelled = marks().map(|m| m.repelled).max().unwrap_or(0);
    let most_wished = marks().map(|m| m.wished).max().unwrap_or(0);
    let total = |index: usize| {
        let m = candidates[index].1;
        let company = company.as_ref().map_or(0, |points| points[index]);
        let wishes =
            3 * (MAX - share(m.repelled, most_repelled)) + 2 * share(m.wished, most_wished) + company;
        match m.packed {
            Some(packed) => (wishes, packed, m.free),
            None => (wishes + m.free, 0, 0),
        }
    };
    // `max_by_key` keeps the last of equals: from the back that is the first machine by name.
    (0..candidates.len()).rev().max_by_key(|i| total(*i))
}

impl Marks {
    /// Whether the pod, or the machine, has wishes about the other: then marks have to be compared with those of all.
    pub(crate) fn has_wishes(&self) -> bool {
        self.repelled > 0 || self.wished > 0
    }

    /// Orders machines about which nobody has wishes, as [`best`] does; never zero.
    pub(crate) fn rank(&self) -> u64 {
        let packed = self
            .packed
            .map_or(0, |packed| packed.cast_unsigned() ^ 0x8000_0000);
        let free = u32::try_from(self.free.clamp(0, MAX)).unwrap_or(0);
        (u64::from(packed) << 32) | u64::from(free + 1)
    }
}

fn share(part: i64, most: i64) -> i64 {
    if most == 0 { 0 } else { part * MAX / most }
}

/// Marks a machine that will do, which packing has judged so.
pub(crate) fn mark(
    requirements: &Requirements,
    machine: &Machine,
    used: &Resources,
    packed: Option<i32>,
) -> Marks {
    let mild = machine
        .taints
        .iter()
        .filter(|t| t.effect == Effect::PreferNoSchedule && !requirements.tolerates(t));
    let wishes = requirements.preferred.iter();
    // Packing has looked at what stays free beside devices.
    let is_judged = packed.is_some() && machine.devices.count > 0;
    Marks {
        repelled: i64::try_from(mild.count()).unwrap_or(i64::MAX / MAX),
        wished: wishes
            .filter(|(_, term)| term.matches(machine))
            .map(|(w, _)| w)
            .sum(),
        packed,
        free: if is_judged {
            0
        } else {
            free_share(requirements, machine, used)
        },
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
