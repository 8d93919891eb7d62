//! A scenario: what is submitted, how its steps behave, and how it ought to end.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::seeded::Seeded;
use serde_json::Value;

/// What a step is about to do, as its script sees it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The name of the node, as `digits.train(3:m04)(0)`.
    pub node_name: String,
    /// The pod as stored.
    pub pod: Value,
    /// What it was told to report, if it runs under the executor.
    pub orders: Option<argo::exec::Orders>,
}

impl Step {
    /// The last name in the node's name, as `train` of `digits.train(3:m04)(0)`.
    pub fn task(&self) -> &str {
        let name = self.node_name.split('(').next().unwrap_or_default();
        name.rsplit('.').next().unwrap_or_default()
    }

    /// Which attempt of a retried node it is, from zero: the `(N)` at the end of its name.
    pub fn attempt(&self) -> u32 {
        let tail = self
            .node_name
            .strip_suffix(')')
            .and_then(|name| name.rsplit('(').next());
        tail.and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// What a step does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Virtual milliseconds it runs.
    pub millis: u64,
    /// Its exit code.
    pub exit: i32,
    /// What it prints.
    pub result: String,
    /// Its output parameters, by name.
    pub parameters: BTreeMap<String, String>,
}

type Script = Arc<dyn Fn(&Step, &mut Seeded) -> Outcome + Send + Sync>;
type Expectation = Arc<dyn Fn(&Value) -> Vec<String> + Send + Sync>;

/// What is submitted, how its steps behave, and how it ought to end.
#[derive(Clone)]
pub struct Scenario {
    /// The Workflows, as submitted; each with a name.
    pub workflows: Vec<Value>,
    /// How a step behaves. Draws come from a generator of the step's own, so a step does the same whenever
    /// it is run.
    pub script: Script,
    /// What is wrong with a Workflow that is over, in sentences.
    pub expect: Expectation,
    /// Processes of one workflow at the same time at most; none for no limit.
    pub parallelism: Option<usize>,
    /// Virtual machines, and the CPUs of each.
    pub machines: Vec<(String, u32)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_knows_its_task_and_attempt() {
        for (name, task, attempt) in [
            ("digits", "digits", 0),
            ("digits.etl", "etl", 0),
            ("digits.train(3:rate:0.1,name:m4)(2)", "train", 2),
            ("digits.onExit", "onExit", 0),
            ("digits[0].a(0)", "a", 0),
        ] {
            let step = Step {
                node_name: name.to_owned(),
                pod: Value::Null,
                orders: None,
            };
            assert_eq!((step.task(), step.attempt()), (task, attempt), "{name}");
        }
    }
}
