//! What becomes of volumes whose claims are deleted.
//!
//! A claim that is being deleted stays until no pod uses it; with it go its volume and its directory. At each start what a
//! killed node left behind is found: volumes without a claim, and directories without either.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use kinds::k8s::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kinds::kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kinds::kube::runtime::WatchStreamExt;
use kinds::kube::runtime::watcher::{self, Event};
use kinds::kube::{Api, Error};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Claims, PROTECTION, PROVISIONED_BY, PROVISIONER, volume_name};

/// How often a claim that is still used, or could not be let go, is looked at again.
const AGAIN: Duration = Duration::from_secs(2);

/// Follows claims to their end.
pub(crate) struct Reclaimer {
    claims: Claims,
    /// Claims that are being deleted, by uid.
    leaving: BTreeMap<String, PersistentVolumeClaim>,
    /// The volumes of the claims in the list that is under way.
    listed: BTreeSet<String>,
}

impl Reclaimer {
    pub(crate) fn new(claims: Claims) -> Self {
        Self {
            claims,
            leaving: BTreeMap::new(),
            listed: BTreeSet::new(),
        }
    }

    /// Runs until cancelled.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let claims = Api::<PersistentVolumeClaim>::all(self.claims.client.clone());
        let watch = kinds::kube::runtime::watcher(claims, watcher::Config::default()).default_backoff();
        let mut watch = std::pin::pin!(watch);
        loop {
            let retries = !self.leaving.is_empty();
            tokio::select! {
                () = shutdown.cancelled() => return,
                event = watch.next() => match event {
                    Some(Ok(event)) => self.take(event).await,
                    Some(Err(error)) => tracing::warn!(%error, "volume claims are not seen for now"),
                    None => return,
                },
                () = tokio::time::sleep(AGAIN), if retries => self.let_go().await,
            }
        }
    }

    async fn take(&mut self, event: Event<PersistentVolumeClaim>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(claim) => {
                self.listed.insert(volume_name(&claim));
                self.changed(claim).await;
            }
            Event::Apply(claim) => self.changed(claim).await,
            Event::InitDone => self.sweep().await,
            Event::Delete(claim) => {
                self.leaving
                    .remove(claim.metadata.uid.as_deref().unwrap_or_default());
                self.reclaim(&volume_name(&claim)).await;
            }
        }
    }

    async fn changed(&mut self, claim: PersistentVolumeClaim) {
        let meta = &claim.metadata;
        let is_kept = meta
            .finalizers
            .iter()
            .flatten()
            .any(|finalizer| finalizer == PROTECTION);
        if meta.deletion_timestamp.is_some() && is_kept {
            self.leaving.insert(meta.uid.clone().unwrap_or_default(), claim);
            self.let_go().await;
        }
    }

    /// Lets go of the claims that no pod uses any more.
    async fn let_go(&mut self) {
        for (uid, claim) in std::mem::take(&mut self.leaving) {
            let done = match self.is_used(&claim).await {
                Ok(false) => self.unprotect(&claim).await,
                Ok(true) => Ok(false),
                Err(error) => Err(error),
            };
            match done {
                Ok(true) => {}
                Ok(false) => drop(self.leaving.insert(uid, claim)),
                Err(error) => {
                    tracing::warn!(%error, uid, "a volume claim could not be let go");
                    self.leaving.insert(uid, claim);
                }
            }
        }
    }

    async fn is_used(&self, claim: &PersistentVolumeClaim) -> Result<bool, Error> {
        let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
        let pods = Api::<Pod>::namespaced(self.claims.client.clone(), namespace);
        let pods = pods.list(&ListParams::default()).await?;
        let name = claim.metadata.name.as_deref().unwrap_or_default();
        Ok(pods.items.iter().any(|pod| uses(pod, name)))
    }

    /// Takes our finalizer off; a claim that changed meanwhile is seen again.
    async fn unprotect(&self, claim: &PersistentVolumeClaim) -> Result<bool, Error> {
        let meta = &claim.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let claims = Api::<PersistentVolumeClaim>::namespaced(self.claims.client.clone(), namespace);
        let others = meta
            .finalizers
            .iter()
            .flatten()
            .filter(|finalizer| *finalizer != PROTECTION);
        let body = json!({"metadata": {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "finalizers": others.collect::<Vec<_>>(),
        }});
        let name = meta.name.as_deref().unwrap_or_default();
        let (params, patch) = (PatchParams::default(), Patch::Merge(&body));
        match claims.patch(name, &params, &patch).await {
            Err(Error::Api(answer)) if matches!(answer.code, 404 | 409) => Ok(true),
            result => result.map(|_| true),
        }
    }

    /// Removes what belongs to no claim.
    async fn sweep(&self) {
        let volumes = Api::<PersistentVolume>::all(self.claims.client.clone());
        let known = match volumes.list(&ListParams::default()).await {
            Ok(volumes) => volumes.items,
            Err(error) => return tracing::warn!(%error, "volumes cannot be listed"),
        };
        let ours = known
            .into_iter()
            .filter(is_ours)
            .filter_map(|volume| volume.metadata.name);
        let entries = std::fs::read_dir(&self.claims.directory)
            .into_iter()
            .flatten()
            .flatten();
        let directories = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let all: BTreeSet<String> = ours.chain(directories).collect();
        for name in all.difference(&self.listed) {
            self.reclaim(name).await;
        }
    }

    /// Removes a claim's directory, then its volume; what somebody wants to be retained stays.
    async fn reclaim(&self, name: &str) {
        let volumes = Api::<PersistentVolume>::all(self.claims.client.clone());
        let result = match volumes.get_opt(name).await {
            Ok(Some(volume)) if !is_ours(&volume) => Ok(()),
            Ok(found) => {
                self.remove_directory(name).await;
                meta::crash::point("node.claim-removed");
                match found {
                    Some(_) => volumes.delete(name, &DeleteParams::default()).await.map(drop),
                    None => Ok(()),
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::warn!(%error, name, "a volume could not be removed; the next start tries again");
        }
    }

    async fn remove_directory(&self, name: &str) {
        let path = self.claims.directory.join(name);
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(path)).await;
        match removed {
            Ok(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, name, "a volume's directory was not removed");
            }
            _ => {}
        }
    }
}

/// Whether a pod that is not finished has the claim among its volumes.
fn uses(pod: &Pod, claim: &str) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let mut claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref());
    !matches!(phase, Some("Succeeded" | "Failed")) && claims.any(|used| used.claim_name == claim)
}

/// Whether a volume was made here and goes with its claim.
fn is_ours(volume: &PersistentVolume) -> bool {
    let annotations = volume.metadata.annotations.as_ref();
    let maker = annotations.and_then(|annotations| annotations.get(PROVISIONED_BY));
    let spec = volume.spec.as_ref();
    let policy = spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    maker.is_some_and(|maker| maker == PROVISIONER) && policy != Some("Retain")
}
