//! The variables that tags and expressions may name, in layers.
//!
//! ```text
//!   locals   inputs.*, item.*, pod.name, retries ...   few, of one node
//!   refs     steps.NAME.* or tasks.NAME.*              one map for each node that is over
//!   globals  workflow.*                                of the workflow
//! ```
//!
//! Text is a string; an output of a node that was skipped, and that has no default, is nil; an artifact is a
//! map.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo::Artifact;
use expr::lang::{Context, Value};
use expr::template::Scope;
use meta::Timestamp;

/// Names and what they stand for.
pub(crate) type VarMap = BTreeMap<String, Value>;

/// A variable that is text.
pub(crate) fn text(text: impl Into<Arc<str>>) -> Value {
    Value::string(text)
}

/// A variable that is an artifact.
pub(crate) fn artifact(artifact: &Artifact) -> Value {
    Value::from(serde_json::to_value(artifact).unwrap_or_default())
}

/// The artifact that a variable is.
pub(crate) fn as_artifact(value: &Value) -> Option<Artifact> {
    let Value::Map(_) = value else { return None };
    let json = expr::lang::to_json(value).ok()?;
    // Numbers of expressions are floats; a mode is an integer.
    let mut json: serde_json::Value = serde_json::from_str(&json).ok()?;
    if let Some(mode) = json.get_mut("mode") {
        let float = mode.as_f64().filter(|m| m.fract() == 0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a mode has few bits, and is whole"
        )]
        if let Some(float) = float {
            *mode = (float as i64).into();
        }
    }
    serde_json::from_value(json).ok()
}

/// The outputs of steps or tasks, by their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refs {
    /// `steps` or `tasks`.
    pub(crate) prefix: &'static str,
    /// By step: what follows `steps.NAME.`.
    pub(crate) by_name: BTreeMap<String, Arc<VarMap>>,
}

impl Refs {
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            by_name: BTreeMap::new(),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let rest = key.strip_prefix(self.prefix)?.strip_prefix('.')?;
        let (name, field) = rest.split_once('.')?;
        self.by_name.get(name)?.get(field)
    }
}

/// All layers; the first that has a name wins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vars<'a> {
    pub(crate) locals: &'a VarMap,
    pub(crate) refs: Option<&'a Refs>,
    pub(crate) globals: &'a VarMap,
    /// What `now()` answers.
    pub(crate) now: Timestamp,
}

impl Vars<'_> {
    /// What a name stands for.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        let local = self.locals.get(key);
        local
            .or_else(|| self.refs.and_then(|r| r.get(key)))
            .or_else(|| self.globals.get(key))
    }

    /// What an evaluation is given beside the variables.
    pub(crate) fn context(&self) -> Context<'static> {
        let mut context = Context::default();
        context.now = Some(self.now);
        context
    }
}

impl Scope for Vars<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        Vars::get(self, name)
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &Value)) {
        self.globals.iter().for_each(|(name, value)| visit(name, value));
        if let Some(refs) = self.refs {
            for (name, fields) in &refs.by_name {
                for (field, value) in fields.iter() {
                    visit(&format!("{}.{name}.{field}", refs.prefix), value);
                }
            }
        }
        self.locals.iter().for_each(|(name, value)| visit(name, value));
    }
}

/// The variables that substitution sees: text, and outputs that are absent, but no artifacts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a>(pub(crate) Vars<'a>);

impl Scope for Texts<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|v| is_text(v))
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &Value)) {
        self.0.each(&mut |name, value| {
            if is_text(value) {
                visit(name, value);
            }
        });
    }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Nil)
}
