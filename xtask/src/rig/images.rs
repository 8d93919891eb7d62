//! The images of the real node, made of this machine's own programs: nothing is pulled.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::folder::Folder;
use crate::image::{Entry, Image};

/// Debian's busybox without libraries.
pub(crate) const BUSYBOX: &str = "/bin/busybox";
/// The image of a pod's sandbox, as the runtime is told.
pub(crate) const PAUSE: &str = "registry.k8s.io/pause:3.10";
/// Images that busybox stands for.
const SMALL: [&str; 4] = [
    "docker.io/library/busybox:latest",
    "docker.io/library/busybox:1.36",
    "docker.io/library/alpine:latest",
    "docker.io/library/alpine:3.23",
];

/// Writes them, and says where.
pub(crate) fn make(folder: &Folder) -> Result<Vec<PathBuf>> {
    let busybox = fs::read(BUSYBOX).with_context(|| format!("cannot read {BUSYBOX}"))?;
    let images = [("pause", pause(&busybox)), ("busybox", small(busybox.clone())?)];
    images
        .iter()
        .map(|(name, image)| {
            let path = folder.at(&format!("images/{name}.tar"))?;
            image.write(&path)?;
            Ok(path)
        })
        .collect()
}

/// Holds a pod's namespaces until it is killed.
fn pause(busybox: &[u8]) -> Image {
    Image {
        names: vec![PAUSE.to_owned()],
        entries: vec![("busybox".to_owned(), Entry::Program(busybox.to_vec()))],
        command: ["/busybox", "sleep", "2147483647"].map(str::to_owned).to_vec(),
    }
}

fn small(busybox: Vec<u8>) -> Result<Image> {
    let mut entries: Vec<(String, Entry)> = ["bin", "etc", "root", "usr", "usr/bin", "var"]
        .map(|path| (path.to_owned(), Entry::Folder(0o755)))
        .into_iter()
        .collect();
    entries.push(("tmp".to_owned(), Entry::Folder(0o1777)));
    let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
    entries.push(("etc/passwd".to_owned(), Entry::File(users.into())));
    let groups = "root:x:0:\nnogroup:x:65534:\n";
    entries.push(("etc/group".to_owned(), Entry::File(groups.into())));
    entries.push(("bin/busybox".to_owned(), Entry::Program(busybox)));
    let links = applets()?.into_iter().map(|applet| {
        let target = if applet == "env" { "usr/bin" } else { "bin" };
        (
            format!("{target}/{applet}"),
            Entry::Link("/bin/busybox".to_owned()),
        )
    });
    entries.extend(links);
    Ok(Image {
        names: SMALL.map(str::to_owned).to_vec(),
        entries,
        command: vec!["/bin/sh".to_owned()],
    })
}

fn applets() -> Result<Vec<String>> {
    let output = Command::new(BUSYBOX)
        .arg("--list")
        .output()
        .with_context(|| format!("cannot run {BUSYBOX}"))?;
    let listed = String::from_utf8_lossy(&output.stdout);
    let applets = listed.lines().filter(|applet| *applet != "busybox");
    Ok(applets.map(str::to_owned).collect())
}
