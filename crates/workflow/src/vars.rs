//! The variables that tags and expressions may name, in layers.
//!
//! ```text
//!   locals   inputs.*, item.*, pod.name, retries ...   few, of one node
//!   refs     steps.NAME.* or tasks.NAME.*              one map for each node that is over
//!   globals  workflow.*                                of the workflow
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use argo::Artifact;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Var {
    /// A string, as all of Argo's variables are.
    Text(Arc<str>),
    /// An output of a node that was skipped or omitted, without a default: nil in expressions.
    Absent,
    /// An artifact.
    Artifact(Arc<Artifact>),
}

impl Var {
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }
}

/// Names and what they stand for.
pub(crate) type VarMap = BTreeMap<String, Var>;

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

    fn get(&self, key: &str) -> Option<&Var> {
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
}

impl Vars<'_> {
    /// What a name stands for.
    pub(crate) fn get(&self, key: &str) -> Option<&Var> {
        let local = self.locals.get(key);
        local
            .or_else(|| self.refs.and_then(|r| r.get(key)))
            .or_else(|| self.globals.get(key))
    }

    /// Every name an expression's text may mean, with what it stands for; outputs of steps that the text
    /// does not mention are left out, since there may be thousands.
    pub(crate) fn mentioned<'v>(&'v self, text: &str) -> Vec<(String, &'v Var)> {
        let mut all: Vec<(String, &Var)> = self.globals.iter().map(|(k, v)| (k.clone(), v)).collect();
        for refs in self.refs {
            let named = refs.by_name.iter().filter(|(name, _)| text.contains(name.as_str()));
            for (name, fields) in named {
                let full = |field: &str| format!("{}.{name}.{field}", refs.prefix);
                all.extend(fields.iter().map(|(field, var)| (full(field), var)));
            }
        }
        all.extend(self.locals.iter().map(|(k, v)| (k.clone(), v)));
        all
    }
}
