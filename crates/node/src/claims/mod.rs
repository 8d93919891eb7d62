//! Volume claims on one machine: a directory for each, made when a pod first needs it and removed with the claim.
//!
//! ```text
//!     pod --> claim, not bound --> directory --> PersistentVolume --> claim bound       (bind)
//!     claim deleted, no pod uses it --> finalizer off --> directory and volume removed  (reclaim)
//! ```
//!
//! As the local-path provisioner does with `WaitForFirstConsumer`, for every storage class: a manifest names the class of
//! the cluster that it comes from. Sizes are not enforced. A claim that names a volume gets that one, if it is a path.

mod bind;
mod reclaim;

use std::path::{Path, PathBuf};

use kinds::k8s::api::core::v1::PersistentVolumeClaim;
use kinds::kube::Client;

pub(crate) use reclaim::Reclaimer;

/// Who made a volume: the annotation and its value here.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
const PROVISIONER: &str = "plimsoll.dev/directory";
/// Keeps a claim as long as a pod uses it, as in any cluster.
const PROTECTION: &str = "kubernetes.io/pvc-protection";

/// The claims of a node.
#[derive(Clone)]
pub(crate) struct Claims {
    client: Client,
    directory: PathBuf,
}

impl Claims {
    /// Claims whose directories lie below the node's `directory`.
    pub(crate) fn new(client: Client, directory: &Path) -> Self {
        Self {
            client,
            directory: directory.join("claims"),
        }
    }
}

/// The name of the volume that is made for a claim, and of its directory.
fn volume_name(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.metadata.uid.as_deref().unwrap_or_default())
}
