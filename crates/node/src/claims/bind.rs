//! From a claim to its directory: found, or made and bound now.
//!
//! Every step may have been done before, by another pod's start or by a node that was killed: doing it again changes
//! nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kinds::k8s::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kinds::kube::api::{Patch, PatchParams, PostParams};
use kinds::kube::{Api, Error};
use serde_json::{Value, json};

use super::{Claims, PROTECTION, PROVISIONED_BY, PROVISIONER, volume_name};
use crate::volumes::VolumeError;

impl Claims {
    /// The path behind a claim.
    pub(crate) async fn path(&self, namespace: &str, name: &str) -> Result<PathBuf, VolumeError> {
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.client.clone(), namespace);
        let found = claims.get_opt(name).await.map_err(|error| refused(&error))?;
        let claim = found.ok_or_else(|| {
            format!("failed to fetch PVC from API server: persistentvolumeclaims {name:?} not found")
        })?;
        if claim.metadata.deletion_timestamp.is_some() {
            return Err(
                format!("can't start pod because PVC \"{namespace}/{name}\" is being deleted").into(),
            );
        }
        let volume = match wanted_volume(&claim) {
            Some(volume) => self.volume(volume).await?,
            None if is_never_provisioned(&claim) => return Err("PVC is not bound".to_owned().into()),
            None => self.provision(&claim).await?,
        };
        let path = path_of(&volume)?;
        self.bind(&claims, &claim, &volume)
            .await
            .map_err(|error| refused(&error))?;
        Ok(path)
    }

    async fn volume(&self, name: &str) -> Result<PersistentVolume, VolumeError> {
        let volumes = Api::<PersistentVolume>::all(self.client.clone());
        let found = volumes.get_opt(name).await.map_err(|error| refused(&error))?;
        found.ok_or_else(|| format!("persistentvolume {name:?} not found").into())
    }

    /// Makes the directory and the volume of a claim. The directory is open to all, as pods may run as any user.
    async fn provision(&self, claim: &PersistentVolumeClaim) -> Result<PersistentVolume, VolumeError> {
        let name = volume_name(claim);
        let directory = self.directory.join(&name);
        std::fs::create_dir_all(&directory)?;
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777))?;
        meta::crash::point("node.claim-directory");
        let volume = volume_for(claim, &name, &directory)?;
        let volumes = Api::<PersistentVolume>::all(self.client.clone());
        match volumes.create(&PostParams::default(), &volume).await {
            Err(Error::Api(answer)) if answer.code == 409 => {}
            result => drop(result.map_err(|error| refused(&error))?),
        }
        meta::crash::point("node.claim-volume");
        let bound = Patch::Merge(json!({"status": {"phase": "Bound"}}));
        let patched = volumes.patch_status(&name, &PatchParams::default(), &bound).await;
        patched.map_err(|error| refused(&error))
    }

    /// Says in the claim what it is bound to, if it does not say so yet.
    async fn bind(
        &self,
        claims: &Api<PersistentVolumeClaim>,
        claim: &PersistentVolumeClaim,
        volume: &PersistentVolume,
    ) -> Result<(), Error> {
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        if phase == Some("Bound") {
            return Ok(());
        }
        let (meta, spec) = (&claim.metadata, volume.spec.as_ref());
        let (name, params) = (meta.name.as_deref().unwrap_or_default(), PatchParams::default());
        // The uid makes sure that a later claim of the same name is not meant.
        let body = Patch::Strategic(json!({
            "metadata": {
                "uid": meta.uid,
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
                "finalizers": [PROTECTION],
            },
            "spec": {"volumeName": volume.metadata.name},
        }));
        claims.patch(name, &params, &body).await?;
        let status = Patch::Merge(json!({"metadata": {"uid": meta.uid}, "status": {
            "phase": "Bound",
            "accessModes": spec.and_then(|spec| spec.access_modes.as_ref()),
            "capacity": spec.and_then(|spec| spec.capacity.as_ref()),
        }}));
        claims.patch_status(name, &params, &status).await.map(drop)
    }
}

fn refused(error: &Error) -> VolumeError {
    VolumeError::Unavailable(format!("the API server refused: {error}"))
}

fn wanted_volume(claim: &PersistentVolumeClaim) -> Option<&str> {
    let name = claim.spec.as_ref().and_then(|spec| spec.volume_name.as_deref());
    name.filter(|name| !name.is_empty())
}

/// An empty class asks for a volume that somebody made.
fn is_never_provisioned(claim: &PersistentVolumeClaim) -> bool {
    let class = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.storage_class_name.as_deref());
    class == Some("")
}

fn volume_for(
    claim: &PersistentVolumeClaim,
    name: &str,
    path: &Path,
) -> Result<PersistentVolume, VolumeError> {
    let (meta, spec) = (&claim.metadata, claim.spec.clone().unwrap_or_default());
    let requests = spec.resources.and_then(|resources| resources.requests);
    let size = requests.as_ref().and_then(|requests| requests.get("storage"));
    let object: Value = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": spec.access_modes,
            "volumeMode": "Filesystem",
            "storageClassName": spec.storage_class_name,
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": path, "type": "DirectoryOrCreate"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta.namespace,
                "name": meta.name,
                "uid": meta.uid,
            },
        },
    });
    serde_json::from_value(object).map_err(|error| format!("no volume can be made of it: {error}").into())
}

/// The path that a volume is.
fn path_of(volume: &PersistentVolume) -> Result<PathBuf, VolumeError> {
    let spec = volume.spec.as_ref();
    let host = spec.and_then(|spec| Some(&spec.host_path.as_ref()?.path));
    let local = spec.and_then(|spec| Some(&spec.local.as_ref()?.path));
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    host.or(local).map(PathBuf::from).ok_or_else(|| {
        format!("persistentvolume {name:?} is neither hostPath nor local, the only ones that this node has")
            .into()
    })
}
