//! An installation on a cluster: what of it is there, whose it is, and the writes that change it.

use kinds::kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
    Preconditions,
};
use kinds::kube::{Client, Error};
use kinds::own;
use serde_json::Value;
use workflow::contract::{LABEL_COMPLETED, LABEL_INSTANCE};

use super::{INSTANCE, MANAGED_BY, OWNER, Piece, text};
use crate::error::{Result, status_code};

/// What the server answers when there is no such object.
const NOT_FOUND: u16 = 404;
/// What the server answers when fields have another owner.
const CONFLICT: u16 = 409;
/// The kind that belongs to no installation.
pub(super) const DEFINITION: &str = "CustomResourceDefinition";

/// A kind of which an installation has objects.
struct Kind {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
}

/// The kinds of an installation but definitions, in the order in which their objects go: who acts before what it needs.
const KINDS: [Kind; 8] = [
    kind("apps", "v1", "Deployment", "deployments"),
    kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    kind(
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
    ),
    kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles"),
    kind("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    kind("", "v1", "ServiceAccount", "serviceaccounts"),
    kind("coordination.k8s.io", "v1", "Lease", "leases"),
];
const DEFINITIONS: Kind = kind(
    "apiextensions.k8s.io",
    "v1",
    DEFINITION,
    "customresourcedefinitions",
);

const fn kind(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Kind {
    Kind {
        group,
        version,
        kind,
        plural,
    }
}

impl Kind {
    fn resource(&self) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group, self.version, self.kind);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }
}

/// What a cluster has under the name of a piece.
#[derive(Clone, Debug)]
pub enum State {
    /// Nothing.
    Absent,
    /// An object of this installation.
    Ours(Box<Value>),
    /// Somebody else's object.
    Others,
}

/// What became of a piece.
#[derive(Clone, Debug)]
pub enum Applied {
    /// The object is, or would be, like this.
    Done(Value),
    /// Others have set fields of it differently: it stays as it is.
    Contested(String),
}

/// An installation on a cluster.
pub struct Cluster {
    /// The cluster.
    client: Client,
    /// The namespace of the installation.
    namespace: String,
}

impl Cluster {
    /// The installation in this namespace.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// What is there under the name of a piece.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn state(&self, piece: &Piece) -> Result<State> {
        let Some(object) = self
            .api(&piece.object)
            .get_opt(text(&piece.object, "/metadata/name"))
            .await?
        else {
            return Ok(State::Absent);
        };
        let object = serde_json::to_value(object)?;
        Ok(if self.is_ours(&object, &piece.object) {
            State::Ours(Box::new(object))
        } else {
            State::Others
        })
    }

    fn is_ours(&self, live: &Value, told: &Value) -> bool {
        let labels = &live["metadata"]["labels"];
        if text(told, "/kind") == DEFINITION {
            return text(told, "/spec/group") == own::GROUP || labels[MANAGED_BY] == OWNER;
        }
        labels[MANAGED_BY] == OWNER && labels[INSTANCE] == self.namespace.as_str()
    }

    /// Makes the object of a piece as it should be. With `dry_run` nothing is changed.
    ///
    /// # Errors
    /// The cluster refuses it.
    pub async fn apply(&self, piece: &Piece, dry_run: bool) -> Result<Applied> {
        let name = text(&piece.object, "/metadata/name");
        // Without force: what somebody else has set differently stays.
        let params = PatchParams {
            dry_run,
            ..PatchParams::apply(OWNER)
        };
        let patch = Patch::Apply(&piece.object);
        match self.api(&piece.object).patch(name, &params, &patch).await {
            Ok(object) => Ok(Applied::Done(serde_json::to_value(object)?)),
            Err(Error::Api(status)) if status.code == CONFLICT => {
                Ok(Applied::Contested(status.message.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The API of an object's kind, in its namespace.
    fn api(&self, object: &Value) -> Api<DynamicObject> {
        let (group, version) = text(object, "/apiVersion")
            .split_once('/')
            .unwrap_or(("", text(object, "/apiVersion")));
        let kind = GroupVersionKind::gvk(group, version, text(object, "/kind"));
        let resource = ApiResource::from_gvk(&kind);
        match text(object, "/metadata/namespace") {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }

    /// Every object of the installation but definitions, in the order in which they go.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn objects(&self) -> Result<Vec<Value>> {
        let ours =
            ListParams::default().labels(&format!("{MANAGED_BY}={OWNER},{INSTANCE}={}", self.namespace));
        self.list(&KINDS, &ours).await
    }

    /// The definitions that are ours.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn definitions(&self) -> Result<Vec<Value>> {
        let ours = ListParams::default().labels(&format!("{MANAGED_BY}={OWNER}"));
        self.list(&[DEFINITIONS], &ours).await
    }

    async fn list(&self, kinds: &[Kind], which: &ListParams) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        for kind in kinds {
            let resource = kind.resource();
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
            let objects = match api.list(which).await {
                Ok(list) => list.items,
                // A server without the kind has no objects of it.
                Err(error) if status_code(&error) == Some(NOT_FOUND) => continue,
                Err(error) => return Err(error.into()),
            };
            for object in objects {
                let mut object = serde_json::to_value(object)?;
                // Items of a list do not say what they are.
                object["apiVersion"] = resource.api_version.as_str().into();
                object["kind"] = kind.kind.into();
                found.push(object);
            }
        }
        Ok(found)
    }

    /// How many workflows of an instance id have not ended.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn unfinished(&self, instance_id: &str) -> Result<usize> {
        let kind = GroupVersionKind::gvk(argo::GROUP, argo::VERSION, "Workflow");
        let workflows: Api<DynamicObject> = Api::all_with(self.client.clone(), &ApiResource::from_gvk(&kind));
        let which = format!("{LABEL_INSTANCE}={instance_id},{LABEL_COMPLETED}!=true");
        match workflows
            .list_metadata(&ListParams::default().labels(&which))
            .await
        {
            Ok(list) => Ok(list.items.len()),
            Err(error) if status_code(&error) == Some(NOT_FOUND) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// How many objects of a definition there are.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub async fn holds(&self, definition: &Value) -> Result<usize> {
        let kind = GroupVersionKind::gvk(
            text(definition, "/spec/group"),
            text(definition, "/spec/versions/0/name"),
            text(definition, "/spec/names/kind"),
        );
        let resource = ApiResource::from_gvk_with_plural(&kind, text(definition, "/spec/names/plural"));
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        Ok(api.list_metadata(&ListParams::default()).await?.items.len())
    }

    /// Deletes this very object, with what belongs to it; one that is gone already is no failure.
    ///
    /// # Errors
    /// The cluster refuses it.
    pub async fn delete(&self, object: &Value) -> Result<()> {
        let params = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(text(object, "/metadata/uid").to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::background()
        };
        match self
            .api(object)
            .delete(text(object, "/metadata/name"), &params)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if status_code(&error) == Some(NOT_FOUND) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
