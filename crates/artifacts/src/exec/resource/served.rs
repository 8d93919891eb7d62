//! Which kinds the server serves, and where: from a manifest's `apiVersion` and `kind`, or from what a person calls
//! them.

use serde_json::Value;

use super::{Problem, Session};

/// A kind as the server serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    /// `v1`, `apps/v1`.
    pub(super) api_version: String,
    pub(super) kind: String,
    /// `configmaps`.
    pub(super) plural: String,
    pub(super) namespaced: bool,
}

impl Served {
    /// The path of all its objects, of a namespace if it has any.
    pub(super) fn collection(&self, namespace: &str) -> String {
        let root = root(&self.api_version);
        let place = if self.namespaced {
            format!("/namespaces/{namespace}")
        } else {
            String::new()
        };
        format!("{root}{place}/{}", self.plural)
    }

    fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether a person's word means this kind: `cm`, `configmap`, `ConfigMap`, `workflows.argoproj.io`.
    fn is_called(&self, word: &str, others: &[String]) -> bool {
        let (name, group) = word.split_once('.').unwrap_or((word, ""));
        let version = self.api_version.rsplit('/').next().unwrap_or_default();
        let of_group =
            group.is_empty() || group == self.group() || group == format!("{version}.{}", self.group());
        let name = name.to_lowercase();
        let is_named = name == self.plural || name == self.kind.to_lowercase() || others.contains(&name);
        of_group && is_named
    }
}

impl Session<'_> {
    /// The kind of a manifest.
    pub(super) async fn served(&self, object: &Value) -> Result<Served, Problem> {
        let text = |field: &str| object[field].as_str().unwrap_or_default();
        let (version, kind) = (text("apiVersion"), text("kind"));
        for (field, value) in [("apiVersion", version), ("kind", kind)] {
            if value.is_empty() {
                return Err(Problem::Local(format!(
                    "error validating \"{file}\": error validating data: {field} not set; if you choose to ignore \
                     these errors, turn validation off with --validate=false",
                    file = self.file
                )));
            }
        }
        let found = match self.read(&root(version)).await {
            Ok(list) => resources(&list, version)
                .into_iter()
                .find(|(served, _)| served.kind == kind),
            Err(problem) if problem.is_not_found() => None,
            Err(problem) => return Err(problem),
        };
        found.map(|(served, _)| served).ok_or_else(|| {
            let metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            Problem::Local(format!(
                "resource mapping not found for name: \"{}\" namespace: \"{}\" from \"{}\": no matches for kind \
                 \"{kind}\" in version \"{version}\"\nensure CRDs are installed first",
                metadata("name"),
                metadata("namespace"),
                self.file
            ))
        })
    }

    /// The kind that a person's word means: of the core group first, then of groups in the server's order.
    pub(super) async fn called(&self, word: &str) -> Result<Served, Problem> {
        let mut versions = vec!["v1".to_owned()];
        let groups = self.read("/apis").await?;
        let preferred = groups["groups"].as_array().into_iter().flatten();
        versions.extend(
            preferred.filter_map(|g| g["preferredVersion"]["groupVersion"].as_str().map(str::to_owned)),
        );
        for version in versions {
            let list = self.read(&root(&version)).await?;
            let mut all = resources(&list, &version).into_iter();
            if let Some((served, _)) = all.find(|(served, others)| served.is_called(word, others)) {
                return Ok(served);
            }
        }
        Err(Problem::Local(format!(
            "the server doesn't have a resource type \"{word}\""
        )))
    }
}

/// The path of everything of a version: `/api/v1`, `/apis/apps/v1`.
fn root(api_version: &str) -> String {
    let of = if api_version.contains('/') { "apis" } else { "api" };
    format!("/{of}/{api_version}")
}

/// The kinds of a list of the server's resources, each with its other names.
fn resources(list: &Value, api_version: &str) -> Vec<(Served, Vec<String>)> {
    let all = list["resources"].as_array().into_iter().flatten();
    let main = all.filter(|r| r["name"].as_str().is_some_and(|name| !name.contains('/')));
    main.map(|resource| {
        let text = |field: &str| resource[field].as_str().unwrap_or_default().to_owned();
        let short = resource["shortNames"].as_array().into_iter().flatten();
        let others = short.filter_map(Value::as_str).map(str::to_owned);
        let served = Served {
            api_version: api_version.to_owned(),
            kind: text("kind"),
            plural: text("name"),
            namespaced: resource["namespaced"] == true,
        };
        (served, others.chain([text("singularName")]).collect())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn people_call_kinds_by_many_names() {
        let list = json!({"resources": [
            {"name": "workflows", "singularName": "workflow", "kind": "Workflow", "namespaced": true, "shortNames": ["wf"]},
            {"name": "workflows/status", "kind": "Workflow", "namespaced": true},
        ]});
        let all = resources(&list, "argoproj.io/v1alpha1");
        let [(served, others)] = all.as_slice() else {
            panic!("{all:?}")
        };
        for (word, expected) in [
            ("workflow", true),
            ("Workflow", true),
            ("workflows", true),
            ("wf", true),
            ("workflows.argoproj.io", true),
            ("workflows.v1alpha1.argoproj.io", true),
            ("workflows.apps", false),
            ("pods", false),
        ] {
            assert_eq!(served.is_called(word, others), expected, "{word}");
        }
        assert_eq!(
            served.collection("ns"),
            "/apis/argoproj.io/v1alpha1/namespaces/ns/workflows"
        );
    }
}
