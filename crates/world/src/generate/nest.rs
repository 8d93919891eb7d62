//! Templates that call others, and the settings of a workflow.

use meta::seeded::Seeded;
use serde_json::{Value, json};

use super::Wish;
use super::leaf::Prints;

/// Makes the templates of one workflow.
pub(super) struct Maker {
    pub(super) workflow: String,
    pub(super) wish: Wish,
    random: Seeded,
    /// Pods that may still be made.
    pub(super) budget: u64,
    pub(super) templates: Vec<Value>,
}

/// A step or task under construction, and what later ones may know of it.
struct Call {
    value: Value,
    prints: Prints,
    /// Whether it is several, so that its result is a list of results.
    loops: bool,
}

impl Maker {
    pub(super) fn new(workflow: &str, wish: Wish, random: Seeded) -> Self {
        Self {
            workflow: workflow.to_owned(),
            budget: wish.size.max(1),
            wish,
            random,
            templates: Vec::new(),
        }
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    pub(super) fn pick(&mut self, bound: u64) -> usize {
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.random.chance(percent)
    }

    /// Adds a template under a name of its own.
    pub(super) fn add(&mut self, mut template: Value) -> String {
        let name = format!("t{}", self.templates.len());
        template["name"] = name.clone().into();
        self.templates.push(template);
        name
    }

    /// A template that nests this deep at most.
    pub(super) fn template(&mut self, depth: u64) -> String {
        if depth == 0 || self.budget <= 1 {
            return if self.chance(6) {
                self.pause()
            } else {
                self.leaf(Prints::Nothing)
            };
        }
        match self.below(10) {
            0..4 => self.steps(depth - 1),
            4..8 => self.dag(depth - 1),
            8 => self.recursion(depth - 1),
            _ => self.leaf(Prints::Nothing),
        }
    }

    fn steps(&mut self, depth: u64) -> String {
        let (mut groups, mut calls) = (Vec::new(), Vec::<Call>::new());
        for group in 0..=self.below(4) {
            let mut steps = Vec::new();
            let before = calls.len();
            for step in 0..=self.below(3) {
                let name = format!("g{group}s{step}");
                let mut call = self.call(&name, depth);
                self.use_earlier(&mut call, &calls[..before], "steps");
                steps.push(call.value.clone());
                calls.push(call);
            }
            groups.push(json!(steps));
        }
        let mut template = json!({"steps": groups});
        self.limits(&mut template);
        self.add(template)
    }

    fn dag(&mut self, depth: u64) -> String {
        let mut calls = Vec::<Call>::new();
        for task in 0..=(1 + self.below(5)) {
            let mut call = self.call(&format!("k{task}"), depth);
            // Where tasks use `depends`, Argo has them say there what may fail.
            if let Some(fields) = call.value.as_object_mut() {
                fields.remove("continueOn");
            }
            self.use_earlier(&mut call, &calls, "tasks");
            calls.push(call);
        }
        let tasks: Vec<Value> = calls.into_iter().map(|call| call.value).collect();
        let mut template = json!({"dag": {"tasks": tasks}});
        if self.wish.sure || self.chance(30) {
            template["dag"]["failFast"] = false.into();
        }
        self.limits(&mut template);
        self.add(template)
    }

    /// A template that calls itself a few times.
    fn recursion(&mut self, depth: u64) -> String {
        let inner = self.template(depth.min(1));
        let own = format!("t{}", self.templates.len());
        let again = json!({"name": "again", "template": own, "when": "{{inputs.parameters.left}} > 0",
            "arguments": {"parameters": [{"name": "left", "value": "{{=asInt(inputs.parameters.left) - 1}}"}]}});
        let left = self.below(4).to_string();
        self.budget = self.budget.saturating_sub(3);
        self.add(
            json!({"inputs": {"parameters": [{"name": "left", "value": left}]},
            "steps": [[{"name": "work", "template": inner}], [again]]}),
        )
    }

    fn limits(&mut self, template: &mut Value) {
        if self.chance(15) {
            template["parallelism"] = (1 + self.below(3)).into();
        }
        if !self.wish.sure && self.chance(6) {
            template["failFast"] = true.into();
        }
        if self.chance(6) {
            template["retryStrategy"] = self.retry();
        }
    }

    /// A call of something.
    fn call(&mut self, name: &str, depth: u64) -> Call {
        let prints = match self.below(10) {
            0 => Prints::List,
            1 => Prints::Number,
            _ => Prints::Nothing,
        };
        let mut value = json!({"name": name});
        let library = prints == Prints::Nothing && self.chance(8);
        if library {
            let template = ["one", "two"][self.pick(2)];
            value["templateRef"] = self.reference(template);
        } else if prints == Prints::Nothing {
            let template = if self.chance(3) {
                self.daemon()
            } else {
                self.template(depth)
            };
            value["template"] = template.into();
        } else {
            value["template"] = self.leaf(prints).into();
        }
        let mut call = Call {
            value,
            prints,
            loops: false,
        };
        self.loops(&mut call);
        self.conditions(&mut call);
        call
    }

    fn reference(&mut self, template: &str) -> Value {
        if self.chance(50) {
            json!({"name": "shared", "template": template, "clusterScope": true})
        } else {
            json!({"name": "library", "template": template})
        }
    }

    fn loops(&mut self, call: &mut Call) {
        if call.prints == Prints::List || !self.chance(12) {
            return;
        }
        let count = 1 + self.below(self.budget.clamp(1, 6));
        call.loops = true;
        if self.chance(50) {
            call.value["withItems"] = (0..count).map(|i| i * i).collect();
        } else {
            call.value["withSequence"] = json!({"count": count.to_string()});
        }
        call.value["arguments"] = json!({"parameters": [{"name": "x", "value": "{{item}}"}]});
        self.budget = self.budget.saturating_sub(count);
    }

    fn conditions(&mut self, call: &mut Call) {
        if self.chance(20) {
            call.value["continueOn"] = json!({"failed": true, "error": true});
        }
        if self.chance(5) {
            let template = self.leaf(Prints::Nothing);
            call.value["hooks"]["exit"] = json!({"template": template});
        }
        if !self.wish.sure && self.chance(3) && !call.loops {
            let template = self.leaf(Prints::Nothing);
            call.value["hooks"]["soon"] =
                json!({"template": template, "expression": "workflow.status == \"Running\""});
        }
    }

    /// Lets a call depend on earlier ones and use what they gave.
    fn use_earlier(&mut self, call: &mut Call, earlier: &[Call], scope: &str) {
        if earlier.is_empty() {
            return;
        }
        let first = self.pick(earlier.len() as u64);
        let other = self.pick(earlier.len() as u64);
        let (first, other) = (&earlier[first], &earlier[other]);
        let name = |call: &Call| call.value["name"].as_str().unwrap_or_default().to_owned();
        let depends = scope == "tasks";
        if depends && self.chance(80) {
            let (a, b) = (name(first), name(other));
            let forms = [
                a.clone(),
                format!("{a} && {b}"),
                format!("{a} || {b}"),
                format!("{a}.Succeeded || {a}.Failed"),
                format!("({a}.Succeeded || {a}.Skipped || {a}.Failed || {a}.Errored) && {b}"),
                format!("{a} && !{b}.Failed"),
            ];
            call.value["depends"] = forms[self.pick(forms.len() as u64)].clone().into();
        }
        // A task may only use what it surely comes after.
        let surely = !depends || call.value["depends"] == name(first);
        if surely && !first.loops {
            self.use_result(call, first, scope);
        }
    }

    fn use_result(&mut self, call: &mut Call, first: &Call, scope: &str) {
        let result = format!(
            "{scope}.{}.outputs.result",
            first.value["name"].as_str().unwrap_or_default()
        );
        // What a call that is skipped or forgiven would have printed is waited for for ever.
        if first.value["continueOn"].is_object() || first.value["when"].is_string() {
            return;
        }
        match first.prints {
            Prints::List if !call.loops => {
                call.value["withParam"] = format!("{{{{{result}}}}}").into();
                call.value["arguments"] = json!({"parameters": [{"name": "x", "value": "{{item}}"}]});
                call.loops = true;
                self.budget = self.budget.saturating_sub(3);
            }
            Prints::Number if self.chance(60) => {
                call.value["when"] = format!("{{{{{result}}}}} > {}", self.below(100)).into();
            }
            _ => {}
        }
    }

    /// The settings of the workflow as a whole.
    pub(super) fn settings(&mut self, spec: &mut Value) {
        if self.chance(20) {
            spec["parallelism"] = (1 + self.below(6)).into();
        }
        if self.chance(20) {
            spec["onExit"] = self.leaf(Prints::Nothing).into();
        }
        if self.chance(20) {
            let strategies = [
                "OnPodCompletion",
                "OnPodSuccess",
                "OnWorkflowCompletion",
                "OnWorkflowSuccess",
            ];
            spec["podGC"] = json!({"strategy": strategies[self.pick(4)]});
        }
        if self.chance(8) {
            spec["volumeClaimTemplates"] = json!([{"metadata": {"name": "room"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}}]);
        }
        if self.wish.sure {
            return;
        }
        if self.chance(10) {
            spec["activeDeadlineSeconds"] = (5 + self.below(60)).into();
        }
        if self.chance(5) {
            spec["suspend"] = true.into();
        }
        if self.chance(5) {
            let template = self.leaf(Prints::Nothing);
            spec["hooks"]["soon"] =
                json!({"template": template, "expression": "workflow.status == \"Running\""});
        }
    }
}
