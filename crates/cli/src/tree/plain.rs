//! A workflow as lines where nothing can be redrawn: one per change of a node.
//!
//! ```text
//!    0.4s  etl            Running
//!    0.8s  etl            Succeeded  0.4s
//!    4.9s  train(3:a)     Failed     1.2s  exit code 1
//! ```

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::forest;
use super::phase::Phase;
use super::view::{NodeView, StatusView};
use crate::age;
use crate::ui::style::paint;

/// Remembers what was said of each node.
#[derive(Debug, Default)]
pub struct Transitions {
    said: BTreeMap<String, Phase>,
    /// The widest name so far: columns only ever move to the right.
    width: usize,
    /// The latest time that was shown: times only ever go on, though some changes are seen late.
    latest: Option<Timestamp>,
}

/// The narrowest and the widest that the column of names is.
const NAMES: std::ops::RangeInclusive<usize> = 16..=56;

impl Transitions {
    /// A line for each node that does work and whose phase is news, oldest first. `workflow` is the workflow's name;
    /// times are shown since `origin`.
    pub fn lines(
        &mut self,
        workflow: &str,
        status: &StatusView,
        origin: Timestamp,
        now: Timestamp,
    ) -> Vec<String> {
        let nodes: Vec<&NodeView> = forest::in_order(status)
            .into_iter()
            .filter(|node| works(node))
            .collect();
        let names = nodes
            .iter()
            .map(|node| short(workflow, &node.name).chars().count())
            .max();
        self.width = self
            .width
            .max(names.unwrap_or(0))
            .clamp(*NAMES.start(), *NAMES.end());
        let mut news = Vec::new();
        for node in nodes {
            let phase = Phase::parse(&node.phase);
            if phase == Phase::Pending || self.said.get(&node.id) == Some(&phase) {
                continue;
            }
            self.said.insert(node.id.clone(), phase);
            let at = if phase.is_done() {
                node.finished_at
            } else {
                node.started_at
            }
            .unwrap_or(now);
            news.push((at, node, phase));
        }
        news.sort_by_key(|(at, ..)| *at);
        let tell = |(at, node, phase)| {
            let at = self.latest.map_or(at, |latest| latest.max(at));
            self.latest = Some(at);
            line(workflow, node, phase, origin, at, self.width)
        };
        news.into_iter().map(tell).collect()
    }
}

/// Whether the node does something itself: the others only hold nodes that do.
fn works(node: &NodeView) -> bool {
    !matches!(
        node.kind.as_str(),
        "StepGroup" | "TaskGroup" | "Steps" | "DAG" | "Retry"
    )
}

fn line(
    workflow: &str,
    node: &NodeView,
    phase: Phase,
    origin: Timestamp,
    at: Timestamp,
    width: usize,
) -> String {
    let elapsed = age::precise(at.duration_since(origin));
    let name = short(workflow, &node.name);
    let spent = match (node.started_at, node.finished_at, phase) {
        (Some(start), Some(end), Phase::Succeeded | Phase::Failed | Phase::Error) => {
            age::precise(end.duration_since(start))
        }
        _ => String::new(),
    };
    let message: String = node
        .message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let rest = format!("{spent:>8}  {message}");
    let pad = if rest.trim().is_empty() {
        0
    } else {
        9 - phase.name().len()
    };
    let pad = " ".repeat(pad);
    let phase = paint(phase.style(), phase.name());
    format!("{elapsed:>7}  {name:<width$}  {phase}{pad}{}", rest.trim_end())
}

/// A node's name without that of its workflow and the number of its topmost group of steps: `train(3:a)` of
/// `digits-x7k2p.train(3:a)` and of `digits-x7k2p[0].train(3:a)`.
#[must_use]
pub fn short<'a>(workflow: &str, name: &'a str) -> &'a str {
    let rest = name.strip_prefix(workflow).unwrap_or(name);
    let step = rest
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]."))
        .map(|(_, step)| step);
    let rest = step.or(rest.strip_prefix('.')).unwrap_or(rest);
    if rest.is_empty() { name } else { rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_what_all_share() {
        let check = |name, expected: &str| assert_eq!(short("wf", name), expected);
        check("wf", "wf");
        check("wf.a", "a");
        check("wf[12].a(0:x)", "a(0:x)");
        check("wf[0].a[1].b", "a[1].b");
        check("wf.onExit", "onExit");
        check("other", "other");
    }
}
