//! The built-in rows. Adding a kind is adding a row here; what nothing runs is left out.

use std::sync::OnceLock;

use super::row::{CRD_GROUP, CRD_PLURAL, Columns, NameRule, Row, RowSchema, Strategy, Subresources, prefix};
use crate::strategy::{claim, config, namespace, pod};
use crate::table::columns;

/// A built-in row in short form.
struct Short {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
    namespaced: bool,
    subresources: Subresources,
    columns: Columns,
    strategy: Strategy,
}

impl Short {
    fn new(kind: &'static str, plural: &'static str, short_names: &'static [&'static str]) -> Self {
        Self {
            group: "",
            version: "v1",
            kind,
            plural,
            short_names,
            categories: &[],
            namespaced: true,
            subresources: Subresources::default(),
            columns: Columns::Age,
            strategy: Strategy::default(),
        }
    }

    fn group(mut self, group: &'static str) -> Self {
        self.group = group;
        self
    }

    fn cluster(mut self) -> Self {
        self.namespaced = false;
        self
    }

    fn categories(mut self, categories: &'static [&'static str]) -> Self {
        self.categories = categories;
        self
    }

    fn columns(mut self, columns: &'static [crate::table::Column]) -> Self {
        self.columns = Columns::Builtin(columns);
        self
    }

    fn status(mut self) -> Self {
        self.subresources.status = true;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn row(self) -> Row {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let api_version = if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        };
        Row {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            list_kind: format!("{}List", self.kind),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            short_names: owned(self.short_names),
            categories: owned(self.categories),
            namespaced: self.namespaced,
            stored_api_version: api_version.clone(),
            api_version,
            prefix: prefix(self.group, self.plural),
            subresources: self.subresources,
            columns: self.columns,
            strategy: self.strategy,
            schema: RowSchema::Typed(OnceLock::new()),
            custom_schema: None,
            custom: false,
        }
    }
}

/// Every built-in row.
pub(super) fn rows() -> Vec<Row> {
    let rows = workloads().into_iter().chain(configuration()).chain(cluster());
    rows.map(Short::row).collect()
}

fn workloads() -> Vec<Short> {
    vec![
        Short::new("Pod", "pods", &["po"])
            .categories(&["all"])
            .columns(columns::POD)
            .status()
            .with(|row| {
                row.subresources.binding = true;
                row.subresources.eviction = true;
                row.subresources.log = true;
                row.subresources.streams = true;
                row.strategy = Strategy {
                    generation: true,
                    graceful: true,
                    returns_deleted: true,
                    default: pod::default,
                    prepare: pod::prepare,
                    validate: pod::validate,
                    validate_update: pod::validate_update,
                    fields: pod::FIELDS,
                    ..Strategy::default()
                };
            }),
        Short::new("Event", "events", &["ev"])
            .columns(columns::EVENT)
            .with(|row| {
                row.strategy.fields = config::EVENT_FIELDS;
                row.strategy.default = config::default_event;
                row.strategy.validate = config::validate_event;
                row.strategy.ttl = Some(config::EVENT_TTL);
            }),
        Short::new("Lease", "leases", &[])
            .group("coordination.k8s.io")
            .columns(columns::LEASE)
            .with(|row| {
                row.strategy.unconditional_update = false;
                row.strategy.validate = config::validate_lease;
            }),
        Short::new("PodDisruptionBudget", "poddisruptionbudgets", &["pdb"])
            .group("policy")
            .columns(columns::DISRUPTION_BUDGET)
            .status()
            .with(|row| {
                row.strategy.generation = true;
                row.strategy.unconditional_update = false;
                row.strategy.prepare = config::prepare_budget;
                row.strategy.validate = config::validate_budget;
            }),
    ]
}

fn configuration() -> Vec<Short> {
    vec![
        Short::new("ConfigMap", "configmaps", &["cm"])
            .columns(columns::CONFIG_MAP)
            .with(|row| {
                row.strategy.default = config::default_config_map;
                row.strategy.validate = config::validate_config_map;
                row.strategy.validate_update = config::validate_immutable;
            }),
        Short::new("Secret", "secrets", &[])
            .columns(columns::SECRET)
            .with(|row| {
                row.strategy.default = config::default_secret;
                row.strategy.validate = config::validate_secret;
                row.strategy.validate_update = config::validate_secret_update;
                row.strategy.fields = &["type"];
            }),
        Short::new("ServiceAccount", "serviceaccounts", &["sa"]).with(|row| {
            row.subresources.token = true;
            row.strategy.unconditional_update = false;
            row.strategy.returns_deleted = true;
        }),
        Short::new("Service", "services", &["svc"])
            .categories(&["all"])
            .columns(columns::SERVICE)
            .status()
            .with(|row| {
                row.strategy.name = NameRule::Label;
                row.strategy.returns_deleted = true;
                row.strategy.default = config::default_service;
                row.strategy.prepare = config::prepare_service;
                row.strategy.validate = config::validate_service;
            }),
        Short::new("PersistentVolumeClaim", "persistentvolumeclaims", &["pvc"])
            .columns(columns::CLAIM)
            .status()
            .with(|row| {
                row.strategy.returns_deleted = true;
                row.strategy.default = claim::default;
                row.strategy.prepare = claim::prepare;
                row.strategy.validate = claim::validate;
                row.strategy.validate_update = claim::validate_update;
            }),
    ]
}

fn cluster() -> Vec<Short> {
    vec![
        Short::new("Namespace", "namespaces", &["ns"])
            .cluster()
            .columns(columns::NAMESPACE)
            .status()
            .with(|row| {
                row.subresources.finalize = true;
                row.strategy.name = NameRule::Label;
                row.strategy.returns_deleted = true;
                row.strategy.default = namespace::default;
                row.strategy.prepare = namespace::prepare;
                row.strategy.validate_status = namespace::validate_status;
                row.strategy.fields = &["status.phase"];
            }),
        Short::new("Node", "nodes", &["no"])
            .cluster()
            .columns(columns::NODE)
            .status()
            .with(|row| {
                row.strategy.fields = &["spec.unschedulable"];
                row.strategy.prepare = config::prepare_node;
                row.strategy.validate = config::validate_node;
            }),
        Short::new("PersistentVolume", "persistentvolumes", &["pv"])
            .cluster()
            .columns(columns::VOLUME)
            .status()
            .with(|row| {
                row.strategy.returns_deleted = true;
                row.strategy.prepare = claim::prepare_volume;
                row.strategy.validate = claim::validate_volume;
            }),
        Short::new("CustomResourceDefinition", CRD_PLURAL, &["crd", "crds"])
            .group(CRD_GROUP)
            .cluster()
            .categories(&["api-extensions"])
            .columns(columns::CRD)
            .status()
            .with(|row| {
                row.strategy.generation = true;
                row.strategy.default = super::custom::default;
                row.strategy.unconditional_update = false;
                row.strategy.prepare = super::custom::accept;
                row.strategy.validate = super::custom::validate;
                row.strategy.validate_update = super::custom::validate_update;
            }),
    ]
}
