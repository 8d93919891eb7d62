//! What a real node changes on this machine outside of the rig's folder, and how it is as it was again.
//!
//! An address on the loopback device, one rule of the packet filter, kernel settings that kubelet makes, a bridge,
//! and cgroups: nothing else.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::node::ADDRESS;

/// The bridge of the pods' network.
pub(crate) const BRIDGE: &str = "rigbr0";
/// The API server's Service, as pods see it.
const SERVICE: &str = "10.96.0.1";
/// Kernel settings that kubelet changes.
const SETTINGS: [&str; 7] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
];
/// Where what was found is remembered.
const BEFORE: &str = "machine.json";

/// The machine before the node came.
#[derive(Serialize, Deserialize)]
struct Before {
    settings: Vec<(String, String)>,
    port: u16,
}

/// Prepares the machine: the address on which the API is served, and the way of pods to it.
pub(crate) fn prepare(folder: &Folder, port: u16) -> Result<()> {
    if folder.path().join(BEFORE).is_file() {
        return Ok(());
    }
    let settings = SETTINGS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), fs::read_to_string(setting(name)).ok()?)))
        .collect();
    let before = Before { settings, port };
    folder.write(BEFORE, &serde_json::to_string(&before)?)?;
    // Somebody may have left it there.
    let _ = run("ip", &["address", "del", &format!("{ADDRESS}/32"), "dev", "lo"]);
    run("ip", &["address", "add", &format!("{ADDRESS}/32"), "dev", "lo"])?;
    let rule = rule("--append", port);
    run("iptables", &rule.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Undoes all of it. What is gone already is no failure.
pub(crate) fn restore(folder: &Folder) -> Result<()> {
    let Ok(text) = fs::read_to_string(folder.path().join(BEFORE)) else {
        return Ok(());
    };
    let before: Before = serde_json::from_str(&text).context("the machine's record cannot be read")?;
    let rule = rule("--delete", before.port);
    let _ = run("iptables", &rule.iter().map(String::as_str).collect::<Vec<_>>());
    let _ = run("ip", &["link", "del", BRIDGE]);
    let _ = run("ip", &["address", "del", &format!("{ADDRESS}/32"), "dev", "lo"]);
    for (name, value) in before.settings {
        let _ = fs::write(setting(&name), value);
    }
    remove_cgroups(Path::new("/sys/fs/cgroup"));
    Ok(())
}

fn setting(name: &str) -> String {
    format!("/proc/sys/{name}")
}

fn rule(action: &str, port: u16) -> Vec<String> {
    let to = format!("{ADDRESS}:{port}");
    [
        "--table",
        "nat",
        action,
        "PREROUTING",
        "--destination",
        SERVICE,
        "--protocol",
        "tcp",
        "--dport",
        "443",
        "--jump",
        "DNAT",
        "--to-destination",
        &to,
    ]
    .map(str::to_owned)
    .to_vec()
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", arguments.join(" "), said.trim());
    }
    Ok(())
}

/// Removes kubelet's cgroups, of either version; those with processes stay.
fn remove_cgroups(root: &Path) {
    let roots = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    for folder in roots.chain([root.to_owned()]) {
        for name in ["kubepods", "k8s.io"] {
            remove_empty(&folder.join(name));
        }
    }
}

fn remove_empty(folder: &Path) {
    let inside = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in inside.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_empty(&entry.path());
    }
    let _ = fs::remove_dir(folder);
}
