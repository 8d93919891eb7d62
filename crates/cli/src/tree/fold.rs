//! What of a forest is shown within so many rows. Nothing is rendered that will not be seen.
//!
//! The first of the [`POLICIES`] whose rows fit is taken; if none fits, the last one is cut. Counting stops
//! as soon as it is above the budget, so a fan-out of thousands costs no more than one of dozens.

use super::forest::{Forest, Item, Role};
use super::phase::{Counts, Phase};

/// One row to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The branches left of it: for each level, whether a sibling follows.
    pub guides: Vec<bool>,
    /// What it shows.
    pub shows: Shows,
}

/// What a row shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shows {
    /// An item; whether what is below it is hidden.
    Item {
        /// Index into the forest.
        at: usize,
        /// Whether it has children that are not shown.
        folded: bool,
    },
    /// Siblings that have no row of their own.
    Rest {
        /// How many of each phase.
        counts: Counts,
    },
}

/// How much of the tree is opened.
#[derive(Clone, Copy, Debug)]
struct Policy {
    /// The most items of a fan-out that get rows of their own; with none, it is one row.
    fan_out: usize,
    /// Whether items of a fan-out that ended well get rows.
    fan_out_done: bool,
    /// Whether groups that ended well are opened.
    done_groups: bool,
}

const POLICIES: [Policy; 5] = [
    Policy {
        fan_out: usize::MAX,
        fan_out_done: true,
        done_groups: true,
    },
    Policy {
        fan_out: 8,
        fan_out_done: false,
        done_groups: true,
    },
    Policy {
        fan_out: 3,
        fan_out_done: false,
        done_groups: true,
    },
    Policy {
        fan_out: 3,
        fan_out_done: false,
        done_groups: false,
    },
    Policy {
        fan_out: 0,
        fan_out_done: false,
        done_groups: false,
    },
];

/// The rows of `forest` that fit into `budget`, without the row of a lone group at the top (the workflow itself).
#[must_use]
pub fn rows(forest: &Forest, budget: usize) -> Vec<Row> {
    let tops = tops(forest);
    let fits = |policy: &&Policy| count(forest, &tops, policy, budget) <= budget;
    let policy = POLICIES
        .iter()
        .find(fits)
        .unwrap_or(&POLICIES[POLICIES.len() - 1]);
    let mut rows = Vec::new();
    // One more than fits is enough to know that something was cut.
    place(
        forest,
        &tops,
        policy,
        &mut Vec::new(),
        &mut rows,
        budget.saturating_add(1),
    );
    cut(forest, &mut rows, budget);
    rows
}

/// The items at the top: what is below the workflow's own node, then exit handlers and hooks.
fn tops(forest: &Forest) -> Vec<usize> {
    let mut tops = Vec::new();
    for (nth, root) in forest.roots.iter().enumerate() {
        let item = &forest.items[*root];
        if nth == 0 && item.role == Role::Group {
            tops.extend(&item.children);
        } else {
            tops.push(*root);
        }
    }
    tops
}

/// How many rows `items` take, or any number above `limit`.
fn count(forest: &Forest, items: &[usize], policy: &Policy, limit: usize) -> usize {
    let mut rows = items.len();
    for at in items {
        if rows > limit {
            break;
        }
        let below = opened(forest, &forest.items[*at], policy, limit);
        rows += count(forest, &below, policy, limit - rows);
    }
    rows
}

/// The children of `item` that get rows of their own; its own row counts the others.
fn opened(forest: &Forest, item: &Item, policy: &Policy, limit: usize) -> Vec<usize> {
    match item.role {
        Role::Leaf | Role::Retry => Vec::new(),
        Role::Group if ended_well(item) && !policy.done_groups => Vec::new(),
        Role::Group => item.children.clone(),
        Role::FanOut => fan_out(forest, item, policy, limit),
    }
}

fn fan_out(forest: &Forest, item: &Item, policy: &Policy, limit: usize) -> Vec<usize> {
    if policy.fan_out_done {
        // Beyond the limit it does not matter how many there are.
        return item
            .children
            .iter()
            .copied()
            .take(limit.saturating_add(1))
            .collect();
    }
    let phase = |at: &usize| forest.items[*at].phase;
    let bad = item.children.iter().filter(|at| phase(at).is_bad());
    let busy = item.children.iter().filter(|at| phase(at) == Phase::Running);
    let mut shown: Vec<usize> = bad.chain(busy).copied().take(policy.fan_out).collect();
    shown.sort_unstable();
    shown
}

fn ended_well(item: &Item) -> bool {
    item.phase.is_done() && !item.phase.is_bad()
}

fn place(
    forest: &Forest,
    items: &[usize],
    policy: &Policy,
    guides: &mut Vec<bool>,
    rows: &mut Vec<Row>,
    limit: usize,
) {
    for (nth, at) in items.iter().enumerate() {
        if rows.len() >= limit {
            return;
        }
        let item = &forest.items[*at];
        let below = opened(forest, item, policy, limit);
        guides.push(nth + 1 < items.len());
        rows.push(Row {
            guides: guides.clone(),
            shows: Shows::Item {
                at: *at,
                folded: below.len() < item.children.len(),
            },
        });
        place(forest, &below, policy, guides, rows, limit);
        guides.pop();
    }
}

/// Cuts to the budget; the last row then counts what is not shown.
fn cut(forest: &Forest, rows: &mut Vec<Row>, budget: usize) {
    if rows.len() <= budget {
        return;
    }
    rows.truncate(budget.saturating_sub(1));
    let mut shown = Counts::default();
    for row in rows.iter() {
        if let Shows::Item { at, folded } = row.shows {
            let item = &forest.items[at];
            if folded || item.children.is_empty() || item.role == Role::Retry {
                shown.merge(&item.counts);
            }
        }
    }
    let counts = forest.counts().without(&shown);
    rows.push(Row {
        guides: vec![false],
        shows: Shows::Rest { counts },
    });
}
