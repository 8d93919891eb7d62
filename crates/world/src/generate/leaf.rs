//! Templates that run a pod, or wait.

use serde_json::{Value, json};

use super::SIZES;
use super::nest::Maker;
use crate::check::DAEMON;
use crate::machine::LOCKS;

/// What a template's result is, where others use it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Prints {
    /// Nothing that anybody reads.
    Nothing,
    /// A list of numbers.
    List,
    /// A number below a hundred.
    Number,
}

impl Maker {
    /// A template that runs one pod.
    pub(super) fn leaf(&mut self, prints: Prints) -> String {
        self.budget = self.budget.saturating_sub(1);
        let words = self.words(prints);
        let mut template = self.pod(prints, &words);
        if self.chance(12) {
            template["outputs"] = json!({"parameters": [
                {"name": "out", "valueFrom": {"path": "/tmp/out", "default": "none"}}]});
        }
        if self.chance(25) {
            template["retryStrategy"] = self.retry();
        }
        if self.chance(8) {
            self.lock(&mut template);
        }
        if !self.wish.sure && self.chance(6) {
            template["activeDeadlineSeconds"] = (1 + self.below(20)).into();
        }
        if !self.wish.sure && self.chance(5) {
            template["timeout"] = format!("{}s", 1 + self.below(20)).into();
        }
        self.add(template)
    }

    fn words(&mut self, prints: Prints) -> String {
        let mut words = format!("takes={}", [0, 50, 2000, 20_000][self.pick(4)]);
        let mut word = |maker: &mut Self, percent: u64, word: &str| {
            if maker.chance(percent) {
                words.push_str(word);
            }
        };
        word(self, 15, " fails=30");
        word(self, 2, " starves=40");
        word(self, 2, " evicted=40");
        word(self, 4, " pulls=30000");
        word(self, 5, " dies-in=3000");
        word(self, 3, " dies-in=60000");
        word(self, 3, " dies-well");
        if !self.wish.sure {
            word(self, 3, " endless");
            word(self, 1, " never-pulled");
        }
        match prints {
            Prints::Nothing => words,
            Prints::List => format!("{words} prints=list:{}", 1 + self.budget.min(6)),
            Prints::Number => format!("{words} prints=number:100"),
        }
    }

    fn pod(&mut self, prints: Prints, words: &str) -> Value {
        let requests = self.requests();
        let inputs = json!({"parameters": [{"name": "x", "value": "none"}]});
        if prints == Prints::Nothing && self.chance(80) {
            return json!({"inputs": inputs, "container": {"image": "step", "command": ["act"],
                "args": [words, "x={{inputs.parameters.x}}"], "resources": {"requests": requests}}});
        }
        let command: Vec<&str> = std::iter::once("act").chain(words.split(' ')).collect();
        json!({"inputs": inputs, "script": {"image": "step", "command": command,
            "source": "print {{inputs.parameters.x}}", "resources": {"requests": requests}}})
    }

    fn requests(&mut self) -> Value {
        let mut requests = json!({});
        if self.chance(60) {
            requests["cpu"] = ["100m", "500m", "1"][self.pick(3)].into();
        }
        if self.chance(30) {
            requests["memory"] = ["64Mi", "500M", "1Gi"][self.pick(3)].into();
        }
        if self.wish.devices && self.chance(8) {
            requests["example.com/device"] = "1".into();
        }
        requests
    }

    pub(super) fn retry(&mut self) -> Value {
        let policies = ["Always", "OnFailure", "OnError", "OnTransientError"];
        let mut retry = json!({"limit": self.below(4).to_string(), "retryPolicy": policies[self.pick(3)]});
        if self.chance(50) {
            retry["backoff"] = json!({"duration": (1 + self.below(9)).to_string(), "factor": 2});
            if !self.wish.sure && self.chance(40) {
                retry["backoff"]["maxDuration"] = "10s".into();
            }
        }
        if self.chance(15) {
            retry["expression"] = "asInt(lastRetry.exitCode) != 2".into();
        }
        retry
    }

    /// Gives a template locks, which its pods show to the ledger.
    fn lock(&mut self, template: &mut Value) {
        let mut shown = Vec::new();
        if self.chance(60) {
            let number = self.below(2);
            let name = format!("{}-m{number}", self.workflow);
            template["synchronization"]["mutexes"] = json!([{"name": name}]);
            shown.push(name);
        }
        if shown.is_empty() || self.chance(30) {
            // Of one workflow only: locks of several are not decided yet.
            let number = self.workflow.bytes().map(u64::from).sum::<u64>() % super::SEMAPHORES;
            let key = format!("s{number}");
            template["synchronization"]["semaphores"] =
                json!([{"configMapKeyRef": {"name": SIZES, "key": key}}]);
            shown.push(format!("{SIZES}/{key}"));
        }
        template["metadata"]["annotations"][LOCKS] = shown.join(" ").into();
    }

    /// A template that serves until it is not needed any more.
    pub(super) fn daemon(&mut self) -> String {
        let mut template = self.pod(Prints::Nothing, "endless dies-in=500");
        template["daemon"] = true.into();
        template["metadata"]["annotations"][LOCKS] = DAEMON.into();
        self.add(template)
    }

    /// A template that waits: for a while, or, in a workflow that is not sure, for people.
    pub(super) fn pause(&mut self) -> String {
        let endless = !self.wish.sure && self.chance(30);
        let pause = if endless {
            json!({})
        } else {
            json!({"duration": (1 + self.below(30)).to_string()})
        };
        self.add(json!({"suspend": pause}))
    }
}
