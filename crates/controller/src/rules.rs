//! Rights as data: what each controller may do, why, and no more. The embedded API server enforces them on the
//! controller's own client; on a cluster they are printed as its ClusterRole.

pub use kinds::k8s::api::rbac::v1::PolicyRule;

use crate::kind::Kind;

/// The verbs of an informer.
pub const WATCH: [&str; 3] = ["get", "list", "watch"];

/// A rule and what it is needed for.
#[derive(Clone, Debug, PartialEq)]
pub struct Right {
    /// What is allowed.
    pub rule: PolicyRule,
    /// What for: a clause that people read beside the rule.
    pub why: &'static str,
}

impl Right {
    /// The right to do `verbs` to objects of `kind`.
    pub fn to(verbs: &[&str], kind: Kind, why: &'static str) -> Self {
        let rule = rule(kind, verbs);
        Self { rule, why }
    }

    /// The right to do `verbs` to a subresource of objects of `kind`.
    pub fn part(verbs: &[&str], kind: Kind, subresource: &str, why: &'static str) -> Self {
        let rule = subresource_rule(kind, subresource, verbs);
        Self { rule, why }
    }

    /// The same right, to objects of this name only.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.rule.resource_names = Some(vec![name.to_owned()]);
        self
    }
}

/// The rules alone.
pub fn rules(rights: Vec<Right>) -> Vec<PolicyRule> {
    rights.into_iter().map(|right| right.rule).collect()
}

/// The right to do `verbs` to objects of `kind`.
pub fn rule(kind: Kind, verbs: &[&str]) -> PolicyRule {
    resource_rule(kind.group, kind.plural, verbs)
}

/// The right to do `verbs` to a subresource of objects of `kind`.
pub fn subresource_rule(kind: Kind, subresource: &str, verbs: &[&str]) -> PolicyRule {
    resource_rule(kind.group, &format!("{}/{subresource}", kind.plural), verbs)
}

fn resource_rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}
