//! Ports of the machine that pods take for themselves. Rule: kube-scheduler's filter NodePorts.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::pod::PodSpec;

/// A container's port, as the API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawPort {
    /// The port inside.
    pub container_port: u16,
    /// The machine's port; none, or 0, takes none.
    pub host_port: Option<u16>,
    /// The machine's address; none means all of them.
    #[serde(rename = "hostIP", deserialize_with = "meta::json::null_as_default")]
    pub host_ip: String,
    /// `TCP` (the default), `UDP` or `SCTP`.
    #[serde(deserialize_with = "meta::json::null_as_default")]
    pub protocol: String,
}

/// A port of the machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    port: u16,
    protocol: String,
    /// `None` means all addresses.
    address: Option<String>,
}

impl HostPort {
    fn new(raw: &RawPort, port: u16) -> Self {
        let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
        let address = or(&raw.host_ip, "0.0.0.0");
        Self {
            port,
            protocol: or(&raw.protocol, "TCP"),
            address: Some(address).filter(|address| address != "0.0.0.0"),
        }
    }

    /// Whether two pods cannot have one each.
    fn conflicts_with(&self, other: &Self) -> bool {
        let anywhere = self.address.is_none() || other.address.is_none();
        self.port == other.port
            && self.protocol == other.protocol
            && (anywhere || self.address == other.address)
    }
}

/// The machine's ports that a pod takes, in order. A pod in the machine's network takes those it listens on.
pub(crate) fn of(spec: &PodSpec) -> Vec<HostPort> {
    let beside = spec
        .init_containers
        .iter()
        .filter(|container| container.restart_policy == "Always");
    let all = spec.containers.iter().chain(beside);
    let taken = all.flat_map(|container| &container.ports).filter_map(|raw| {
        let inside = spec.host_network.then_some(raw.container_port);
        let port = raw.host_port.filter(|port| *port > 0).or(inside)?;
        (port > 0).then(|| HostPort::new(raw, port))
    });
    let mut taken: Vec<HostPort> = taken.collect();
    taken.sort();
    taken.dedup();
    taken
}

/// The ports of one machine that are taken, and by how many pods: bindings by others may break the rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports(BTreeMap<HostPort, usize>);

impl Ports {
    /// A pod came with these.
    pub(crate) fn take(&mut self, ports: &[HostPort]) {
        for port in ports {
            *self.0.entry(port.clone()).or_default() += 1;
        }
    }

    /// It went.
    pub(crate) fn give_back(&mut self, ports: &[HostPort]) {
        for port in ports {
            if let Some(count) = self.0.get_mut(port) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(port);
                }
            }
        }
    }

    /// Whether all of these are free.
    pub(crate) fn are_free(&self, wanted: &[HostPort]) -> bool {
        let mut pairs = wanted
            .iter()
            .flat_map(|port| self.0.keys().map(move |taken| (port, taken)));
        !pairs.any(|(port, taken)| port.conflicts_with(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(taken: &str, wanted: &str, expected: bool) {
        let read = |text: &str| of(&serde_json::from_str(text).unwrap());
        let mut ports = Ports::default();
        let taken = read(taken);
        ports.take(&taken);
        ports.take(&taken);
        assert_eq!(ports.are_free(&read(wanted)), expected, "{wanted}");
        ports.give_back(&taken);
        assert_eq!(
            ports.are_free(&read(wanted)),
            expected,
            "one of two is left: {wanted}"
        );
        ports.give_back(&taken);
        assert!(ports.are_free(&read(wanted)) && ports.0.is_empty());
    }

    #[test]
    fn ports_conflict_by_number_protocol_and_address() {
        let port =
            |fields: &str| format!(r#"{{"containers":[{{"ports":[{{"containerPort":1,{fields}}}]}}]}}"#);
        let all = port(r#""hostPort":80"#);
        let one = port(r#""hostPort":80,"hostIP":"10.0.0.1""#);
        check(&all, &all, false);
        check(&all, &one, false);
        check(&one, &all, false);
        check(&one, &one, false);
        check(&one, &port(r#""hostPort":80,"hostIP":"10.0.0.2""#), true);
        check(&all, &port(r#""hostPort":80,"protocol":"UDP""#), true);
        check(&all, &port(r#""hostPort":81"#), true);
        check(&all, &port(r#""hostPort":0"#), true);
        check(&all, &port(r#""hostIP":"0.0.0.0""#), true);
    }

    #[test]
    fn the_machines_network_and_sidecars() {
        let host = r#"{"hostNetwork":true,"containers":[{"ports":[{"containerPort":80}]}]}"#;
        let sidecar =
            r#"{"initContainers":[{"restartPolicy":"Always","ports":[{"containerPort":1,"hostPort":80}]}]}"#;
        let init = r#"{"initContainers":[{"ports":[{"containerPort":1,"hostPort":80}]}]}"#;
        check(host, sidecar, false);
        check(host, init, true);
    }
}
