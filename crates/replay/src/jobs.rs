//! Jobs over time: when each came, what it asked for, and how long it ran.

use std::collections::BTreeMap;
use std::path::Path;

use scheduler::packing::{Request, Workload};

use crate::cluster::Machines;
use crate::csv::{Row, Table};
use crate::policies::Expected;
use crate::text::Error;

/// The part of all requests that typical ones make up, as for the policies on `openb`.
const COVERAGE: f64 = 0.95;
/// The most pods of one job.
const PODS_MAX: u32 = 10_000;

/// A job: pods that start together and end together.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// When it came, in seconds since the first of the record.
    pub arrival: f64,
    /// How long it runs, in seconds.
    pub duration: f64,
    /// Its pods: requests, and how many make each.
    pub pods: Vec<(Request, u32)>,
}

impl Job {
    /// What all its pods take of devices, in thousandths.
    pub fn devices(&self) -> u64 {
        let total = |(request, count): &(Request, u32)| u64::from(request.total()) * u64::from(*count);
        self.pods.iter().map(total).sum()
    }
}

/// A record of jobs, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Jobs(Vec<Job>);

impl Jobs {
    /// Reads a file of jobs that came to `machines`. Its columns, by name, in any order:
    ///
    /// | column | meaning |
    /// | --- | --- |
    /// | `arrival` (or `timestamp`, `creation_time`) | when the job came: seconds, or a date and time |
    /// | `duration` | seconds that it ran; else `deletion_time` less `scheduled_time` or the arrival |
    /// | `pods` | how many pods like this start together; 1 |
    /// | `num_gpu` (or `num_gpus`) | devices of a pod; 0 |
    /// | `gpu_milli` | what it takes of each, in thousandths; 1000 |
    /// | `cpu_milli`, `memory_mib` | CPU and memory of a pod; 0 |
    /// | `gpu_spec` | models that will do, `A|B`; any |
    ///
    /// A pod with more devices than any machine has is split over as many machines as it needs.
    ///
    /// # Errors
    /// A file that is missing or is not what it should be.
    pub fn read(path: &Path, machines: &Machines) -> Result<Self, Error> {
        let table = Table::read(path)?;
        let jobs = table.rows().map(|row| job(&row, &table, machines));
        Ok(Self::new(jobs.collect::<Result<_, _>>()?))
    }

    /// These jobs, in the order in which they came.
    #[must_use]
    pub fn new(mut jobs: Vec<Job>) -> Self {
        jobs.sort_by(|a, b| a.arrival.total_cmp(&b.arrival));
        let first = jobs.first().map_or(0.0, |job| job.arrival);
        for job in &mut jobs {
            job.arrival -= first;
        }
        Self(jobs)
    }

    /// Each job's pods, in the order in which jobs came.
    pub fn all(&self) -> &[Job] {
        &self.0
    }

    /// The requests of all pods and how many made each, most frequent first.
    fn counted(&self) -> Vec<(Request, usize)> {
        let mut counts = BTreeMap::<&Request, usize>::new();
        for (request, count) in self.0.iter().flat_map(|job| &job.pods) {
            *counts.entry(request).or_default() += *count as usize;
        }
        let mut counted: Vec<_> = counts
            .into_iter()
            .map(|(request, count)| (request.clone(), count))
            .collect();
        counted.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| b.cmp(a)));
        counted
    }

    /// What to expect, of those who know the record.
    pub fn expected(&self) -> Expected {
        let counted = self.counted();
        Expected {
            history: Workload::new(counted.clone(), 1.0),
            typical: Workload::new(counted, COVERAGE),
        }
    }
}

fn job(row: &Row<'_>, table: &Table, machines: &Machines) -> Result<Job, Error> {
    let arrival = row.seconds(&["arrival", "timestamp", "creation_time"])?;
    let duration = if table.has("duration") {
        row.seconds(&["duration"])?
    } else {
        row.seconds(&["deletion_time"])?
            - row.seconds(&["scheduled_time", "creation_time", "arrival", "timestamp"])?
    };
    if duration < 0.0 {
        return Err(row.wrong(format!("it ends {} s before it begins", -duration)));
    }
    let count = row.number_or("pods", 1)?;
    if !(1..=PODS_MAX).contains(&count) {
        return Err(row.wrong(format!("{count} pods; there may be 1 to {PODS_MAX}")));
    }
    Ok(Job {
        arrival,
        duration,
        pods: pods(row, count, machines)?,
    })
}

/// The pods of a row: `count` like it, each over as many machines as its devices need.
fn pods(row: &Row<'_>, count: u32, machines: &Machines) -> Result<Vec<(Request, u32)>, Error> {
    let gpus: u32 = row.number_or("num_gpu", row.number_or("num_gpus", 0)?)?;
    let most = u8::try_from(machines.devices_max()).unwrap_or(u8::MAX);
    let (full, rest) = match gpus.checked_div(most.into()) {
        Some(full) => (full, gpus % u32::from(most)),
        // No machine has devices: what asks for some fits nowhere.
        None => (0, gpus.min(u8::MAX.into())),
    };
    let rest = u8::try_from(rest).unwrap_or(u8::MAX);
    let mut pods = Vec::new();
    if full > 0 {
        pods.push((part(row, machines, most, gpus)?, count.saturating_mul(full)));
    }
    if rest > 0 || full == 0 {
        pods.push((part(row, machines, rest, gpus)?, count));
    }
    Ok(pods)
}

/// The part with `gpus` of a pod that has `of`: CPU and memory are divided as its devices are.
fn part(row: &Row<'_>, machines: &Machines, gpus: u8, of: u32) -> Result<Request, Error> {
    let mut request = machines.request(row, gpus)?;
    if u32::from(gpus) < of {
        let divided = |amount: i32| {
            i32::try_from(i64::from(amount) * i64::from(gpus) / i64::from(of)).unwrap_or(amount)
        };
        request.cpu = divided(request.cpu);
        request.memory = divided(request.memory);
    }
    Ok(request)
}
