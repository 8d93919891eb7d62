//! The settings of the real node's programs.

use anyhow::Result;
use serde_json::json;

use super::folder::Folder;
use super::images;
use super::machine::BRIDGE;
use super::node::ADDRESS;

/// containerd's settings, in the rig's folder.
pub(crate) const CONTAINERD: &str = "node/containerd.toml";
/// kubelet's settings.
pub(crate) const KUBELET: &str = "node/kubelet.json";
/// Where containerd listens.
pub(crate) const SOCKET: &str = "node/containerd.sock";
/// Addresses of pods.
const POD_RANGE: &str = "10.244.0.0/24";

/// Writes all of them.
pub(crate) fn write(folder: &Folder) -> Result<()> {
    folder.write(CONTAINERD, &containerd(folder))?;
    folder.write(KUBELET, &kubelet(folder))?;
    folder.write("node/cni/10-rig.conflist", &network(folder))?;
    Ok(())
}

fn at(folder: &Folder, relative: &str) -> String {
    folder.path().join(relative).display().to_string()
}

/// Version 2 of the format, which containerd 1.6 to 2.x read.
fn containerd(folder: &Folder) -> String {
    format!(
        r#"version = 2
root = "{root}"
state = "{state}"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  stream_server_address = "127.0.0.1"
  # Where the right to lower it is withheld, no container would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{network}"
"#,
        root = at(folder, "node/containerd"),
        state = at(folder, "node/state"),
        socket = at(folder, SOCKET),
        pause = images::PAUSE,
        network = at(folder, "node/cni"),
    )
}

fn kubelet(folder: &Folder) -> String {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "readOnlyPort": 0,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": at(folder, "pki/ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": at(folder, "pki/node.crt"),
        "tlsPrivateKeyFile": at(folder, "pki/node.key"),
        "containerRuntimeEndpoint": format!("unix://{}", at(folder, SOCKET)),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": ["pods"],
        "podLogsDir": at(folder, "node/logs"),
        "volumePluginDir": at(folder, "node/plugins"),
        // Images that were loaded by hand cannot be had again.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "resolvConf": "/etc/resolv.conf",
        // Nobody answers there; without an address kubelet warns of every pod.
        "clusterDNS": ["10.96.0.10"],
        "clusterDomain": "cluster.local",
        "maxPods": 110,
    })
    .to_string()
}

/// A bridge without masquerading: no pod reaches the outside.
fn network(folder: &Folder) -> String {
    json!({
        "cniVersion": "0.4.0",
        "name": "rig",
        "plugins": [{
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": true,
            "ipMasq": false,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "dataDir": at(folder, "node/addresses"),
                "ranges": [[{"subnet": POD_RANGE}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }],
    })
    .to_string()
}
