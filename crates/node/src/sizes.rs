//! How much lies in a pod's `emptyDir` volumes, where that has a limit.
//! Rule: kubernetes/pkg/kubelet/eviction, `emptyDirLimitEviction`.
//!
//! As kubelet does it: looked at now and then, so that a pod may hold more for a while. What a volume's files take up on
//! the disk counts.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kinds::k8s::api::core::v1::{Pod, Volume};
use meta::Quantity;
use tokio::task::AbortHandle;

use crate::directory::PodDirectory;

/// How often kubelet looks.
const EVERY: Duration = Duration::from_secs(10);
/// Bytes of a block, as files count them.
const BLOCK: u64 = 512;

/// A pod's volumes are measured for as long as this lives.
pub(crate) struct Watch(AbortHandle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A volume's name, its directory, its limit and how that is written.
struct Limited {
    name: String,
    directory: PathBuf,
    bytes: u64,
    written: String,
}

/// Measures the volumes of `pod` that have a limit, at most `every` so often, and tells once what is said of one that
/// holds more.
pub(crate) fn watch(
    pod: &Arc<Pod>,
    directory: &PodDirectory,
    every: Duration,
    tell: impl FnOnce(String) + Send + 'static,
) -> Option<Watch> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let limited: Vec<_> = volumes.filter_map(|volume| limited(volume, directory)).collect();
    if limited.is_empty() {
        return None;
    }
    let limited = Arc::new(limited);
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(every.min(EVERY)).await;
            let measured = Arc::clone(&limited);
            let found = tokio::task::spawn_blocking(move || measured.iter().find_map(overfull)).await;
            if let Ok(Some(message)) = found {
                return tell(message);
            }
        }
    });
    Some(Watch(task.abort_handle()))
}

fn limited(volume: &Volume, directory: &PodDirectory) -> Option<Limited> {
    let written = &volume.empty_dir.as_ref()?.size_limit.as_ref()?.0;
    let quantity: Quantity = written.parse().ok()?;
    let bytes = u64::try_from(quantity.as_millis() / 1000).ok()?;
    (bytes > 0).then(|| Limited {
        name: volume.name.clone(),
        directory: directory.volume(&volume.name),
        bytes,
        written: written.clone(),
    })
}

fn overfull(volume: &Limited) -> Option<String> {
    (used(&volume.directory) > volume.bytes).then(|| {
        format!(
            "Usage of EmptyDir volume {:?} exceeds the limit {:?}. ",
            volume.name, volume.written
        )
    })
}

/// Bytes on the disk below a directory. What goes away meanwhile takes up nothing.
fn used(directory: &Path) -> u64 {
    let mut total = 0;
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries {
            let Ok(found) = entry.metadata() else { continue };
            total += found.blocks() * BLOCK;
            if found.is_dir() {
                open.push(entry.path());
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_counts_as_the_disk_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let before = used(folder.path());
        std::fs::write(below.join("full"), vec![1; 100_000]).unwrap();
        std::fs::File::create(below.join("holes"))
            .unwrap()
            .set_len(1 << 30)
            .unwrap();
        std::os::unix::fs::symlink("/usr", below.join("elsewhere")).unwrap();
        let grown = used(folder.path()) - before;
        assert!((100_000..300_000).contains(&grown), "{grown}");
        assert_eq!(used(&folder.path().join("gone")), 0);
    }
}
