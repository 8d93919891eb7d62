//! Who calls, and what they may do: users, RBAC's policy rules, and the verdict.
//!
//! In-process controllers get only the rights that their printed RBAC gives them, so that a missing rule fails on a
//! laptop and not first on a cluster. Rule: `rbac.authorization.k8s.io`'s `PolicyRule`.

use kinds::k8s::api::rbac::v1 as rbac;

use crate::status::ApiError;

/// A caller.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// Name, as `system:admin`.
    pub name: String,
    /// Groups the user is in.
    pub groups: Vec<String>,
    /// What the user may do; `None` is everything.
    pub rules: Option<Vec<PolicyRule>>,
}

/// Verbs that are allowed on resources. `*` stands for any value of a list.
#[derive(Clone, Debug, Default)]
pub struct PolicyRule {
    /// API groups; the core group is the empty string.
    pub api_groups: Vec<String>,
    /// Plural names; a subresource is written `pods/status`, all of a resource's `pods/*`.
    pub resources: Vec<String>,
    /// Names of objects the rule is limited to; none means all.
    pub resource_names: Vec<String>,
    /// Verbs: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verbs: Vec<String>,
    /// The one namespace the rule holds in (a Role); `None` means everywhere (a ClusterRole).
    pub namespace: Option<String>,
}

/// What is asked for, in RBAC's terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl User {
    /// A user who may do everything.
    pub fn admin(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()],
            rules: None,
        }
    }

    /// A user who may do only what `rules` allow.
    pub fn limited(name: &str, rules: Vec<PolicyRule>) -> Self {
        Self {
            name: name.to_owned(),
            groups: vec!["system:authenticated".to_owned()],
            rules: Some(rules),
        }
    }

    /// Whether some rule allows what is asked for.
    pub(crate) fn allows(&self, asked: &Attributes<'_>) -> bool {
        let Some(rules) = &self.rules else { return true };
        // Anyone may ask what they themselves may do.
        asked.group == "authorization.k8s.io"
            || asked.group == "authentication.k8s.io"
            || rules.iter().any(|rule| rule.allows(asked))
    }

    /// Refuses what no rule allows, in kube-apiserver's words.
    pub(crate) fn authorize(&self, asked: &Attributes<'_>) -> Result<(), ApiError> {
        if self.allows(asked) {
            return Ok(());
        }
        let resource = with_subresource(asked);
        let place = if asked.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", asked.namespace)
        };
        let why = format!(
            "User \"{}\" cannot {} resource \"{resource}\" in API group \"{}\" {place}",
            self.name, asked.verb, asked.group
        );
        Err(ApiError::forbidden(asked.resource, asked.group, asked.name, &why))
    }
}

impl From<&rbac::PolicyRule> for PolicyRule {
    /// As a ClusterRole says it.
    fn from(rule: &rbac::PolicyRule) -> Self {
        let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
        Self {
            api_groups: list(&rule.api_groups),
            resources: list(&rule.resources),
            resource_names: list(&rule.resource_names),
            verbs: rule.verbs.clone(),
            namespace: None,
        }
    }
}

impl PolicyRule {
    /// A rule that holds in every namespace.
    pub fn new(api_group: &str, resources: &[&str], verbs: &[&str]) -> Self {
        let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Self {
            api_groups: vec![api_group.to_owned()],
            resources: owned(resources),
            resource_names: Vec::new(),
            verbs: owned(verbs),
            namespace: None,
        }
    }

    /// The same rule, limited to one namespace.
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Whether the rule holds in a namespace.
    pub(crate) fn holds_in(&self, namespace: &str) -> bool {
        self.namespace.as_deref().is_none_or(|own| own == namespace)
    }

    fn allows(&self, asked: &Attributes<'_>) -> bool {
        let any = |list: &[String], word: &str| list.iter().any(|entry| entry == "*" || entry == word);
        any(&self.verbs, asked.verb)
            && any(&self.api_groups, asked.group)
            && self.covers(asked)
            && (self.resource_names.is_empty() || self.resource_names.iter().any(|n| n == asked.name))
            && self.holds_in(asked.namespace)
    }

    fn covers(&self, asked: &Attributes<'_>) -> bool {
        self.resources.iter().any(|entry| match entry.split_once('/') {
            _ if entry == "*" => true,
            Some((resource, sub)) => {
                (resource == "*" || resource == asked.resource)
                    && !asked.subresource.is_empty()
                    && (sub == "*" || sub == asked.subresource)
            }
            None => entry == asked.resource && asked.subresource.is_empty(),
        })
    }
}

fn with_subresource(asked: &Attributes<'_>) -> String {
    if asked.subresource.is_empty() {
        asked.resource.to_owned()
    } else {
        format!("{}/{}", asked.resource, asked.subresource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &PolicyRule, asked: (&str, &str, &str, &str), expected: bool) {
        let (verb, resource, namespace, name) = asked;
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let asked = Attributes {
            verb,
            group: "",
            resource,
            subresource,
            namespace,
            name,
        };
        let user = User::limited("u", vec![rule.clone()]);
        assert_eq!(user.allows(&asked), expected, "{asked:?}");
    }

    #[test]
    fn rules_allow_what_they_name_and_nothing_else() {
        let pods = PolicyRule::new("", &["pods", "pods/status"], &["get", "patch"]);
        check(&pods, ("get", "pods", "a", "p"), true);
        check(&pods, ("patch", "pods/status", "a", "p"), true);
        check(&pods, ("get", "pods/log", "a", "p"), false);
        check(&pods, ("list", "pods", "a", ""), false);
        check(&pods, ("get", "secrets", "a", "s"), false);
        check(&pods.within("a"), ("get", "pods", "b", "p"), false);
        check(
            &PolicyRule::new("", &["*"], &["*"]),
            ("delete", "pods/log", "", ""),
            true,
        );
        check(
            &PolicyRule::new("", &["pods/*"], &["get"]),
            ("get", "pods/log", "a", "p"),
            true,
        );
        check(
            &PolicyRule::new("", &["pods/*"], &["get"]),
            ("get", "pods", "a", "p"),
            false,
        );
    }

    #[test]
    fn a_refusal_reads_as_the_real_one() {
        let asked = Attributes {
            verb: "list",
            group: "",
            resource: "pods",
            subresource: "",
            namespace: "default",
            name: "",
        };
        let error = User::limited("bob", vec![]).authorize(&asked).unwrap_err();
        assert_eq!(error.code(), 403);
        assert_eq!(
            error.message(),
            "pods is forbidden: User \"bob\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
        );
    }
}
