//! One real node: containerd, runc and a kubelet of this machine.

/// The node's name.
pub(crate) const NAME: &str = "rig-node";
/// Who its kubelet is to the API.
pub(crate) const USER: &str = "system:node:rig-node";
/// Its address, on the loopback device: kubelet refuses those of 127.0.0.0/8.
pub(crate) const ADDRESS: &str = "10.253.0.1";
