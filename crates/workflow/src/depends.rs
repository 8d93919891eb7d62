//! When a DAG task may start: `depends` and `dependencies` as one expression over other tasks' results.
//!
//! A bare name stands for `(NAME.Succeeded || NAME.Skipped || NAME.Daemoned)`, and for failures that the
//! named task's `continueOn` forgives. Rule: workflow/common/ancestry.go.

use argo::DagTask;

/// Results that a `depends` expression may name.
pub(crate) const RESULTS: [&str; 8] = [
    "Succeeded",
    "Failed",
    "Errored",
    "Skipped",
    "Omitted",
    "Daemoned",
    "AnySucceeded",
    "AllFailed",
];

/// A boolean expression over results of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Logic {
    /// No condition.
    Always,
    /// A task's result, by names.
    Result(String, String),
    /// Both.
    And(Box<Logic>, Box<Logic>),
    /// Either.
    Or(Box<Logic>, Box<Logic>),
    /// The opposite.
    Not(Box<Logic>),
}

impl Logic {
    /// The condition of a task among its siblings.
    pub(crate) fn of(task: &DagTask, tasks: &[DagTask]) -> Result<Self, String> {
        if !task.depends.is_empty() {
            return parse(&task.depends, tasks);
        }
        let all = task.dependencies.iter().map(|name| bare(name, tasks));
        Ok(all.reduce(|a, b| Self::And(Box::new(a), Box::new(b))).unwrap_or(Self::Always))
    }

    /// The tasks it names, each once, in their order.
    pub(crate) fn tasks(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names
    }

    fn collect<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Always => {}
            Self::Result(task, _) if names.contains(&task.as_str()) => {}
            Self::Result(task, _) => names.push(task),
            Self::And(a, b) | Self::Or(a, b) => {
                a.collect(names);
                b.collect(names);
            }
            Self::Not(a) => a.collect(names),
        }
    }

    /// Its truth, given the truth of each result.
    pub(crate) fn holds(&self, result: &impl Fn(&str, &str) -> bool) -> bool {
        match self {
            Self::Always => true,
            Self::Result(task, name) => result(task, name),
            Self::And(a, b) => a.holds(result) && b.holds(result),
            Self::Or(a, b) => a.holds(result) || b.holds(result),
            Self::Not(a) => !a.holds(result),
        }
    }
}

/// What a name alone stands for.
fn bare(name: &str, tasks: &[DagTask]) -> Logic {
    let mut results = vec!["Succeeded", "Skipped", "Daemoned"];
    let continue_on = tasks.iter().find(|t| t.name == name).and_then(|t| t.continue_on.as_ref());
    if continue_on.is_some_and(|c| c.error) {
        results.push("Errored");
    }
    if continue_on.is_some_and(|c| c.failed) {
        results.push("Failed");
    }
    let result = |r: &str| Logic::Result(name.to_owned(), r.to_owned());
    let (first, rest) = (result(results[0]), &results[1..]);
    rest.iter().fold(first, |a, r| Logic::Or(Box::new(a), Box::new(result(r))))
}

/// Deepest nesting of parentheses and negations.
const MAX_DEPTH: usize = 200;

fn parse(text: &str, tasks: &[DagTask]) -> Result<Logic, String> {
    let mut parser = Parser { text, rest: text, tasks, depth: 0 };
    let logic = parser.or()?;
    if parser.peek().is_some() {
        return Err(parser.unexpected());
    }
    Ok(logic)
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    tasks: &'a [DagTask],
    depth: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, token: &str) -> bool {
        self.peek();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn unexpected(&mut self) -> String {
        let what = self.peek().map_or("end".to_owned(), |c| format!("'{c}'"));
        format!("invalid depends expression '{}': unexpected {what}", self.text)
    }

    fn or(&mut self) -> Result<Logic, String> {
        let mut left = self.and()?;
        while self.eat("||") {
            left = Logic::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Logic, String> {
        let mut left = self.unary()?;
        while self.eat("&&") {
            left = Logic::And(Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Logic, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("depends expression '{}' nests too deeply", self.text));
        }
        let logic = if self.eat("!") {
            Logic::Not(Box::new(self.unary()?))
        } else if self.eat("(") {
            let inner = self.or()?;
            if !self.eat(")") {
                return Err(self.unexpected());
            }
            inner
        } else {
            self.name()?
        };
        self.depth -= 1;
        Ok(logic)
    }

    fn name(&mut self) -> Result<Logic, String> {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        self.peek();
        let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        let (name, tail) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = tail;
        let Some(after) = tail.strip_prefix('.') else {
            return Ok(bare(name, self.tasks));
        };
        let end = after.find(|c| !word(c)).unwrap_or(after.len());
        let (result, tail) = after.split_at(end);
        self.rest = tail;
        if !RESULTS.contains(&result) {
            return Err(format!("task result '{result}' for task '{name}' is invalid"));
        }
        Ok(Logic::Result(name.to_owned(), result.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(depends: &str, true_results: &[&str], expected: bool) {
        let task = DagTask { depends: depends.into(), ..DagTask::default() };
        let logic = Logic::of(&task, &[]).unwrap();
        let holds = logic.holds(&|t, r| true_results.contains(&format!("{t}.{r}").as_str()));
        assert_eq!(holds, expected, "{depends}");
    }

    #[test]
    fn expressions() {
        check("A", &["A.Succeeded"], true);
        check("A", &["A.Skipped"], true);
        check("A", &["A.Failed"], false);
        check("a-b.Failed || C", &["a-b.Failed"], true);
        check("(A && !B.Failed) || C", &["A.Daemoned"], true);
        check("A && B", &["A.Succeeded"], false);
        check("!(A.Succeeded || B.Succeeded)", &[], true);
    }

    #[test]
    fn bad_expressions_are_refused() {
        for bad in ["A &&", "(A", "A B", "A.Nope", "&", &"(".repeat(500)] {
            let task = DagTask { depends: bad.into(), ..DagTask::default() };
            assert!(Logic::of(&task, &[]).is_err(), "{bad}");
        }
    }
}
