//! What workflows may refer to, kept by namespace and handed out as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::workflow::contract::{ConfigMap, Library};
use ::workflow::locks::LockName;
use argo::WorkflowSpec;

/// The libraries of all namespaces. Maps are copied when they change, which is rare; their contents never.
#[derive(Default)]
pub(super) struct Shelves {
    /// The controller's own namespace.
    home: Option<String>,
    home_maps: BTreeMap<String, Arc<ConfigMap>>,
    namespaces: BTreeMap<String, Arc<Library>>,
    cluster: BTreeMap<String, Arc<WorkflowSpec>>,
}

impl Shelves {
    /// Empty ones, for a controller in this namespace.
    pub(super) fn of_home(home: Option<String>) -> Self {
        Self {
            home,
            ..Self::default()
        }
    }

    /// The library of a namespace.
    pub(super) fn library(&self, namespace: &str) -> Arc<Library> {
        let known = self.namespaces.get(namespace);
        known
            .cloned()
            .unwrap_or_else(|| fresh(&self.cluster, &self.home_maps))
    }

    /// Whether what changes in a namespace is seen by all.
    pub(super) fn is_home(&self, namespace: &str) -> bool {
        self.home.as_deref() == Some(namespace)
    }

    /// The size of a semaphore, if its ConfigMap says one.
    pub(super) fn size(&self, name: &LockName) -> Option<usize> {
        let LockName::Semaphore { namespace, map, key } = name else {
            return None;
        };
        let library = self.namespaces.get(namespace)?;
        library.config_maps.get(map)?.data.get(key)?.trim().parse().ok()
    }

    /// Puts a template on its namespace's shelf, or takes it away.
    pub(super) fn set_template(&mut self, namespace: &str, name: &str, spec: Option<Arc<WorkflowSpec>>) {
        set(&mut self.of(namespace).templates, name, spec);
    }

    /// Puts a ConfigMap on its namespace's shelf, or takes it away. Whether that changed anything.
    pub(super) fn set_config_map(
        &mut self,
        namespace: &str,
        name: &str,
        map: Option<Arc<ConfigMap>>,
    ) -> bool {
        let known = self
            .namespaces
            .get(namespace)
            .and_then(|l| l.config_maps.get(name));
        if known == map.as_ref() {
            return false;
        }
        if self.is_home(namespace) {
            set(&mut self.home_maps, name, map.clone());
            for library in self.namespaces.values_mut() {
                set(&mut Arc::make_mut(library).home_maps, name, map.clone());
            }
        }
        set(&mut self.of(namespace).config_maps, name, map);
        true
    }

    /// Puts a template on every shelf, or takes it away.
    pub(super) fn set_cluster_template(&mut self, name: &str, spec: Option<&Arc<WorkflowSpec>>) {
        set(&mut self.cluster, name, spec.cloned());
        for library in self.namespaces.values_mut() {
            set(&mut Arc::make_mut(library).cluster_templates, name, spec.cloned());
        }
    }

    fn of(&mut self, namespace: &str) -> &mut Library {
        let fresh = || fresh(&self.cluster, &self.home_maps);
        Arc::make_mut(self.namespaces.entry(namespace.to_owned()).or_insert_with(fresh))
    }
}

/// The library of a namespace that has nothing of its own.
fn fresh(
    cluster: &BTreeMap<String, Arc<WorkflowSpec>>,
    home_maps: &BTreeMap<String, Arc<ConfigMap>>,
) -> Arc<Library> {
    Arc::new(Library {
        cluster_templates: cluster.clone(),
        home_maps: home_maps.clone(),
        ..Library::default()
    })
}

fn set<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    match value {
        Some(value) => {
            map.insert(name.to_owned(), value);
        }
        None => {
            map.remove(name);
        }
    }
}
