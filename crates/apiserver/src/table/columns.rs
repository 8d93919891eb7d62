//! The columns of built-in kinds, as `kubectl get` and `-o wide` show them.

use super::{Cell, Column, cells, pod};

const fn column(name: &'static str, cell: Cell) -> Column {
    Column {
        name,
        format: "string",
        priority: 0,
        cell,
    }
}

const fn integer(name: &'static str, cell: Cell) -> Column {
    Column {
        format: "integer",
        ..column(name, cell)
    }
}

const fn date(name: &'static str, cell: Cell) -> Column {
    Column {
        format: "date",
        ..column(name, cell)
    }
}

const fn wide(name: &'static str, cell: Cell) -> Column {
    Column {
        priority: 1,
        ..column(name, cell)
    }
}

const NAME: Column = column("Name", Cell::Name);
const AGE: Column = column("Age", Cell::Age);

pub(crate) const POD: &[Column] = &[
    NAME,
    column("Ready", Cell::Made(pod::ready)),
    column("Status", Cell::Made(pod::status)),
    column("Restarts", Cell::Made(pod::restarts)),
    AGE,
    wide("IP", Cell::Path(&["status", "podIP"])),
    wide("Node", Cell::Path(&["spec", "nodeName"])),
    wide("Nominated Node", Cell::Path(&["status", "nominatedNodeName"])),
    wide("Readiness Gates", Cell::Made(pod::readiness_gates)),
];

pub(crate) const NODE: &[Column] = &[
    NAME,
    column("Status", Cell::Made(cells::node_status)),
    column("Roles", Cell::Made(cells::node_roles)),
    AGE,
    column("Version", Cell::Text(&["status", "nodeInfo", "kubeletVersion"])),
    wide("Internal-IP", Cell::Made(cells::internal_ip)),
    wide("External-IP", Cell::Made(cells::external_ip)),
    wide("OS-Image", Cell::Known(&["status", "nodeInfo", "osImage"])),
    wide(
        "Kernel-Version",
        Cell::Known(&["status", "nodeInfo", "kernelVersion"]),
    ),
    wide(
        "Container-Runtime",
        Cell::Known(&["status", "nodeInfo", "containerRuntimeVersion"]),
    ),
];

pub(crate) const NAMESPACE: &[Column] = &[NAME, column("Status", Cell::Path(&["status", "phase"])), AGE];

pub(crate) const CONFIG_MAP: &[Column] = &[NAME, column("Data", Cell::Made(cells::data)), AGE];

pub(crate) const SECRET: &[Column] = &[
    NAME,
    column("Type", Cell::Path(&["type"])),
    column("Data", Cell::Made(cells::data)),
    AGE,
];

pub(crate) const EVENT: &[Column] = &[
    column("Last Seen", Cell::Made(cells::last_seen)),
    column("Type", Cell::Path(&["type"])),
    column("Reason", Cell::Path(&["reason"])),
    column("Object", Cell::Made(cells::event_object)),
    wide("Subobject", Cell::Text(&["involvedObject", "fieldPath"])),
    wide("Source", Cell::Made(cells::event_source)),
    column("Message", Cell::Made(cells::message)),
    wide("First Seen", Cell::Made(cells::first_seen)),
    wide("Count", Cell::Made(cells::event_count)),
    wide("Name", Cell::Name),
];

pub(crate) const LEASE: &[Column] = &[
    NAME,
    column("Holder", Cell::Path(&["spec", "holderIdentity"])),
    AGE,
];

pub(crate) const DISRUPTION_BUDGET: &[Column] = &[
    NAME,
    column("Min Available", Cell::Made(cells::min_available)),
    column("Max Unavailable", Cell::Made(cells::max_unavailable)),
    integer("Allowed Disruptions", Cell::Made(cells::disruptions_allowed)),
    AGE,
];

pub(crate) const SERVICE: &[Column] = &[
    NAME,
    column("Type", Cell::Path(&["spec", "type"])),
    column("Cluster-IP", Cell::Path(&["spec", "clusterIP"])),
    column("External-IP", Cell::Path(&["spec", "externalName"])),
    column("Port(s)", Cell::Made(cells::service_ports)),
    AGE,
    wide("Selector", Cell::Made(cells::selector)),
];

pub(crate) const CLAIM: &[Column] = &[
    NAME,
    column("Status", Cell::Path(&["status", "phase"])),
    column("Volume", Cell::Text(&["spec", "volumeName"])),
    column("Capacity", Cell::Text(&["status", "capacity", "storage"])),
    column("Access Modes", Cell::Made(cells::bound_access_modes)),
    column("StorageClass", Cell::Text(&["spec", "storageClassName"])),
    column("VolumeAttributesClass", Cell::Made(cells::attributes_class)),
    AGE,
    wide("VolumeMode", Cell::Path(&["spec", "volumeMode"])),
];

pub(crate) const VOLUME: &[Column] = &[
    NAME,
    column("Capacity", Cell::Path(&["spec", "capacity", "storage"])),
    column("Access Modes", Cell::Made(cells::access_modes)),
    column(
        "Reclaim Policy",
        Cell::Path(&["spec", "persistentVolumeReclaimPolicy"]),
    ),
    column("Status", Cell::Path(&["status", "phase"])),
    column("Claim", Cell::Made(cells::claim)),
    column("StorageClass", Cell::Text(&["spec", "storageClassName"])),
    column("VolumeAttributesClass", Cell::Made(cells::attributes_class)),
    column("Reason", Cell::Text(&["status", "reason"])),
    AGE,
    wide("VolumeMode", Cell::Path(&["spec", "volumeMode"])),
];

pub(crate) const CRD: &[Column] = &[
    NAME,
    date("Created At", Cell::Path(&["metadata", "creationTimestamp"])),
];
