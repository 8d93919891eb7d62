//! Graphs of tasks: what each depends on exists, and none depends on itself.

use std::collections::{BTreeMap, BTreeSet};

use argo::template::DagTemplate;
use argo::{DagTask, Template};
use expr::depends::Depends;
use expr::template::tags_in;
use serde_json::Value;

use super::calls::Call;
use super::names::has_tag;
use super::scope::Scope;
use super::{Check, suggest};

impl<'c> From<&'c DagTask> for Call<'c> {
    fn from(task: &'c DagTask) -> Self {
        Self {
            name: &task.name,
            template: &task.template,
            template_ref: task.template_ref.as_ref(),
            inline: task.inline.as_deref(),
            arguments: &task.arguments,
            on_exit: &task.on_exit,
            items: !task.with_items.is_empty(),
            param: !task.with_param.is_empty(),
            sequence: task.with_sequence.as_ref(),
        }
    }
}

impl<'a> Check<'a> {
    /// The tasks of a template: each knows what those it depends on gave, directly or not.
    pub(super) fn dag(
        &mut self,
        template: &'a Template,
        dag: &'a DagTemplate,
        raw: &Value,
        pointer: &str,
        scope: &mut Scope,
    ) {
        let base = format!("{pointer}/dag/tasks");
        self.unique(
            &base,
            "task",
            dag.tasks
                .iter()
                .map(|task| task.name.as_str())
                .filter(|name| !has_tag(name)),
        );
        let tasks: BTreeMap<&str, &DagTask> =
            dag.tasks.iter().map(|task| (task.name.as_str(), task)).collect();
        self.digits(template, dag, &base);
        let needs: Vec<BTreeSet<String>> = dag
            .tasks
            .iter()
            .enumerate()
            .map(|(at, task)| self.needs(template, &tasks, task, &format!("{base}/{at}")))
            .collect();
        self.one_style(template, dag, &base);
        self.target(template, dag, pointer);
        let graph: BTreeMap<&str, &BTreeSet<String>> = dag
            .tasks
            .iter()
            .map(|task| task.name.as_str())
            .zip(&needs)
            .collect();
        self.cycles(template, dag, &graph, &base);
        let repeating = dag.tasks.iter().filter(|task| Call::from(*task).repeats());
        let repeats: BTreeSet<&str> = repeating.map(|task| task.name.as_str()).collect();
        let mut called = BTreeMap::new();
        for task in &dag.tasks {
            called.insert(task.name.as_str(), self.quietly_called(task));
        }
        for (at, task) in dag.tasks.iter().enumerate() {
            let raw = raw.pointer(&format!("/dag/tasks/{at}")).unwrap_or(&Value::Null);
            let mut known = scope.clone();
            for ancestor in ancestors_named(&graph, &task.name, raw) {
                let template = called.get(ancestor).copied().flatten();
                known.add_call(&format!("tasks.{ancestor}"), template, repeats.contains(ancestor));
            }
            self.call(template, &Call::from(task), raw, &format!("{base}/{at}"), &known);
        }
        for task in &dag.tasks {
            let template = called.get(task.name.as_str()).copied().flatten();
            scope.add_call(
                &format!("tasks.{}", task.name),
                template,
                Call::from(task).repeats(),
            );
        }
    }

    /// The template that a task calls, without saying that it is missing.
    fn quietly_called(&mut self, task: &'a DagTask) -> Option<&'a Template> {
        let said = self.problems.len();
        let called = self.called(&Call::from(task), "");
        self.problems.truncate(said);
        called
    }

    /// The names of the tasks that one depends on.
    fn needs(
        &mut self,
        template: &Template,
        tasks: &BTreeMap<&str, &DagTask>,
        task: &DagTask,
        pointer: &str,
    ) -> BTreeSet<String> {
        let name = &template.name;
        let needs: BTreeSet<String> = if task.depends.is_empty() {
            task.dependencies.iter().cloned().collect()
        } else {
            match Depends::parse(&task.depends) {
                Ok(depends) => depends.tasks().into_iter().map(str::to_owned).collect(),
                Err(error) => {
                    let message = format!("templates.{name}.tasks.{}.depends: {}", task.name, error.message);
                    self.problem(
                        format!("{pointer}/depends"),
                        message,
                        "it is made of task names, `&&`, `||`, `!` and parentheses",
                    );
                    BTreeSet::new()
                }
            }
        };
        self.needs_exist(template, tasks, task, &needs, pointer);
        needs
    }

    /// Either `depends` or `dependencies` with `continueOn`, in all tasks of a template.
    fn one_style(&mut self, template: &Template, dag: &DagTemplate, base: &str) {
        if dag.tasks.iter().all(|task| task.depends.is_empty()) {
            return;
        }
        let name = &template.name;
        for (at, task) in dag.tasks.iter().enumerate() {
            if !task.dependencies.is_empty() {
                let message = format!(
                    "templates.{name} cannot use both 'depends' and 'dependencies' in the same DAG template"
                );
                let hint = format!("write `depends: {}`", task.dependencies.join(" && "));
                self.problem(format!("{base}/{at}/dependencies"), message, hint);
            }
            if task.continue_on.is_some() {
                let message = format!(
                    "templates.{name} cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"
                );
                self.problem(
                    format!("{base}/{at}/continueOn"),
                    message,
                    "write it in the `depends` of the tasks that follow",
                );
            }
        }
    }

    /// A name that begins with a digit would be read as a number.
    fn digits(&mut self, template: &Template, dag: &DagTemplate, base: &str) {
        let orders = |task: &DagTask| !task.depends.is_empty() || !task.dependencies.is_empty();
        if !dag.tasks.iter().any(orders) {
            return;
        }
        for (at, task) in dag.tasks.iter().enumerate() {
            if task.name.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!(
                    "templates.{}.tasks.{} name cannot begin with a digit when using either 'depends' or 'dependencies'",
                    template.name, task.name
                );
                self.problem(format!("{base}/{at}/name"), message, "begin it with a letter");
            }
        }
    }

    fn needs_exist(
        &mut self,
        template: &Template,
        tasks: &BTreeMap<&str, &DagTask>,
        task: &DagTask,
        needs: &BTreeSet<String>,
        pointer: &str,
    ) {
        for need in needs.iter().filter(|need| !has_tag(need)) {
            let Some(found) = tasks.get(need.as_str()) else {
                let message = format!(
                    "templates.{}.tasks.{}: dependency '{need}' not defined",
                    template.name, task.name
                );
                let field = if task.depends.is_empty() {
                    "dependencies"
                } else {
                    "depends"
                };
                let names: Vec<&str> = tasks.keys().copied().collect();
                self.problem(format!("{pointer}/{field}"), message, suggest(need, &names));
                continue;
            };
            let any = format!("{need}.AnySucceeded");
            let all = format!("{need}.AllFailed");
            let asked = task.depends.contains(&any) || task.depends.contains(&all);
            if asked && !Call::from(*found).repeats() {
                let message = format!(
                    "templates.{}.tasks.{}: task '{need}' does not contain any items",
                    template.name, task.name
                );
                self.problem(
                    format!("{pointer}/depends"),
                    message,
                    "AnySucceeded and AllFailed are for tasks with items",
                );
            }
        }
    }

    fn target(&mut self, template: &Template, dag: &DagTemplate, pointer: &str) {
        let names: Vec<&str> = dag.tasks.iter().map(|task| task.name.as_str()).collect();
        for target in dag.target.split_whitespace().filter(|target| !has_tag(target)) {
            if !names.contains(&target) {
                let message = format!("templates.{}: target '{target}' is not defined", template.name);
                self.problem(format!("{pointer}/dag/target"), message, suggest(target, &names));
            }
        }
    }

    /// Each cycle is shown once, at its first task.
    fn cycles(
        &mut self,
        template: &Template,
        dag: &DagTemplate,
        graph: &BTreeMap<&str, &BTreeSet<String>>,
        base: &str,
    ) {
        if !has_cycle(graph) {
            return;
        }
        let mut shown: BTreeSet<String> = BTreeSet::new();
        for (at, task) in dag.tasks.iter().enumerate() {
            if shown.contains(&task.name) {
                continue;
            }
            let Some(path) = cycle(graph, &task.name) else {
                continue;
            };
            let message = format!(
                "templates.{} dependency cycle detected: {}",
                template.name,
                path.join(" -> ")
            );
            let field = if task.depends.is_empty() {
                "dependencies"
            } else {
                "depends"
            };
            self.problem(
                format!("{base}/{at}/{field}"),
                message,
                "one of them must not depend on the next",
            );
            shown.extend(path);
        }
    }
}

/// More tasks than this are only suggested where they are named.
const FEW: usize = 50;

/// The tasks that `task` depends on, directly or not: those that its tags name, or all where they are few.
/// A long chain whose tasks each name the one before is walked one step back from each, not to its beginning.
fn ancestors_named<'a>(
    graph: &BTreeMap<&'a str, &'a BTreeSet<String>>,
    task: &'a str,
    raw: &Value,
) -> BTreeSet<&'a str> {
    let tags = tags_in(raw);
    let named: BTreeSet<&str> = tags
        .iter()
        .filter_map(|located| located.tag.name().strip_prefix("tasks.")?.split('.').next())
        .collect();
    let mut found = BTreeSet::new();
    if named.is_empty() {
        return found;
    }
    let all = graph.len() <= FEW;
    let mut missing = named.len();
    let mut open: std::collections::VecDeque<&str> = [task].into();
    while let Some(name) = open.pop_front() {
        for need in graph.get(name).copied().into_iter().flatten() {
            if found.insert(need.as_str()) {
                open.push_back(need);
                missing -= usize::from(named.contains(need.as_str()));
            }
        }
        if missing == 0 && !all {
            break;
        }
    }
    found
}

/// Whether some task depends on itself: those without open dependencies are taken away until none is left.
fn has_cycle(graph: &BTreeMap<&str, &BTreeSet<String>>) -> bool {
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    for (task, needs) in graph {
        let known = needs.iter().filter(|need| graph.contains_key(need.as_str()));
        open.insert(task, known.clone().count());
        known.for_each(|need| dependents.entry(need).or_default().push(task));
    }
    let mut free: Vec<&str> = open
        .iter()
        .filter(|(_, n)| **n == 0)
        .map(|(task, _)| *task)
        .collect();
    let mut done = 0;
    while let Some(task) = free.pop() {
        done += 1;
        for dependent in dependents.get(task).into_iter().flatten() {
            if let Some(left) = open.get_mut(dependent) {
                *left -= 1;
                if *left == 0 {
                    free.push(dependent);
                }
            }
        }
    }
    done < graph.len()
}

/// A shortest way from `task` along its dependencies back to itself.
fn cycle(graph: &BTreeMap<&str, &BTreeSet<String>>, task: &str) -> Option<Vec<String>> {
    let mut came: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open = std::collections::VecDeque::from([task]);
    while let Some(name) = open.pop_front() {
        let needs: &BTreeSet<String> = graph.get(name).copied()?;
        for need in needs {
            if need == task {
                let mut path = vec![task.to_owned()];
                let mut at = name;
                let mut back = Vec::new();
                while at != task {
                    back.push(at.to_owned());
                    at = came.get(at).copied()?;
                }
                path.extend(back.into_iter().rev());
                path.push(task.to_owned());
                return Some(path);
            }
            if graph.contains_key(need.as_str()) && !came.contains_key(need.as_str()) {
                came.insert(need, name);
                open.push_back(need);
            }
        }
    }
    None
}
