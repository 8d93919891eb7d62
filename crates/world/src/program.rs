//! The programs of virtual processes: what a step's arguments say it does, and how the seed decides.
//!
//! Steps of simulated workflows run `act` with words such as `takes=2000 fails=20 prints=list:4`. What an
//! attempt does follows from the words, the seed and the node's name alone, which holds the attempt: it is
//! the same in every world in which that attempt is made, whatever else happens.

use std::collections::BTreeMap;

use argo::exec::Orders;
use meta::seeded::Seeded;
use serde_json::{Value, json};

/// How a process ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this exit code.
    Exit(i32),
    /// The kernel kills it for its memory.
    OutOfMemory,
    /// The machine evicts its pod.
    Evicted,
}

impl Ending {
    /// The exit code of its container.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::Exit(code) => code,
            Self::OutOfMemory | Self::Evicted => 137,
        }
    }
}

/// What an attempt does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    /// Milliseconds until its image is there; none for never.
    pub(crate) pulls: Option<u64>,
    /// Milliseconds it runs; none for as long as it is let.
    pub(crate) runs: Option<u64>,
    /// How it ends.
    pub(crate) ending: Ending,
    /// Milliseconds it takes to end once asked to.
    pub(crate) dies_in: u64,
    /// Its exit code when asked to end.
    pub(crate) dies_with: i32,
    /// What it prints.
    pub(crate) result: String,
    /// Its output parameters, by name.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The words of a program.
struct Words<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Words<'a> {
    fn of(pod: &'a Value) -> Self {
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        let lists = ["command", "args"].into_iter();
        let words = containers.flat_map(|container| lists.clone().map(|list| &container[list]));
        let words = words
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_str);
        let words = words.flat_map(str::split_whitespace);
        Self(
            words
                .map(|word| word.split_once('=').unwrap_or((word, "")))
                .collect(),
        )
    }

    fn has(&self, word: &str) -> bool {
        self.0.contains_key(word)
    }

    fn number(&self, word: &str) -> u64 {
        self.0.get(word).and_then(|value| value.parse().ok()).unwrap_or(0)
    }
}

/// What the attempt that is this pod does.
pub(crate) fn course(seed: &Seeded, node_name: &str, pod: &Value, orders: Option<&Orders>) -> Course {
    let words = Words::of(pod);
    let mut random = seed.split(node_name);
    let runs = random.below(words.number("takes") + 1);
    let pulls = random.below(words.number("pulls") + 1);
    let ending = ending(&words, &mut random);
    let result = printed(words.0.get("prints").copied().unwrap_or(""), &mut random);
    let mut value = |name: &str| (name.to_owned(), format!("{name}-{}", random.below(1000)));
    let declared = orders.into_iter().flat_map(|orders| &orders.output_parameters);
    Course {
        pulls: (!words.has("never-pulled")).then_some(pulls),
        runs: (!words.has("endless")).then_some(runs),
        ending,
        dies_in: words.number("dies-in"),
        dies_with: if words.has("dies-well") { 0 } else { 143 },
        result,
        parameters: declared.map(|parameter| value(&parameter.name)).collect(),
    }
}

fn ending(words: &Words<'_>, random: &mut Seeded) -> Ending {
    let dice = random.below(100);
    let code = 1 + i32::try_from(random.below(3)).unwrap_or(0);
    let (fails, starves) = (words.number("fails"), words.number("starves"));
    match dice {
        dice if dice < fails => Ending::Exit(code),
        dice if dice < fails + starves => Ending::OutOfMemory,
        dice if dice < fails + starves + words.number("evicted") => Ending::Evicted,
        _ => Ending::Exit(0),
    }
}

fn printed(what: &str, random: &mut Seeded) -> String {
    let (kind, bound) = what.split_once(':').unwrap_or((what, ""));
    let bound = bound.parse().unwrap_or(100);
    match kind {
        // Some numbers may be the same: names of nodes hold their places, too.
        "list" => {
            let length = random.below(bound + 1);
            let items: Vec<u64> = (0..length).map(|_| random.below(10)).collect();
            json!(items).to_string()
        }
        "models" => {
            let model = |i| json!({"name": format!("m{i:02}"), "rate": format!("0.{i:02}")});
            json!((1..=bound).map(model).collect::<Vec<_>>()).to_string()
        }
        "number" => random.below(bound).to_string(),
        _ => format!("line {}", random.below(1000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str], node: &str) -> Course {
        let pod = json!({"spec": {"containers": [{"command": ["act"], "args": words}]}});
        course(&Seeded::new(1), node, &pod, None)
    }

    #[test]
    fn words_and_the_name_decide() {
        let words = ["takes=5000", "fails=50 prints=list:9"];
        assert_eq!(of(&words, "w.a(0)"), of(&words, "w.a(0)"));
        let failed = (0..100).filter(|i| of(&words, &format!("w.a({i})")).ending != Ending::Exit(0));
        assert!((30..70).contains(&failed.count()));
        let endless = of(&["endless", "never-pulled", "dies-well"], "w");
        assert_eq!((endless.runs, endless.pulls, endless.dies_with), (None, None, 0));
        assert_eq!(of(&["evicted=100"], "w").ending, Ending::Evicted);
        assert_eq!(of(&["starves=100"], "w").ending.code(), 137);
    }

    #[test]
    fn what_is_printed_can_be_read() {
        let list = of(&["prints=list:9"], "w").result;
        assert!(serde_json::from_str::<Vec<u64>>(&list).is_ok(), "{list}");
        assert!(
            of(&["prints=number:7"], "w")
                .result
                .parse::<u64>()
                .is_ok_and(|n| n < 7)
        );
        let models: Value = serde_json::from_str(&of(&["prints=models:3"], "w").result).unwrap();
        assert_eq!(models[2]["name"], "m03");
    }
}
