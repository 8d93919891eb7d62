//! The sizes that a cluster's pods ask for, and how much room there is for each.

use std::collections::BTreeMap;

use crate::amount::Gpus;
use crate::report::Size;
use crate::view::View;

/// The most pods of a class that are tried on one machine.
const MOST: usize = 10_000;

/// Every size, the most frequent first.
pub(crate) fn sizes(view: &View<'_>) -> Vec<Size> {
    let mut by_size: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, class) in view
        .classes()
        .iter()
        .enumerate()
        .filter(|(_, class)| class.wants_gpus())
    {
        by_size.entry(&class.size).or_default().push(index);
    }
    let mut sizes: Vec<Size> = by_size
        .iter()
        .map(|(size, classes)| one(view, size, classes))
        .collect();
    sizes.sort_by_key(|size| std::cmp::Reverse(size.pods));
    sizes
}

fn one(view: &View<'_>, size: &str, classes: &[usize]) -> Size {
    let pods = |class: &usize| view.classes()[*class].pods;
    let common = classes.iter().copied().max_by_key(pods).unwrap_or_default();
    let machines = (0..view.machines.len()).filter(|machine| view.admits(common, *machine));
    let (mut room_for, mut unusable) = (0, Gpus::ZERO);
    for machine in machines.filter(|machine| view.could_hold(common, *machine)) {
        room_for += room(view, common, machine);
        if !view.fits(common, machine) {
            unusable += view.machines[machine].free(&view.dimensions);
        }
    }
    Size {
        size: size.to_owned(),
        pods: classes.iter().map(pods).sum(),
        pending: view.pending().filter(|pod| classes.contains(&pod.class)).count(),
        room_for,
        unusable,
    }
}

/// How many pods of a class fit on a machine, one after the other.
fn room(view: &View<'_>, class: usize, machine: usize) -> usize {
    let (asked, at) = (&view.classes()[class], &view.machines[machine]);
    let mut room = at.room.clone();
    let mut count = 0;
    while count < MOST && room.has(asked, &view.dimensions, at.memory) {
        room.place(asked, &view.dimensions, at.memory);
        count += 1;
    }
    count
}
