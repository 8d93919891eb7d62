//! The registry: one row per kind, and everything the server knows about a kind is in its row.
//!
//! ```text
//!   path ──> (group, version, plural) ──> Row { names, scope, subresources, columns, strategy, schema }
//!                 ^                              │
//!        built-in rows, rows of CRDs             └──> the generic verbs
//! ```
//!
//! Built-in rows are in [`core`]; a CustomResourceDefinition adds rows at run time ([`custom`]).

mod core;
mod custom;
mod fields;
mod row;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::status::ApiError;

pub(crate) use fields::FieldSelector;
pub use row::Row;
pub(crate) use row::{CRD_GROUP, CRD_PLURAL, Columns, NameRule};

/// Rows by group, version and plural: nested, so that looking one up allocates nothing.
type Index = BTreeMap<String, BTreeMap<String, BTreeMap<String, Arc<Row>>>>;

/// All rows there are now. Readers take a snapshot; CRDs replace it.
pub(crate) struct Registry {
    builtin: Vec<Arc<Row>>,
    index: RwLock<Arc<Index>>,
}

impl Registry {
    /// The built-in rows.
    pub(crate) fn new() -> Self {
        let builtin: Vec<Arc<Row>> = core::rows().into_iter().map(Arc::new).collect();
        let index = RwLock::new(Arc::new(index_of(&builtin)));
        Self { builtin, index }
    }

    /// The row of a resource.
    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Row>> {
        self.index().get(group)?.get(version)?.get(plural).cloned()
    }

    /// The row of a kind.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<Arc<Row>> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let index = self.index();
        let mut rows = index.get(group)?.get(version)?.values();
        rows.find(|row| row.kind == kind).cloned()
    }

    /// Every row, by group, version and plural.
    pub(crate) fn rows(&self) -> Vec<Arc<Row>> {
        let index = self.index();
        let versions = index.values().flat_map(BTreeMap::values);
        versions.flat_map(BTreeMap::values).cloned().collect()
    }

    /// Every row that stores objects, once: kinds served in several versions share a prefix.
    pub(crate) fn stored(&self) -> Vec<Arc<Row>> {
        let mut rows: BTreeMap<String, Arc<Row>> = BTreeMap::new();
        for row in self.rows() {
            rows.entry(row.prefix.clone()).or_insert(row);
        }
        rows.into_values().collect()
    }

    /// Replaces the rows that CRDs added by those of the CRDs that `list` finds.
    ///
    /// The list is made under the lock: of two writers, the later list wins.
    pub(crate) fn set_crds(
        &self,
        list: impl FnOnce() -> Result<Vec<serde_json::Value>, ApiError>,
    ) -> Result<(), ApiError> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        let crds = list()?;
        let custom = crds.iter().flat_map(custom::rows).map(Arc::new);
        let rows: Vec<Arc<Row>> = self.builtin.iter().cloned().chain(custom).collect();
        *index = Arc::new(index_of(&rows));
        Ok(())
    }

    fn index(&self) -> Arc<Index> {
        Arc::clone(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn index_of(rows: &[Arc<Row>]) -> Index {
    let mut index = Index::new();
    for row in rows {
        let versions = index.entry(row.group.clone()).or_default();
        let plurals = versions.entry(row.version.clone()).or_default();
        plurals.insert(row.plural.clone(), Arc::clone(row));
    }
    index
}
