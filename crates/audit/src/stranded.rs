//! GPUs that are free and of no use: how many of them the pods that this cluster runs could not take.
//!
//! The measure is the expected fragment of FGD (Weng et al., USENIX ATC'23): for each size that pods ask for, the
//! free GPUs of a machine that a pod of this size could not use, weighted by how often the size is asked for. Only
//! sizes count that the machine would take if it were empty: a pool is not fragmented because others ask for
//! something else. What no size at all could use is told apart, as `unusable`.

use crate::amount::Gpus;
use crate::machine::{Machine, Room};
use crate::view::View;

/// What is of no use among the free GPUs of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stranded {
    /// By expectation over the sizes that are asked for.
    pub(crate) expected: Gpus,
    /// To all of them.
    pub(crate) unusable: Gpus,
}

/// One size that is asked for, as a machine meets it.
struct Asked {
    pods: usize,
    /// The class, by number.
    class: usize,
    /// Whether a pod of the class could come now.
    fits: bool,
}

/// The stranded GPUs of a machine.
pub(crate) fn stranded(view: &View<'_>, machine: usize) -> Stranded {
    stranded_if(view, machine, &view.machines[machine].room)
}

/// The stranded GPUs of a machine if this much of it were free.
pub(crate) fn stranded_if(view: &View<'_>, machine: usize, room: &Room) -> Stranded {
    let at = &view.machines[machine];
    let mut all = Stranded::default();
    if !at.in_service {
        return all;
    }
    let free = room.units_free(&view.dimensions);
    for gpu in view.dimensions.gpus() {
        let units = free[*gpu].div_euclid(1000).max(0);
        let shared = if view.dimensions.name(*gpu) == crate::gpus::NVIDIA {
            rests(room)
        } else {
            Vec::new()
        };
        if units == 0 && shared.is_empty() {
            continue;
        }
        let asked = asked(view, machine, *gpu, room);
        all.add(at.units[*gpu] * units, &asked, |asked| asked.fits);
        for rest in shared {
            all.add(rest, &asked, |asked| {
                asked.fits && takes(view, asked.class, at, rest)
            });
        }
    }
    all
}

fn rests(room: &Room) -> Vec<Gpus> {
    room.shared
        .values()
        .map(crate::machine::Shared::rest)
        .filter(|rest| *rest > Gpus::ZERO)
        .collect()
}

/// Whether pods of the class take part of a GPU of which this much is left.
fn takes(view: &View<'_>, class: usize, machine: &Machine<'_>, rest: Gpus) -> bool {
    let fraction = view.classes()[class].fraction.as_ref();
    fraction.is_some_and(|fraction| fraction.share(machine.memory) <= rest)
}

/// The classes that ask for the resource and could come if the machine were empty.
fn asked(view: &View<'_>, machine: usize, gpu: usize, room: &Room) -> Vec<Asked> {
    let classes = view.classes().iter().enumerate();
    let asking = classes.filter(|(index, class)| {
        class.asks(gpu, &view.dimensions) && view.admits(*index, machine) && view.could_hold(*index, machine)
    });
    let memory = view.machines[machine].memory;
    let asked = |(index, class): (usize, &crate::class::Class)| Asked {
        pods: class.pods,
        class: index,
        fits: room.has(class, &view.dimensions, memory),
    };
    asking.map(asked).collect()
}

impl Stranded {
    /// Adds free GPUs that only some of the sizes can use.
    fn add(&mut self, free: Gpus, asked: &[Asked], can_use: impl Fn(&Asked) -> bool) {
        let all: usize = asked.iter().map(|asked| asked.pods).sum();
        let cannot: usize = asked
            .iter()
            .filter(|asked| !can_use(asked))
            .map(|asked| asked.pods)
            .sum();
        let count = |pods: usize| i64::try_from(pods).unwrap_or(i64::MAX);
        self.expected += free.of(count(cannot), count(all));
        if all > 0 && cannot == all {
            self.unusable += free;
        }
    }
}
