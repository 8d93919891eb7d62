//! The plan of a dag: who waits for whom, which ends decide, and in which order tasks are looked at.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use argo::{DagTask, Template};
use expr::depends::{ContinueOn, Depends};

use super::plan::{DagPlan, Frame, Slot, Task};

/// The plan of a dag that has not started.
pub(super) fn plan(template: &Arc<Template>, frame: Frame) -> Result<DagPlan, String> {
    let empty = Vec::new();
    let declared = template.dag.as_ref().map_or(&empty, |d| &d.tasks);
    let index: HashMap<&str, usize> = declared
        .iter()
        .enumerate()
        .map(|(i, t)| (t.name.as_str(), i))
        .collect();
    let mut tasks = Vec::with_capacity(declared.len());
    for task in declared {
        let logic = logic(task, declared, &index)?;
        let dependencies = logic.tasks().into_iter().map(|name| {
            let found = index.get(name).copied();
            found.ok_or_else(|| format!("task '{}' depends on '{name}', which does not exist", task.name))
        });
        let dependencies = dependencies.collect::<Result<Vec<_>, _>>()?;
        tasks.push(Task {
            slot: Slot::new(Arc::new(task.clone()), task.name.clone()),
            missing: dependencies.len(),
            logic,
            dependencies,
            dependents: Vec::new(),
            rank: None,
        });
    }
    for i in 0..tasks.len() {
        for dependency in tasks[i].dependencies.clone() {
            tasks[dependency].dependents.push(i);
        }
    }
    let targets = targets(template, &tasks, &index)?;
    targets.iter().for_each(|t| tasks[*t].slot.eager = true);
    let order = order(&mut tasks, &targets);
    Ok(DagPlan {
        template: template.clone(),
        frame: Arc::new(frame),
        tasks,
        targets,
        order,
        by_node: HashMap::new(),
        unsettled: 0,
        blocked: BTreeSet::new(),
        untended: BTreeSet::new(),
        unresolved: None,
        started: false,
    })
}

/// When a task may start, among its siblings.
fn logic(task: &DagTask, tasks: &[DagTask], index: &HashMap<&str, usize>) -> Result<Depends, String> {
    let declared = if task.depends.is_empty() {
        Depends::of_dependencies(task.dependencies.iter().cloned())
    } else {
        Depends::parse(&task.depends).map_err(|e| e.message)?
    };
    Ok(declared.expand(&|name| {
        let on = index.get(name).and_then(|of| tasks[*of].continue_on.as_ref());
        ContinueOn {
            error: on.is_some_and(|c| c.error),
            failed: on.is_some_and(|c| c.failed),
        }
    }))
}

/// The tasks of `target`, or those that no other depends on, by name.
fn targets(template: &Template, tasks: &[Task], index: &HashMap<&str, usize>) -> Result<Vec<usize>, String> {
    let named = template.dag.as_ref().map_or("", |d| d.target.as_str());
    if named.is_empty() {
        let mut leaves: Vec<usize> = (0..tasks.len())
            .filter(|i| tasks[*i].dependents.is_empty())
            .collect();
        leaves.sort_by(|a, b| tasks[*a].slot.origin.cmp(&tasks[*b].slot.origin));
        return Ok(leaves);
    }
    let of = |name: &str| {
        index
            .get(name)
            .copied()
            .ok_or_else(|| format!("target '{name}' is not defined"))
    };
    named.split_whitespace().map(of).collect()
}

/// What the targets need, dependencies before dependants; iteratively, since chains may be long.
fn order(tasks: &mut [Task], targets: &[usize]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut seen = vec![false; tasks.len()];
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for target in targets {
        stack.push((*target, 0));
        while let Some((task, next)) = stack.pop() {
            if next == 0 && std::mem::replace(&mut seen[task], true) {
                continue;
            }
            match tasks[task].dependencies.get(next).copied() {
                Some(dependency) => {
                    stack.push((task, next + 1));
                    if !seen[dependency] {
                        stack.push((dependency, 0));
                    }
                }
                None => {
                    tasks[task].rank = Some(order.len());
                    order.push(task);
                }
            }
        }
    }
    order
}
