//! How fast this machine starts and waits for the cheapest process.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};

/// Processes in one measurement.
const PROCESSES: u32 = 2000;
/// How many at once.
const AT_ONCE: [usize; 5] = [1, 2, 4, 8, 16];

/// Processes a second for each number at once: medians of `runs`.
pub(crate) fn rates(runs: usize) -> Result<Vec<(usize, f64)>> {
    let median = |at_once| -> Result<(usize, f64)> {
        let mut rates = (0..runs.max(1))
            .map(|_| rate(at_once))
            .collect::<Result<Vec<f64>>>()?;
        rates.sort_by(f64::total_cmp);
        Ok((at_once, rates[rates.len() / 2]))
    };
    AT_ONCE.into_iter().map(median).collect()
}

fn rate(at_once: usize) -> Result<f64> {
    let left = AtomicU32::new(PROCESSES);
    let failed = AtomicU32::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                    .is_ok()
                {
                    let ended = Command::new("true").stdin(Stdio::null()).status();
                    if !ended.is_ok_and(|status| status.success()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    ensure!(failed == 0, "{failed} of {PROCESSES} processes failed");
    Ok(f64::from(PROCESSES) / began.elapsed().as_secs_f64())
}
