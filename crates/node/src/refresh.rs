//! Files of ConfigMaps, Secrets, tokens and the pod's own fields, kept up to date while the pod is there.
//!
//! As kubelet does it: looked at now and then, replaced as a whole, so that a reader sees one version or the other.
//! Containers that mount a part of a volume (`subPath`) keep what they started with.

use std::sync::Arc;
use std::time::Duration;

use kinds::k8s::api::core::v1::{Pod, Volume};
use tokio::task::AbortHandle;

use crate::directory::PodDirectory;
use crate::volumes::Maker;

/// A pod's volumes are looked at for as long as this lives.
pub(crate) struct Refresh(AbortHandle);

impl Drop for Refresh {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks at the volumes of `pod` from time to time, if there is anything in them that may change.
pub(crate) fn start(
    maker: impl FnOnce() -> Maker,
    pod: Arc<Pod>,
    directory: PodDirectory,
    every: Duration,
) -> Option<Refresh> {
    let volumes = || pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    if !volumes().any(may_change) {
        return None;
    }
    let maker = maker();
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
            for volume in volumes.filter(|volume| may_change(volume)) {
                if let Err(error) = maker.refresh(&pod, volume, &directory).await {
                    // The files stay as they are, as kubelet leaves them.
                    tracing::debug!(?error, volume = volume.name, "a volume stays as it is");
                }
            }
        }
    });
    Some(Refresh(task.abort_handle()))
}

fn may_change(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}
