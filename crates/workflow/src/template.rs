//! What kind of work a template is, and where templates are found.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo::template::TemplateRef;
use argo::{Template, WorkflowSpec};

use crate::contract::Library;

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Container,
    Script,
    ContainerSet,
    Resource,
    Data,
    Steps,
    Dag,
    Suspend,
    Http,
    Plugin,
}

/// The kind of a template's work; none if it says nothing.
pub(crate) fn work(template: &Template) -> Option<Work> {
    let kinds = [
        (template.container.is_some(), Work::Container),
        (template.container_set.is_some(), Work::ContainerSet),
        (!template.steps.is_empty(), Work::Steps),
        (template.dag.is_some(), Work::Dag),
        (template.script.is_some(), Work::Script),
        (template.resource.is_some(), Work::Resource),
        (template.data.is_some(), Work::Data),
        (template.suspend.is_some(), Work::Suspend),
        (template.http.is_some(), Work::Http),
        (template.plugin.is_some(), Work::Plugin),
    ];
    kinds.into_iter().find(|(is, _)| *is).map(|(_, work)| work)
}

impl Work {
    /// Whether a pod of its own does the work.
    pub(crate) fn is_pod(self) -> bool {
        matches!(
            self,
            Self::Container | Self::Script | Self::ContainerSet | Self::Resource | Self::Data
        )
    }
}

/// How a step, task, hook or workflow names the template that it calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Holder {
    /// Name of the step or task.
    pub(crate) name: String,
    /// Name of a template of the same object.
    pub(crate) template: String,
    /// A template of another object.
    pub(crate) reference: Option<TemplateRef>,
    /// The template itself.
    pub(crate) inline: Option<Arc<Template>>,
}

impl Holder {
    /// By name only.
    pub(crate) fn named(template: &str) -> Self {
        Self {
            template: template.to_owned(),
            ..Self::default()
        }
    }
}

/// The object whose templates a name is looked up in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The workflow itself.
    Local,
    /// A WorkflowTemplate.
    Namespaced(String),
    /// A ClusterWorkflowTemplate.
    Cluster(String),
}

impl Base {
    /// As `templateScope` of a node shows it. A workflow that runs a referenced spec has no name there.
    pub(crate) fn scope(&self, workflow: &str) -> String {
        match self {
            Self::Local => format!("local/{workflow}"),
            Self::Namespaced(name) => format!("namespaced/{name}"),
            Self::Cluster(name) => format!("cluster/{name}"),
        }
    }

    /// The base that `templateScope` of a node shows.
    pub(crate) fn from_scope(scope: &str) -> Self {
        match scope.split_once('/') {
            Some(("namespaced", name)) => Self::Namespaced(name.to_owned()),
            Some(("cluster", name)) => Self::Cluster(name.to_owned()),
            None if !scope.is_empty() => Self::Namespaced(scope.to_owned()),
            _ => Self::Local,
        }
    }

    fn of(reference: &TemplateRef) -> Self {
        if reference.cluster_scope {
            Self::Cluster(reference.name.clone())
        } else {
            Self::Namespaced(reference.name.clone())
        }
    }
}

/// Templates by name, of the workflow and of what it refers to; those of others are kept in
/// `status.storedTemplates`, so that a change of theirs does not change a workflow that runs.
#[derive(Debug)]
pub(crate) struct Templates {
    pub(crate) spec: Arc<WorkflowSpec>,
    local: BTreeMap<String, Arc<Template>>,
    stored: BTreeMap<String, Arc<Template>>,
    /// Stored since the status was last written.
    pub(crate) newly_stored: Vec<(String, Arc<Template>)>,
    pub(crate) library: Arc<Library>,
}

impl Templates {
    pub(crate) fn new(
        spec: Arc<WorkflowSpec>,
        stored: &BTreeMap<String, Template>,
        library: Arc<Library>,
    ) -> Self {
        let mut local = BTreeMap::new();
        for template in &spec.templates {
            local
                .entry(template.name.clone())
                .or_insert_with(|| Arc::new(with_metadata(template, &spec)));
        }
        let stored = stored
            .iter()
            .map(|(k, t)| (k.clone(), Arc::new(t.clone())))
            .collect();
        Self {
            spec,
            local,
            stored,
            newly_stored: Vec::new(),
            library,
        }
    }

    /// The template that a holder calls, the base for names inside it, with defaults merged in.
    pub(crate) fn resolve(&mut self, base: &Base, holder: &Holder) -> Result<(Base, Arc<Template>), String> {
        let key = storage_key(base, holder);
        let stored = key.as_ref().and_then(|k| self.stored.get(k)).cloned();
        let template = match stored {
            Some(template) => template,
            None => {
                let found = self.find(base, holder)?;
                if let Some(key) = key {
                    self.store(key, &found);
                }
                self.store_inline(base, holder, &found);
                found
            }
        };
        if work(&template).is_none() {
            return Err(format!("template '{}' type is unknown", template.name));
        }
        let inner = holder.reference.as_ref().map_or_else(|| base.clone(), Base::of);
        Ok((inner, self.with_defaults(template)?))
    }

    fn store(&mut self, key: String, template: &Arc<Template>) {
        if !self.stored.contains_key(&key) {
            self.stored.insert(key.clone(), template.clone());
            self.newly_stored.push((key, template.clone()));
        }
    }

    /// Inline templates inside a template of another object are stored with it.
    fn store_inline(&mut self, base: &Base, holder: &Holder, template: &Arc<Template>) {
        let base = holder.reference.as_ref().map_or_else(|| base.clone(), Base::of);
        if base == Base::Local {
            return;
        }
        let scope = base.scope("");
        let steps = template.steps.iter().flatten().map(|s| (&s.name, &s.inline));
        let tasks = template
            .dag
            .iter()
            .flat_map(|d| &d.tasks)
            .map(|t| (&t.name, &t.inline));
        let inline: Vec<(String, Arc<Template>)> = steps
            .chain(tasks)
            .filter_map(|(name, inline)| {
                let inline = inline.as_deref()?;
                Some((format!("{scope}/inline/{name}"), Arc::new(inline.clone())))
            })
            .collect();
        for (key, template) in inline {
            self.store(key, &template);
        }
    }

    fn find(&self, base: &Base, holder: &Holder) -> Result<Arc<Template>, String> {
        if let Some(inline) = &holder.inline {
            return Ok(inline.clone());
        }
        if let Some(reference) = &holder.reference {
            return self.find_reference(reference);
        }
        if holder.template.is_empty() {
            return Err("failed to get a template".to_owned());
        }
        let missing = || format!("template {} not found", holder.template);
        match base {
            Base::Local => self.local.get(&holder.template).cloned().ok_or_else(missing),
            Base::Namespaced(_) | Base::Cluster(_) => {
                let spec = self.spec_of(base)?;
                named(spec, &holder.template).ok_or_else(missing)
            }
        }
    }

    fn find_reference(&self, reference: &TemplateRef) -> Result<Arc<Template>, String> {
        let spec = self.spec_of(&Base::of(reference))?;
        named(spec, &reference.template).ok_or_else(|| {
            let TemplateRef { name, template, .. } = reference;
            format!("template {template} not found in workflow template {name}")
        })
    }

    fn spec_of(&self, base: &Base) -> Result<&WorkflowSpec, String> {
        let (found, name) = match base {
            Base::Local => return Ok(&self.spec),
            Base::Namespaced(name) => (self.library.templates.get(name), name),
            Base::Cluster(name) => (self.library.cluster_templates.get(name), name),
        };
        found
            .map(Arc::as_ref)
            .ok_or_else(|| format!("workflow template {name} not found"))
    }

    /// `templateDefaults` under the template; defaults for another kind of work do not apply.
    fn with_defaults(&self, template: Arc<Template>) -> Result<Arc<Template>, String> {
        let Some(defaults) = &self.spec.template_defaults else {
            return Ok(template);
        };
        let mut defaults = (**defaults).clone();
        let kind = work(&template);
        let mut unless = |work, clear: &mut dyn FnMut(&mut Template)| {
            if kind != Some(work) {
                clear(&mut defaults);
            }
        };
        unless(Work::Container, &mut |t| t.container = None);
        unless(Work::Script, &mut |t| t.script = None);
        unless(Work::ContainerSet, &mut |t| t.container_set = None);
        unless(Work::Resource, &mut |t| t.resource = None);
        unless(Work::Data, &mut |t| t.data = None);
        unless(Work::Suspend, &mut |t| t.suspend = None);
        unless(Work::Dag, &mut |t| t.dag = None);
        unless(Work::Http, &mut |t| t.http = None);
        unless(Work::Plugin, &mut |t| t.plugin = None);
        unless(Work::Steps, &mut |t| t.steps.clear());
        crate::merge::over(&defaults, &template).map(Arc::new)
    }
}

fn named(spec: &WorkflowSpec, name: &str) -> Option<Arc<Template>> {
    let template = spec.templates.iter().find(|t| t.name == name)?;
    Some(Arc::new(with_metadata(template, spec)))
}

/// `podMetadata` of the spec under the template's own.
fn with_metadata(template: &Template, spec: &WorkflowSpec) -> Template {
    let mut template = template.clone();
    if let Some(common) = &spec.pod_metadata {
        let own = template.metadata.get_or_insert_default();
        for (key, value) in &common.labels {
            own.labels.entry(key.clone()).or_insert_with(|| value.clone());
        }
        for (key, value) in &common.annotations {
            own.annotations
                .entry(key.clone())
                .or_insert_with(|| value.clone());
        }
    }
    template
}

/// Where a template is kept in `status.storedTemplates`; templates of the workflow itself are not.
fn storage_key(base: &Base, holder: &Holder) -> Option<String> {
    if let Some(reference) = &holder.reference {
        return Some(format!(
            "{}/{}",
            Base::of(reference).scope(""),
            reference.template
        ));
    }
    if *base == Base::Local {
        return None;
    }
    let scope = base.scope("");
    Some(match &holder.inline {
        Some(_) => format!("{scope}/inline/{}", holder.name),
        None => format!("{scope}/{}", holder.template),
    })
}
