//! What has to come of a workflow when nobody interferes with it but by killing the control plane.

use std::collections::BTreeMap;

use super::plan::{Act, Part, Step, Workflow};

/// What has to come of a workflow.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Whether it succeeds.
    pub(crate) succeeds: bool,
    /// By step number, how often it starts.
    pub(crate) starts: BTreeMap<u32, Starts>,
}

/// How often a step starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starts {
    pub(crate) least: u64,
    pub(crate) most: u64,
}

/// What has to come of `workflow`.
pub(crate) fn expected(workflow: &Workflow) -> Expected {
    let mut model = Expected::default();
    let mut fine = model.part(&workflow.part);
    if let Some(id) = workflow.late {
        model.always(id, 1);
        fine = false;
        // The deadline comes when it comes.
        model.starts.values_mut().for_each(|starts| starts.least = 0);
    }
    if let Some(id) = workflow.on_exit {
        model.always(id, 1);
    }
    model.succeeds = fine;
    model
}

impl Expected {
    fn always(&mut self, id: u32, times: u64) {
        let starts = Starts {
            least: times,
            most: times,
        };
        self.starts.insert(id, starts);
    }

    /// Whether the part succeeds.
    fn part(&mut self, part: &Part) -> bool {
        match part {
            Part::Step(step) => self.step(step, 1),
            Part::Fan { step, count } => self.step(step, *count),
            Part::Relay { from, to, .. } => {
                self.always(*from, 1);
                self.always(*to, 1);
                true
            }
            Part::Gather { from, count, to } => {
                self.always(*from, *count);
                self.always(*to, 1);
                true
            }
            Part::Daemon { daemon, beside } => {
                self.always(*daemon, 1);
                // It runs, and so those beside it do, before it has written a word; soon it may be ended.
                self.maybe(*daemon);
                self.step(beside, 1)
            }
            Part::Pause => true,
            Part::Steps(groups) => self.steps(groups),
            Part::Dag(tasks) => self.dag(tasks),
        }
    }

    fn step(&mut self, step: &Step, count: u64) -> bool {
        match step.act {
            Act::Exit(code) => {
                self.always(step.id, count);
                code == 0
            }
            Act::Flaky { fails, limit } => {
                self.always(step.id, count * (fails.min(limit) + 1));
                fails <= limit
            }
            Act::Overdue => {
                self.always(step.id, count);
                // On a busy machine its second may be over before it begins.
                self.maybe(step.id);
                false
            }
        }
    }

    fn maybe(&mut self, id: u32) {
        if let Some(starts) = self.starts.get_mut(&id) {
            starts.least = 0;
        }
    }

    /// The first group with a failure that counts is the last.
    fn steps(&mut self, groups: &[Vec<(Part, bool)>]) -> bool {
        for group in groups {
            let before = self.starts.len();
            let mut fine = true;
            for (part, passed_over) in group {
                fine &= self.part(part) || *passed_over;
            }
            if !fine {
                self.maybe_since(before);
                return false;
            }
        }
        true
    }

    /// After a failure nothing new starts, but what had started by then is not known.
    fn dag(&mut self, tasks: &[(Part, Vec<usize>)]) -> bool {
        let before = self.starts.len();
        let mut fine = Vec::new();
        for (part, after) in tasks {
            let reached = after.iter().all(|before| fine.get(*before) == Some(&true));
            let mut apart = Self::default();
            let succeeds = apart.part(part);
            if reached {
                self.starts.extend(apart.starts);
            }
            fine.push(reached && succeeds);
        }
        let fine = fine.iter().all(|fine| *fine);
        if !fine {
            self.maybe_since(before);
        }
        fine
    }

    /// Step numbers grow in the order in which parts were made: those of the latest parts may or may not start.
    fn maybe_since(&mut self, before: usize) {
        self.starts
            .values_mut()
            .skip(before)
            .for_each(|starts| starts.least = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: u32, act: Act) -> Part {
        Part::Step(Step { id, millis: 0, act })
    }

    #[track_caller]
    fn check(part: &Part, succeeds: bool, starts: &[(u32, u64, u64)]) {
        let mut model = Expected::default();
        assert_eq!(model.part(part), succeeds);
        let found: Vec<_> = model
            .starts
            .iter()
            .map(|(id, starts)| (*id, starts.least, starts.most))
            .collect();
        assert_eq!(found, starts);
    }

    #[test]
    fn steps_end_with_a_failure_that_counts() {
        let groups = |passed_over| {
            Part::Steps(vec![
                vec![(step(1, Act::Exit(0)), false)],
                vec![
                    (step(2, Act::Exit(3)), passed_over),
                    (step(3, Act::Exit(0)), false),
                ],
                vec![(step(4, Act::Exit(0)), false)],
            ])
        };
        check(&groups(false), false, &[(1, 1, 1), (2, 0, 1), (3, 0, 1)]);
        check(&groups(true), true, &[(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)]);
    }

    #[test]
    fn retries_are_counted() {
        check(&step(1, Act::Flaky { fails: 1, limit: 2 }), true, &[(1, 2, 2)]);
        check(&step(1, Act::Flaky { fails: 2, limit: 1 }), false, &[(1, 2, 2)]);
    }

    #[test]
    fn tasks_behind_a_failure_do_not_start() {
        let dag = Part::Dag(vec![
            (step(1, Act::Exit(1)), vec![]),
            (step(2, Act::Exit(0)), vec![0]),
            (step(3, Act::Exit(0)), vec![]),
        ]);
        check(&dag, false, &[(1, 0, 1), (3, 0, 1)]);
    }
}
