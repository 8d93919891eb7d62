//! The policies that ours is compared with, as published with FGD (Weng et al., USENIX ATC'23).

mod bestfit;
mod clustering;
mod dotprod;
mod fgd;
mod gpupacking;
mod random;

pub use bestfit::BestFit;
pub use clustering::GpuClustering;
pub use dotprod::DotProd;
pub use fgd::Fgd;
pub use gpupacking::GpuPacking;
pub use random::Random;

/// The CPU, in thousandths of a core, and the devices, in thousandths, that the published scores are relative to.
const CPU_MAX: f64 = 128_000.0;
const DEVICES_MAX: f64 = 8000.0;

/// A score from 0 to 100, truncated as published.
fn percent(part: f64) -> i32 {
    (100.0 * part) as i32
}
