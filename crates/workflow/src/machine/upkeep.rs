//! What is made for a workflow beside its pods, and what is taken away afterwards: claims and pods.
//! Rule: workflow/controller/operator.go, `createPVCs` and `deletePVCs`; pod_cleanup.go.

use argo::core::Volume;
use meta::LabelSelector;
use meta::selector::SelectorSpec;
use serde_json::{Value, json};

use super::Machine;
use crate::contract::{Effect, LABEL_WORKFLOW, PodView};
use crate::phase::SUCCEEDED;

/// Version and kind of disruption budgets.
const BUDGET: (&str, &str) = ("policy/v1", "PodDisruptionBudget");

impl Machine {
    /// A claim for each of `volumeClaimTemplates`.
    pub(super) fn make_claims(&mut self) -> Result<(), String> {
        let spec = self.spec.clone();
        for wanted in &spec.volume_claim_templates {
            let metadata = wanted.0.get("metadata");
            let name = metadata.and_then(|m| m.get("name")).and_then(Value::as_str);
            let name = name.ok_or("volumeClaimTemplates[].metadata.name is required")?;
            let claim = format!("{}-{name}", self.meta.name);
            let volume = json!({ "name": name, "persistentVolumeClaim": { "claimName": claim } });
            if let Value::Object(fields) = volume {
                self.status.persistent_volume_claims.push(Volume(fields));
            }
            let object = self.claim(Value::Object(wanted.0.clone()), &claim);
            self.out.create(object);
        }
        Ok(())
    }

    fn claim(&self, mut claim: Value, name: &str) -> Value {
        claim["apiVersion"] = "v1".into();
        claim["kind"] = "PersistentVolumeClaim".into();
        claim["metadata"]["name"] = name.into();
        claim["metadata"]["namespace"] = self.meta.namespace.clone().into();
        claim["metadata"]["labels"][LABEL_WORKFLOW] = self.meta.name.clone().into();
        claim["metadata"]["ownerReferences"] = json!([crate::pod::owner(&self.meta)]);
        claim
    }

    /// After the end: pods are let go, and claims deleted as `volumeClaimGC` says.
    pub(super) fn clean_up(&mut self) {
        let ids: Vec<String> = self.pods.keys().cloned().collect();
        ids.iter().for_each(|id| self.let_go(id));
        self.drop_budget();
        let always = self
            .spec
            .volume_claim_gc
            .as_ref()
            .is_some_and(|gc| gc.strategy == "OnWorkflowCompletion");
        if !always && self.status.phase != SUCCEEDED {
            return;
        }
        for claim in std::mem::take(&mut self.status.persistent_volume_claims) {
            let of = claim
                .0
                .get("persistentVolumeClaim")
                .and_then(|c| c.get("claimName"));
            if let Some(name) = of.and_then(Value::as_str) {
                self.out.push(Effect::DeleteObject {
                    api_version: "v1".to_owned(),
                    kind: "PersistentVolumeClaim".to_owned(),
                    name: name.to_owned(),
                });
            }
        }
    }

    /// Whether `podGC` wants a pod that has ended to be deleted now.
    pub(super) fn is_garbage(&self, pod: &PodView) -> bool {
        let Some(gc) = &self.spec.pod_gc else { return false };
        let due = match gc.strategy.as_str() {
            "OnPodCompletion" => true,
            "OnPodSuccess" => pod.phase == SUCCEEDED,
            "OnWorkflowCompletion" => self.over(),
            "OnWorkflowSuccess" => self.status.phase == SUCCEEDED,
            _ => false,
        };
        due && self.gc_selects(pod)
    }

    /// Whether a pod that is garbage is kept for `deleteDelayDuration`. Until then it is held, so that it is not
    /// forgotten if this process dies meanwhile.
    pub(super) fn is_kept_a_while(&mut self, id: &str, pod: &PodView) -> bool {
        let gc = self.spec.pod_gc.as_ref();
        let delay = gc.map_or("", |gc| gc.delete_delay_duration.as_str());
        let (Ok(delay), Some(ix)) = (meta::duration::parse(delay), self.nodes.find(id)) else {
            return false;
        };
        let ended = super::outcome::latest_finish(pod).max(self.status.finished_at);
        let Some(due) = ended.and_then(|at| at.0.checked_add(delay).ok()) else {
            return false;
        };
        if self.now >= due {
            return false;
        }
        self.timers.set(due, ix);
        true
    }

    /// A disruption budget for the workflow's pods.
    pub(super) fn make_budget(&mut self) {
        let Some(wanted) = &self.spec.pod_disruption_budget else {
            return;
        };
        let labels = json!({ LABEL_WORKFLOW: self.meta.name });
        let mut spec = Value::Object(wanted.0.clone());
        if spec.get("selector").is_none_or(Value::is_null) {
            spec["selector"] = json!({ "matchLabels": labels });
        }
        self.out.create(json!({
            "apiVersion": BUDGET.0,
            "kind": BUDGET.1,
            "metadata": {
                "name": self.meta.name,
                "namespace": self.meta.namespace,
                "labels": labels,
                "ownerReferences": [crate::pod::owner(&self.meta)],
            },
            "spec": spec,
        }));
    }

    fn drop_budget(&mut self) {
        if self.spec.pod_disruption_budget.is_some() {
            self.out.push(Effect::DeleteObject {
                api_version: BUDGET.0.to_owned(),
                kind: BUDGET.1.to_owned(),
                name: self.meta.name.clone(),
            });
        }
    }

    fn gc_selects(&self, pod: &PodView) -> bool {
        let Some(selector) = self
            .spec
            .pod_gc
            .as_ref()
            .and_then(|gc| gc.label_selector.as_ref())
        else {
            return true;
        };
        let spec: Result<SelectorSpec, _> = serde_json::from_value(Value::Object(selector.0.clone()));
        let selector = spec.ok().and_then(|s| s.selector().ok());
        selector
            .as_ref()
            .is_some_and(|s: &LabelSelector| s.matches(&pod.labels))
    }
}
