//! `memoize`: outputs of an earlier run with the same key stand for a run. They are kept in ConfigMaps.
//! Rule: workflow/controller/operator.go, `executeTemplate`, and workflow/controller/cache.
//!
//! ```text
//!   call --> entry in the ConfigMap, young enough --> node Succeeded with its outputs; the entry's last hit is noted
//!        --> none                                 --> the work is done --> Succeeded --> entry written --> patch
//! ```
//!
//! Whether there was an entry depends on time and on others, so the node says which it was before anything follows.

use argo::status::MemoizationStatus;
use argo::{Outputs, Template, Time};
use serde::{Deserialize, Serialize};

use super::nodes::Ix;
use super::plan::Call;
use super::{Machine, mark, whole_seconds};
use crate::contract::{CONFIG_MAP_OF_ENTRIES, Effect, LABEL_CONFIG_MAP_TYPE};
use crate::phase::{self, PENDING, SUCCEEDED, kind};

/// What a ConfigMap holds under a key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    #[serde(rename = "nodeID")]
    node_id: String,
    outputs: Option<Outputs>,
    creation_timestamp: Option<Time>,
    last_hit_timestamp: Option<Time>,
}

/// What comes of looking for an entry.
pub(super) enum Recalled {
    /// There is one: the node is over.
    Hit(Ix),
    /// There is none, or it was not asked for now: the work is to be done, on the node if there is one.
    Work(Option<Ix>),
}

impl Machine {
    /// Looks for outputs of an earlier run, where the template wants that and its node has not said yet whether there
    /// are any.
    ///
    /// # Errors
    /// A key or a ConfigMap that cannot be used, in Argo's words.
    pub(super) fn recall(
        &mut self,
        call: &Call,
        known: Option<Ix>,
        template: &Template,
    ) -> Result<Recalled, String> {
        let Some(memoize) = &template.memoize else {
            return Ok(Recalled::Work(known));
        };
        let decided = |ix: Ix| self.nodes.status(ix).memoization_status.is_some();
        if known.is_some_and(decided) {
            return Ok(Recalled::Work(known));
        }
        let mut status = super::call::not_recalled(memoize);
        let entry = self.entry(&status.cache_name, &memoize.key)?;
        let entry = self.young_enough(entry, &memoize.max_age)?;
        status.hit = entry.is_some();
        let ix = known.unwrap_or_else(|| self.executable(call, self.kind_of(template), PENDING, template));
        let Some(entry) = entry else {
            self.apply(ix, |node, _| node.memoization_status = Some(status));
            return Ok(Recalled::Work(Some(ix)));
        };
        self.note_hit(&status, entry.clone());
        self.apply(ix, |node, now| {
            node.memoization_status = Some(status);
            node.outputs = entry.outputs;
            mark(node, now, SUCCEEDED, None);
        });
        Ok(Recalled::Hit(ix))
    }

    /// What is kept under a key: what this machine wrote, or else what was last seen.
    fn entry(&self, cache: &str, key: &str) -> Result<Option<Entry>, String> {
        if !is_key(key) {
            return Err(format!("invalid cache key: {key}"));
        }
        let written = self.memos.get(&(cache.to_owned(), key.to_owned())).cloned();
        let library = self.library();
        let seen = match library.config_maps.get(cache) {
            Some(map) => {
                usable(&map.kind)?;
                map.data.get(key).cloned()
            }
            None => None,
        };
        let Some(text) = written.or(seen).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let entry: Entry = serde_json::from_str(&text).map_err(|error| {
            format!("malformed cache entry: could not unmarshal JSON; unable to parse: {error}")
        })?;
        Ok(Some(entry).filter(|entry| !entry.node_id.is_empty()))
    }

    fn young_enough(&self, entry: Option<Entry>, max_age: &str) -> Result<Option<Entry>, String> {
        if max_age.is_empty() {
            return Ok(entry);
        }
        let max_age = meta::duration::parse(max_age).map_err(|error| format!("invalid maxAge: {error}"))?;
        let age = |entry: &Entry| {
            entry
                .creation_timestamp
                .map(|created| self.now.duration_since(created.0))
        };
        Ok(entry.filter(|entry| age(entry).is_some_and(|age| age <= max_age)))
    }

    fn note_hit(&mut self, status: &MemoizationStatus, mut entry: Entry) {
        entry.last_hit_timestamp = Some(whole_seconds(self.now));
        self.keep_entry(status, &entry);
    }

    /// Keeps the outputs of a node that succeeded, if they were looked for before it ran. Of a retried step it is the
    /// attempt whose outputs are kept.
    pub(super) fn memorize(&mut self, ix: Ix) {
        let node = self.nodes.status(ix);
        let Some(status) = node.memoization_status.clone().filter(|status| !status.hit) else {
            return;
        };
        let does_work = [kind::POD, kind::HTTP, kind::STEPS, kind::DAG].contains(&node.r#type.as_str());
        if !does_work || node.phase != SUCCEEDED {
            return;
        }
        let now = Some(whole_seconds(self.now));
        let entry = Entry {
            node_id: node.id.clone(),
            outputs: node.outputs.clone(),
            creation_timestamp: now,
            last_hit_timestamp: now,
        };
        self.keep_entry(&status, &entry);
    }

    fn keep_entry(&mut self, status: &MemoizationStatus, entry: &Entry) {
        let Ok(text) = serde_json::to_string(entry) else {
            return;
        };
        let place = (status.cache_name.clone(), status.key.clone());
        self.memos.insert(place, text.clone());
        self.out.keep(Effect::KeepEntry {
            config_map: status.cache_name.clone(),
            key: status.key.clone(),
            entry: text,
        });
    }

    /// Whether a node's outputs come from an earlier run: it has no children then, whatever its type.
    pub(super) fn was_recalled(&self, ix: Ix) -> bool {
        let status = self.nodes.status(ix);
        phase::over(&status.phase)
            && status
                .memoization_status
                .as_ref()
                .is_some_and(|status| status.hit)
    }
}

/// Whether entries may be kept in a ConfigMap of this kind.
fn usable(kind: &str) -> Result<(), String> {
    match kind {
        CONFIG_MAP_OF_ENTRIES => Ok(()),
        "" => Err(format!(
            "memoization configmap doesn't have {LABEL_CONFIG_MAP_TYPE} label, refusing to use it"
        )),
        _ => Err(format!(
            "memoization configmap doesn't have label {LABEL_CONFIG_MAP_TYPE} = {CONFIG_MAP_OF_ENTRIES}, refusing to use it"
        )),
    }
}

/// `^[a-zA-Z0-9][-a-zA-Z0-9]*$`
fn is_key(key: &str) -> bool {
    !key.starts_with('-') && !key.is_empty() && key.chars().all(|c| c == '-' || c.is_ascii_alphanumeric())
}
