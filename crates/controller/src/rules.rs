//! Rights as data: what each controller may do, and no more. The embedded API server enforces them on the
//! controller's own client; on a cluster they are printed as its ClusterRole.

pub use kinds::k8s::api::rbac::v1::PolicyRule;

use crate::kind::Kind;

/// The verbs of an informer.
pub const WATCH: [&str; 3] = ["get", "list", "watch"];

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
