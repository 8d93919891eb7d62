//! What processes use: the controller's, and those of the rig's control plane, whose records lie beside its kubeconfig.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::accounts::Amounts;

/// The rig's record of a program.
#[derive(Deserialize)]
struct Record {
    pid: u32,
}

/// What each of the rig's programs has used so far: milliseconds of CPU time.
pub(crate) fn of_rig(kubeconfig: &Path) -> Result<Amounts> {
    let mut used = Amounts::new();
    let records = std::fs::read_dir(kubeconfig.with_file_name("run")).context("the rig's records")?;
    for record in records {
        let path = record?.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|kind| kind == "json") {
            let record: Record =
                serde_json::from_slice(&std::fs::read(&path)?).context("the rig's record")?;
            used.insert(name, cpu_ms(record.pid)?);
        }
    }
    Ok(used)
}

/// User and system time, in milliseconds. Rule: fields 14 and 15 of `/proc/PID/stat`, in hundredths of a second.
pub(crate) fn cpu_ms(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in the second field may hold anything but ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * 10.0)
}

/// The most memory that was resident so far, in MiB.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB"));
    Ok(peak.context("/proc/PID/status")?.trim().parse::<f64>()? / 1024.0)
}
