//! What moving pods would win: room for pods that wait, then machines that nobody needs.
//!
//! ```text
//!   the cluster as it is ──► each waiting pod, largest first: on the machine where least has to move for it
//!                        ──► each machine, least used first: its pods onto others in use, all of them or none
//! ```
//!
//! Every step is tried against the same filters as placement, so what is claimed can be done. A pod moves by
//! being deleted and made again: those that nobody would make again, or that ask not to be disturbed, stay.

use std::cmp::Reverse;

use crate::amount::Gpus;
use crate::machine::Room;
use crate::view::{PodView, View};

/// Annotations by which pods ask not to be disturbed.
const PINS: [(&str, &str); 2] = [
    ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
    ("karpenter.sh/do-not-disrupt", "true"),
];
/// The machines on which making room is tried for one pod, those first where least would move.
const TRIES: usize = 16;

/// A pod's move to another machine, both by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) pod: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A waiting pod for which there is room, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The pod, by number.
    pub(crate) pod: usize,
    /// Where it would go, by number.
    pub(crate) machine: usize,
    /// What has to move first; nothing where there is room.
    pub(crate) moves: Vec<Move>,
}

/// A machine that would become empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Emptied {
    /// It, by number.
    pub(crate) machine: usize,
    /// Where its pods would go.
    pub(crate) moves: Vec<Move>,
}

/// What moving pods would win.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Repacked {
    /// Waiting pods that would run.
    pub(crate) placed: Vec<Placed>,
    /// Machines that would become empty then.
    pub(crate) emptied: Vec<Emptied>,
    /// Machines on which there is nothing but pods that every machine has.
    pub(crate) empty: Vec<usize>,
}

/// Tries it all.
pub(crate) fn repack(view: &View<'_>) -> Repacked {
    let mut board = Board::new(view);
    let placed = board.place_waiting();
    let empty = (0..view.machines.len())
        .filter(|machine| board.is_empty(*machine))
        .collect();
    Repacked {
        placed,
        emptied: board.empty_machines(),
        empty,
    }
}

/// The machines and who is where, on which moves are tried.
struct Board<'v, 'a> {
    view: &'v View<'a>,
    rooms: Vec<Room>,
    /// Pods on each machine that count: all but those that every machine has.
    guests: Vec<Vec<usize>>,
    /// Machines where pods of another place have come, which are not emptied again.
    received: Vec<bool>,
}

impl<'v, 'a> Board<'v, 'a> {
    fn new(view: &'v View<'a>) -> Self {
        let guests = |pods: &Vec<usize>| {
            let guests = pods
                .iter()
                .copied()
                .filter(|pod| !view.pods[*pod].pod.belongs_to_machine());
            guests.collect()
        };
        Self {
            view,
            rooms: view.machines.iter().map(|machine| machine.room.clone()).collect(),
            guests: view
                .machines
                .iter()
                .map(|machine| guests(&machine.pods))
                .collect(),
            received: vec![false; view.machines.len()],
        }
    }

    fn is_empty(&self, machine: usize) -> bool {
        self.guests[machine].is_empty() && self.view.machines[machine].in_service
    }

    /// Places waiting GPU pods: those of higher priority first, of these the largest.
    fn place_waiting(&mut self) -> Vec<Placed> {
        let view = self.view;
        let mut waiting: Vec<usize> = (0..view.pods.len())
            .filter(|pod| waits_for_gpus(view, *pod))
            .collect();
        waiting.sort_by_key(|pod| {
            let pod = &view.pods[*pod];
            (Reverse(pod.pod.spec.placement.priority), Reverse(pod.gpus))
        });
        let mut hopeless = vec![false; view.classes().len()];
        let mut placed = Vec::new();
        for pod in waiting {
            let class = view.pods[pod].class;
            if hopeless[class] {
                continue;
            }
            match self.place_pod(pod) {
                Some(done) => placed.push(done),
                None => hopeless[class] = true,
            }
        }
        placed
    }

    /// Places a waiting pod where there is room, else where room can be made.
    fn place_pod(&mut self, pod: usize) -> Option<Placed> {
        let class = self.view.pods[pod].class;
        let (machine, moves) = match self.best(class, None, false) {
            Some(machine) => (machine, Vec::new()),
            None => self.make_room(class)?,
        };
        self.put(pod, machine);
        self.received[machine] = true;
        Some(Placed { pod, machine, moves })
    }

    /// The machine that fits a class tightest: GPUs first, then CPU.
    fn best(&self, class: usize, not: Option<usize>, in_use: bool) -> Option<usize> {
        let candidates = (0..self.rooms.len()).filter(|machine| {
            Some(*machine) != not
                && (!in_use || !self.guests[*machine].is_empty())
                && self.fits(class, *machine)
        });
        let cpu = self.view.dimensions.index("cpu");
        candidates.min_by_key(|machine| {
            let free = &self.rooms[*machine].free;
            (self.view.machines[*machine].worth(free), cpu.map(|cpu| free[cpu]))
        })
    }

    fn fits(&self, class: usize, machine: usize) -> bool {
        let (view, at) = (self.view, &self.view.machines[machine]);
        view.admits(class, machine)
            && self.rooms[machine].has(&view.classes()[class], &view.dimensions, at.memory)
    }

    /// Makes room for a class on the machine where the fewest GPUs have to move, if it can be made anywhere.
    fn make_room(&mut self, class: usize) -> Option<(usize, Vec<Move>)> {
        let view = self.view;
        let machines = (0..self.rooms.len())
            .filter(|machine| view.admits(class, *machine) && view.could_hold(class, *machine));
        let mut candidates: Vec<(Gpus, usize, usize, Vec<usize>)> = machines
            .filter_map(|machine| {
                let pods = self.in_the_way(class, machine)?;
                let gpus = pods.iter().map(|pod| view.pods[*pod].gpus).sum();
                Some((gpus, pods.len(), machine, pods))
            })
            .collect();
        candidates.sort_unstable();
        let mut tries = candidates.into_iter().take(TRIES);
        tries.find_map(|(_, _, machine, pods)| Some((machine, self.move_all(&pods, machine, Some(class))?)))
    }

    /// The pods of a machine that would have to move for a class: as few as needed, small ones first.
    fn in_the_way(&self, class: usize, machine: usize) -> Option<Vec<usize>> {
        let (view, asked) = (self.view, &self.view.classes()[class]);
        let mut movable: Vec<usize> = self.guests[machine]
            .iter()
            .copied()
            .filter(|pod| moves(view, *pod))
            .collect();
        movable.sort_by_key(|pod| (view.pods[*pod].gpus, *pod));
        let mut room = self.rooms[machine].clone();
        let mut taken = Vec::new();
        let has = |room: &Room| room.has(asked, &view.dimensions, view.machines[machine].memory);
        for pod in movable {
            if has(&room) {
                break;
            }
            room.give_back(view.class(&view.pods[pod]));
            taken.push(pod);
        }
        if !has(&room) {
            return None;
        }
        // The first ones may have been taken in vain: the large one after them made the room.
        taken.retain(|pod| {
            let class = view.class(&view.pods[*pod]);
            room.take(class);
            let needless = has(&room);
            if !needless {
                room.give_back(class);
            }
            !needless
        });
        Some(taken)
    }

    /// Moves pods off a machine onto others, all or none; then a pod of class `room_for` must fit.
    fn move_all(&mut self, pods: &[usize], from: usize, room_for: Option<usize>) -> Option<Vec<Move>> {
        let mut largest_first = pods.to_vec();
        largest_first.sort_by_key(|pod| Reverse(self.view.pods[*pod].gpus));
        let mut done: Vec<Move> = Vec::new();
        for pod in largest_first {
            // Whoever empties machines must not fill empty ones; whoever makes room may.
            let Some(to) = self.best(self.view.pods[pod].class, Some(from), room_for.is_none()) else {
                break;
            };
            self.lift(pod, from);
            self.put(pod, to);
            done.push(Move { pod, from, to });
        }
        if done.len() == pods.len() && room_for.is_none_or(|class| self.fits(class, from)) {
            done.iter().for_each(|step| self.received[step.to] = true);
            return Some(done);
        }
        for step in done.iter().rev() {
            self.lift(step.pod, step.to);
            self.put(step.pod, step.from);
        }
        None
    }

    fn put(&mut self, pod: usize, machine: usize) {
        let view = self.view;
        self.rooms[machine].place(
            view.class(&view.pods[pod]),
            &view.dimensions,
            view.machines[machine].memory,
        );
        self.guests[machine].push(pod);
    }

    fn lift(&mut self, pod: usize, machine: usize) {
        self.rooms[machine].give_back(self.view.class(&self.view.pods[pod]));
        self.guests[machine].retain(|other| *other != pod);
    }

    /// Empties machines, those first that are used least.
    fn empty_machines(&mut self) -> Vec<Emptied> {
        let view = self.view;
        let used = |machine: &usize| -> (Gpus, usize) {
            let gpus = self.guests[*machine].iter().map(|pod| view.pods[*pod].gpus).sum();
            (gpus, self.guests[*machine].len())
        };
        let mut candidates: Vec<usize> = (0..self.rooms.len())
            .filter(|machine| self.may_be_emptied(*machine))
            .collect();
        candidates.sort_by_key(used);
        let mut emptied = Vec::new();
        for machine in candidates {
            let guests = self.guests[machine].clone();
            if self.received[machine] {
                continue;
            }
            if let Some(moves) = self.move_all(&guests, machine, None) {
                emptied.push(Emptied { machine, moves });
            }
        }
        emptied
    }

    fn may_be_emptied(&self, machine: usize) -> bool {
        let guests = &self.guests[machine];
        !guests.is_empty()
            && self.view.machines[machine].in_service
            && guests.iter().all(|pod| moves(self.view, *pod))
    }
}

fn waits_for_gpus(view: &View<'_>, pod: usize) -> bool {
    let pod = &view.pods[pod];
    let gated = !pod.pod.spec.placement.scheduling_gates.is_empty();
    pod.pod.node().is_none() && !gated && view.class(pod).wants_gpus()
}

/// Whether a pod may be moved: someone makes it again, and nothing asks to leave it alone. Pods that share a GPU by
/// annotation stay: which GPU they would find elsewhere is their scheduler's affair.
fn moves(view: &View<'_>, pod: usize) -> bool {
    let PodView { pod, class, .. } = &view.pods[pod];
    let annotations = &pod.metadata.annotations;
    let pinned = PINS
        .iter()
        .any(|(key, value)| annotations.get(*key).is_some_and(|found| found == value));
    let shares = view.classes()[*class].fraction.is_some() || crate::gpus::group(pod).is_some();
    pod.metadata.controller().is_some() && !pinned && !shares
}
