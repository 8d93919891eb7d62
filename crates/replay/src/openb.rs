//! The trace `openb` (Alibaba, cluster-trace-gpu-v2023) and the protocol that FGD was published with (Weng et
//! al., USENIX ATC'23): its machines, its pods, and the orders in which they arrive.

mod arrivals;
mod manifests;
mod trace;

pub use arrivals::{Arrivals, Lines, ranks};
pub use manifests::node_name;
pub use trace::{Pod, Trace};

/// The traces of the published experiments.
pub const TRACES: [&str; 17] = [
    "default",
    "cpu050",
    "cpu100",
    "cpu200",
    "cpu250",
    "gpushare40",
    "gpushare60",
    "gpushare80",
    "gpushare100",
    "multigpu20",
    "multigpu30",
    "multigpu40",
    "multigpu50",
    "gpuspec10",
    "gpuspec20",
    "gpuspec25",
    "gpuspec33",
];
