//! One real node: containerd and runc of this machine, and a kubelet.
//!
//! ```text
//!   kubelet --> containerd --> runc --> containers, on a bridge of their own
//!   (both in a mount namespace of their own, with their own /run and /var/log)
//! ```
//!
//! Pods reach the API server and nothing outside this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::control_plane::flags;
use super::folder::Folder;
use super::kubectl::Kubectl;
use super::{images, machine, node_files, process};

/// The node's name.
pub(crate) const NAME: &str = "rig-node";
/// Who its kubelet is to the API.
pub(crate) const USER: &str = "system:node:rig-node";
/// Its address, on the loopback device: kubelet refuses those of 127.0.0.0/8.
pub(crate) const ADDRESS: &str = "10.253.0.1";
/// The label that chooses it.
const LABEL: &str = "rig.plimsoll.dev/real=true";
/// Its programs, in the order in which they start.
pub(crate) const PROGRAMS: [&str; 2] = ["containerd", "kubelet"];
/// How long it may take to be ready on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// What it needs of this machine, and the Debian package that has it.
const NEEDED: [(&str, &str); 8] = [
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/sbin/iptables", "iptables"),
    ("/sbin/ip", "iproute2"),
    (images::BUSYBOX, "busybox-static"),
    (images::PYTHON, "python3"),
    (images::JQ, "jq"),
];
/// Run in the namespace: nothing of the machine's own containers is seen or touched there. Volumes of pods lie in
/// memory: copying a large program into one would otherwise wait for the disk.
const ALONE: &str = "mount --make-rshared / && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && \
     mount -t tmpfs tmpfs /var/lib/cni && mount -t tmpfs tmpfs \"$1\" && \
     mkdir -p /run/containerd /run/netns /var/log/containers && shift && exec \"$@\"";

/// The real node.
pub(crate) struct RealNode<'a> {
    /// The rig's folder.
    pub(crate) folder: &'a Folder,
    /// Where kubelet lies.
    pub(crate) kubelet: PathBuf,
    /// Further images, as tars of OCI layouts.
    pub(crate) images: &'a [PathBuf],
}

/// Makes the machine fit: what is missing is installed, the API server's address is there.
pub(crate) fn prepare(folder: &Folder, port: u16) -> Result<()> {
    ensure!(rustix::process::geteuid().is_root(), "a real node needs root");
    install_missing()?;
    machine::prepare(folder, port)
}

impl RealNode<'_> {
    /// Starts it, loads the images, and waits until pods can run there.
    pub(crate) fn up(&self, kubectl: &Kubectl) -> Result<()> {
        node_files::write(self.folder)?;
        self.start_containerd()?;
        for image in images::make(self.folder)?.iter().chain(self.images) {
            self.load(image)?;
        }
        self.start_kubelet()?;
        let ready = || kubectl.nodes(LABEL).is_ok_and(|nodes| nodes.ready == 1);
        process::wait_until(self.folder, "kubelet", READY_WITHIN, ready)
    }

    fn start_containerd(&self) -> Result<()> {
        let kubelet_root = self.folder.at("node/kubelet/x")?;
        std::fs::create_dir_all("/var/lib/cni").context("cannot create /var/lib/cni")?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", ALONE, "sh"])
            .arg(kubelet_root.parent().unwrap_or(Path::new("/")))
            .args(["/usr/bin/containerd", "--config"])
            .arg(self.folder.path().join(node_files::CONTAINERD));
        process::start(self.folder, "containerd", &mut command)?;
        let answers = || ctr(self.folder, &["version"]).is_ok();
        process::wait_until(self.folder, "containerd", READY_WITHIN, answers)
    }

    fn load(&self, image: &Path) -> Result<()> {
        let path = image.display().to_string();
        ctr(self.folder, &["images", "import", &path]).with_context(|| format!("cannot load {path}"))?;
        Ok(())
    }

    fn start_kubelet(&self) -> Result<()> {
        let Some(containerd) = process::running(self.folder, "containerd") else {
            bail!("containerd ended{}", process::tail(self.folder, "containerd"));
        };
        let at = |relative: &str| self.folder.path().join(relative).display().to_string();
        let arguments = flags(&[
            ("config", &at(node_files::KUBELET)),
            ("kubeconfig", &at("node.kubeconfig")),
            ("root-dir", &at("node/kubelet")),
            ("cert-dir", &at("node/kubelet/pki")),
            ("hostname-override", NAME),
            ("node-ip", ADDRESS),
            ("node-labels", LABEL),
        ]);
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--target", &containerd.pid.to_string(), "--"])
            .arg(&self.kubelet)
            .args(arguments);
        process::start(self.folder, "kubelet", &mut command)
    }
}

/// Ends it and all of its containers, and leaves the machine as it was.
pub(crate) fn down(folder: &Folder) -> Result<()> {
    process::stop(folder, "kubelet")?;
    if process::running(folder, "containerd").is_some() {
        end_containers(folder)?;
    }
    process::stop(folder, "containerd")?;
    machine::restore(folder)
}

/// A shim ends with its last task.
fn end_containers(folder: &Folder) -> Result<()> {
    for task in ctr(folder, &["tasks", "list", "--quiet"])?.lines() {
        // One that has ended meanwhile is no failure.
        let _ = ctr(folder, &["tasks", "delete", "--force", task]);
    }
    Ok(())
}

/// containerd's own client; its output.
fn ctr(folder: &Folder, arguments: &[&str]) -> Result<String> {
    let socket = folder.path().join(node_files::SOCKET);
    let output = Command::new("ctr")
        .arg("--address")
        .arg(socket)
        .args(["--namespace", "k8s.io"])
        .args(arguments)
        .output()
        .context("cannot run ctr")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("ctr {}: {}", arguments.join(" "), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn install_missing() -> Result<()> {
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| !Path::new(program).exists())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let what = missing.join(" ");
    eprintln!("installing {what}");
    let script =
        format!("apt-get update -qq && apt-get install -y -qq --no-install-recommends {what} >/dev/null");
    let status = Command::new("sh")
        .args(["-c", &script])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "cannot install {what}: a real node needs them");
    Ok(())
}
