//! Pods that wait, those with the same reason together.

use super::ROWS;
use crate::report::{Pending, Remedy, WhyNot};

/// Names of pods that are shown of those with the same reason.
const NAMES: usize = 3;

/// Waiting pods that have everything in common but their names.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    /// They.
    pub(crate) pods: Vec<&'a Pending>,
    /// What the first has to say for all.
    pub(crate) first: &'a Pending,
}

/// Groups waiting pods in the order in which they come.
pub(crate) fn groups(pending: &[Pending]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for pod in pending {
        let alike = |group: &&mut Group<'_>| {
            let first = group.first;
            first.size == pod.size && first.why_not == pod.why_not && first.would_run == pod.would_run
        };
        match groups.iter_mut().find(alike) {
            Some(group) => group.pods.push(pod),
            None => groups.push(Group {
                pods: vec![pod],
                first: pod,
            }),
        }
    }
    groups
}

/// The section on pods that wait.
pub(super) fn waiting(pending: &[Pending]) -> String {
    if pending.is_empty() {
        return String::new();
    }
    let groups = groups(pending);
    let mut text = format!("Waiting pods: {}\n", pending.len());
    for group in groups.iter().take(ROWS) {
        text.push_str(&format!("  {}\n", title(group)));
        if !group.first.said.is_empty() {
            text.push_str(&format!(
                "    {} says: {}\n",
                group.first.scheduler,
                one_line(&group.first.said)
            ));
        }
        for why_not in &group.first.why_not {
            text.push_str(&format!("    why not: {}\n", reason(why_not)));
        }
        for remedy in &group.first.would_run {
            text.push_str(&format!("    would run: {}\n", way_out(remedy)));
        }
    }
    if groups.len() > ROWS {
        text.push_str(&format!("  … {} more kinds\n", groups.len() - ROWS));
    }
    text
}

/// Who waits, and for what.
pub(crate) fn title(group: &Group<'_>) -> String {
    let names: Vec<&str> = group
        .pods
        .iter()
        .take(NAMES)
        .map(|pod| pod.pod.as_str())
        .collect();
    let rest = if group.pods.len() > NAMES { ", …" } else { "" };
    let size = if group.first.size.is_empty() {
        "no GPU"
    } else {
        &group.first.size
    };
    format!("{} × {size}: {}{rest}", group.pods.len(), names.join(", "))
}

/// Why the machines of one kind will not do.
pub(crate) fn reason(why_not: &WhyNot) -> String {
    let model = why_not
        .model
        .as_ref()
        .map_or(String::new(), |model| format!(" ({model})"));
    let obstacles = why_not.obstacles.iter().map(|counted| match counted.machines {
        all if all == why_not.machines => counted.obstacle.to_string(),
        some => format!("{some} {}", counted.obstacle),
    });
    let obstacles: Vec<String> = obstacles.collect();
    let machines = crate::pending::plural(why_not.machines, "machine");
    format!("{machines} of {}{model}: {}", why_not.pool, obstacles.join(", "))
}

/// What would let it run, and where.
pub(crate) fn way_out(remedy: &Remedy) -> String {
    match remedy.machines {
        0 | 1 => remedy.what.clone(),
        many => format!("{} ({many} machines)", remedy.what),
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
