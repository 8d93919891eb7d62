//! The actions: what is asked of the server for each object that a step names.

use http::Method;
use meta::uri::escape;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::await_conditions::Pauses;
use super::problem::Problem;
use super::served::Served;
use super::{Request, Session};
use crate::exec::api::{JSON, MERGE_PATCH};

/// What an action is done to.
struct Target {
    served: Served,
    namespace: String,
    /// Empty for a manifest that asks for a name.
    name: String,
    /// The manifest; null for an object that flags name.
    manifest: Value,
}

impl Target {
    fn path(&self) -> String {
        format!("{}/{}", self.served.collection(&self.namespace), self.name)
    }
}

impl Session<'_> {
    /// Does the action to everything that the step names, and gives the paths of the objects.
    pub(super) async fn act(&mut self, manifest: &str) -> Result<Vec<String>, Problem> {
        let documents = documents(manifest)?;
        let by_flags = self.is_named_by_flags(&documents);
        let targets = if by_flags {
            self.named().await?
        } else {
            self.manifests(documents.clone()).await?
        };
        let mut paths = Vec::new();
        for target in &targets {
            let done = match self.template.action.as_str() {
                "create" => self.create(target).await?,
                "apply" => self.apply(target).await?,
                "replace" => self.replace(target).await?,
                "patch" => self.patch(target, documents.first()).await?,
                "delete" => self.delete(target).await?,
                "get" => self.get(target).await?,
                other => {
                    return Err(Problem::Local(format!(
                        "unknown command \"{other}\" for \"kubectl\""
                    )));
                }
            };
            if let Some(object) = done {
                let name = object["metadata"]["name"].as_str().unwrap_or(&target.name);
                let path = format!("{}/{name}", target.served.collection(&target.namespace));
                self.journal.say(&format!("{}: {path}", self.template.action));
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Whether flags name the object: a patch's manifest may say only what is to change.
    fn is_named_by_flags(&self, documents: &[Value]) -> bool {
        if self.template.action != "patch" {
            return documents.is_empty();
        }
        let has_kind = documents
            .first()
            .is_some_and(|document| document["kind"].is_string());
        self.patch_type() == "json" || documents.is_empty() || !self.template.flags.is_empty() && !has_kind
    }

    async fn manifests(&self, documents: Vec<Value>) -> Result<Vec<Target>, Problem> {
        if !self.flags.names.is_empty() {
            return Err(Problem::Local(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well"
                    .to_owned(),
            ));
        }
        let mut targets = Vec::new();
        for manifest in documents {
            let served = self.served(&manifest).await?;
            let text = |field: &str| {
                manifest["metadata"][field]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let namespace = match text("namespace") {
                own if own.is_empty() => self.namespace(),
                own => own,
            };
            targets.push(Target {
                name: text("name"),
                served,
                namespace,
                manifest,
            });
        }
        Ok(targets)
    }

    /// Objects that flags name: `TYPE NAME...`, `TYPE/NAME...`, or all of a type that a selector selects.
    async fn named(&self) -> Result<Vec<Target>, Problem> {
        let names = &self.flags.names;
        let [first, rest @ ..] = names.as_slice() else {
            return Err(Problem::Local(
                "You must provide one or more resources by argument or filename.".to_owned(),
            ));
        };
        let target = |served: &Served, name: &str| Target {
            served: served.clone(),
            namespace: self.namespace(),
            name: name.to_owned(),
            manifest: Value::Null,
        };
        if first.contains('/') {
            let mut targets = Vec::new();
            for word in names {
                let (of, name) = word.split_once('/').ok_or_else(|| {
                    Problem::Local("there is no need to specify a resource type as a separate argument when \
                     passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead \
                     of 'kubectl get resource resource/<resource_name>'".to_owned())
                })?;
                targets.push(target(&self.called(of).await?, name));
            }
            return Ok(targets);
        }
        let served = self.called(first).await?;
        if !rest.is_empty() {
            return Ok(rest.iter().map(|name| target(&served, name)).collect());
        }
        let selects = self.flags.selector.is_some() || self.flags.field_selector.is_some() || self.flags.all;
        if !selects {
            return Err(Problem::Local(
                "resource(s) were provided, but no name was specified".to_owned(),
            ));
        }
        let list = self.read(&self.selection(&served)).await?;
        let items = list["items"].as_array().into_iter().flatten();
        Ok(items
            .filter_map(|item| item["metadata"]["name"].as_str())
            .map(|name| target(&served, name))
            .collect())
    }

    /// The path of a list of what the selectors select.
    fn selection(&self, served: &Served) -> String {
        let by = [
            ("labelSelector", &self.flags.selector),
            ("fieldSelector", &self.flags.field_selector),
        ];
        let given = by
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        with_query(&served.collection(&self.namespace()), given)
    }

    fn namespace(&self) -> String {
        self.flags
            .namespace
            .clone()
            .unwrap_or_else(|| self.orders.namespace.clone())
    }

    /// The path of a write, with who writes.
    fn written(&self, path: &str, manager: &str) -> String {
        let manager = self.flags.field_manager.as_deref().unwrap_or(manager);
        let dry = self.flags.dry_run.then_some(("dryRun", "All"));
        let query = [
            ("fieldManager", manager),
            ("fieldValidation", self.flags.field_validation()),
        ];
        with_query(path, query.into_iter().chain(dry))
    }

    async fn create(&self, target: &Target) -> Result<Option<Value>, Problem> {
        let path = self.written(&target.served.collection(&target.namespace), "kubectl-create");
        let request = Request::write(Method::POST, path, JSON, &target.manifest);
        let created = self.send(&request).await;
        created
            .map(Some)
            .map_err(|problem| problem.when("creating", &self.file))
    }

    /// The server merges, and what this manager said before and does not say any more goes.
    async fn apply(&self, target: &Target) -> Result<Option<Value>, Problem> {
        if target.name.is_empty() {
            let generated = target.manifest["metadata"]["generateName"]
                .as_str()
                .unwrap_or_default();
            return Err(Problem::Local(format!(
                "from {generated}: cannot use generate name with apply"
            )));
        }
        let path = format!("{}&force=true", self.written(&target.path(), "kubectl"));
        let request = Request::write(
            Method::PATCH,
            path,
            "application/apply-patch+yaml",
            &target.manifest,
        );
        self.send(&request).await.map(Some)
    }

    async fn replace(&self, target: &Target) -> Result<Option<Value>, Problem> {
        if self.flags.force {
            self.delete(target).await?;
            return self.create(target).await;
        }
        let mut manifest = target.manifest.clone();
        let current = self.read(&target.path()).await;
        let current = current.map_err(|problem| problem.when("replacing", &self.file))?;
        if manifest["metadata"]["resourceVersion"].is_null() {
            manifest["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"].clone();
        }
        let path = self.written(&target.path(), "kubectl-replace");
        let replaced = self
            .send(&Request::write(Method::PUT, path, JSON, &manifest))
            .await;
        replaced
            .map(Some)
            .map_err(|problem| problem.when("replacing", &self.file))
    }

    fn patch_type(&self) -> &str {
        let given = self
            .flags
            .patch_type
            .as_deref()
            .unwrap_or(&self.template.merge_strategy);
        if given.is_empty() { "strategic" } else { given }
    }

    async fn patch(&self, target: &Target, patch: Option<&Value>) -> Result<Option<Value>, Problem> {
        let content_type = match self.patch_type() {
            "json" => "application/json-patch+json",
            "merge" => MERGE_PATCH,
            "strategic" => "application/strategic-merge-patch+json",
            other => {
                return Err(Problem::Local(format!(
                    "--type must be one of [json merge strategic], not \"{other}\""
                )));
            }
        };
        let path = self.written(&target.path(), "kubectl-patch");
        let request = Request::write(Method::PATCH, path, content_type, patch.unwrap_or(&Value::Null));
        self.send(&request).await.map(Some)
    }

    /// What is not there is deleted; what goes slowly is waited for.
    async fn delete(&self, target: &Target) -> Result<Option<Value>, Problem> {
        let propagation = match self.flags.cascade.as_deref() {
            Some("orphan" | "false") => "Orphan",
            Some("foreground") => "Foreground",
            _ => "Background",
        };
        let mut options =
            json!({"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation});
        if let Some(seconds) = self.flags.grace_period {
            options["gracePeriodSeconds"] = seconds.into();
        }
        let before = match self.read(&target.path()).await {
            Ok(object) => object,
            Err(problem) if problem.is_not_found() => return Ok(None),
            Err(problem) => return Err(problem),
        };
        let request = Request::write(Method::DELETE, target.path(), JSON, &options);
        match self.send(&request).await {
            Ok(_) => {}
            Err(problem) if problem.is_not_found() => return Ok(None),
            Err(problem) if target.manifest.is_null() => return Err(problem),
            Err(problem) => return Err(problem.when("deleting", &self.file)),
        }
        if !self.flags.no_wait {
            self.await_end(target, &before["metadata"]["uid"]).await?;
        }
        Ok(Some(before))
    }

    async fn await_end(&self, target: &Target, uid: &Value) -> Result<(), Problem> {
        let mut pauses = Pauses::default();
        loop {
            match self.read(&target.path()).await {
                Ok(object) if object["metadata"]["uid"] == *uid => {}
                Err(problem) if !problem.is_not_found() && !problem.may_pass() => return Err(problem),
                Err(problem) if problem.may_pass() => {}
                Ok(_) | Err(_) => return Ok(()),
            }
            sleep(pauses.next()).await;
        }
    }

    async fn get(&self, target: &Target) -> Result<Option<Value>, Problem> {
        match self.read(&target.path()).await {
            Err(problem) if problem.is_not_found() && self.flags.ignore_not_found => Ok(None),
            read => read.map(Some),
        }
    }
}

/// The documents of a manifest that say anything.
fn documents(manifest: &str) -> Result<Vec<Value>, Problem> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false };
    let read: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(manifest, options);
    let read = read.map_err(|error| Problem::Local(format!("error parsing manifest: {error}")))?;
    Ok(read.into_iter().filter(|document| !document.is_null()).collect())
}

/// A path with a query.
fn with_query<'a>(path: &str, query: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> = query
        .map(|(name, value)| format!("{name}={}", escape(value, "")))
        .collect();
    if pairs.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped() {
        let query = [("labelSelector", "a in (b, c)"), ("x", "1")];
        let path = with_query("/p", query.into_iter());
        assert_eq!(path, "/p?labelSelector=a%20in%20%28b%2C%20c%29&x=1");
    }

    #[test]
    fn empty_documents_are_no_objects() {
        assert_eq!(documents("---\n---\na: 1\n---\n").unwrap(), [json!({"a": 1})]);
        assert_eq!(documents("").unwrap(), Vec::<Value>::new());
        assert!(documents("a: [").is_err());
    }
}
