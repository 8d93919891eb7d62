//! Replays in time: `plimsoll sim FILE` and `plimsoll sim philly`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use replay::{Jobs, Machines, Measures, PolicyName, Queueing, Scenario, measure};

use super::{Format, Ties, plot, ties, traces, unreadable};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::table::Table;

/// What `plimsoll sim FILE` is given.
#[derive(Debug, clap::Args)]
pub(super) struct Own {
    /// Jobs as rows under the headings `arrival` and `duration` (seconds, or dates and times), `pods`, `num_gpu`,
    /// `gpu_milli`, `cpu_milli`, `memory_mib`, `gpu_spec`; gzipped or not. What is not there is not asked for
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// The machines: COUNTxGPUS,... or a file with the headings `gpu`, `cpu_milli`, `memory_mib`, `model`, `count`
    #[arg(long, value_name = "MACHINES", required = true)]
    machines: Option<Cluster>,
    #[command(flatten)]
    how: How,
}

/// Microsoft's trace of 2017: 82,247 training jobs of 109 days (ATC'19, as Sia's authors cleaned it)
///
/// A job of more GPUs than a machine has runs on several at once, and starts when all of them have room.
#[derive(Debug, clap::Args)]
pub(super) struct Philly {
    /// The machines, as COUNTxGPUS,... or a file: the trace does not tell which it had. Its jobs keep 374 GPUs busy
    #[arg(long, value_name = "MACHINES", default_value = "90x8")]
    machines: Cluster,
    /// The folder of traces [default: $PLIMSOLL_TRACES, else ../shared/traces]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

/// How a record is replayed.
#[derive(Debug, clap::Args)]
struct How {
    /// The policies: plimsoll, fgd, bestfit, dotprod, gpupacking, gpuclustering, random
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "plimsoll,bestfit,random",
        value_name = "NAME,..."
    )]
    policy: Vec<PolicyName>,
    /// Who may start before whom, as Kueue has it
    #[arg(long, value_enum, default_value = "best-effort-fifo", value_name = "HOW")]
    queueing: Strategy,
    /// How ties are broken: `order` (of the machines) or `random:SEED`
    #[arg(long, default_value = "order", value_name = "HOW", value_parser = ties)]
    ties: Ties,
    /// Print figures in this form, or the course of it as a plot
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Strategy {
    /// Those who fit start before those who came earlier and do not
    BestEffortFifo,
    /// Nobody starts before those who came earlier
    StrictFifo,
}

/// Machines by number and size, or in a file.
#[derive(Clone, Debug, PartialEq)]
enum Cluster {
    /// How many, and with how many devices each.
    Alike(Vec<(usize, usize)>),
    File(PathBuf),
}

impl FromStr for Cluster {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = |word: &str| {
            let (count, devices) = word.split_once('x')?;
            Some((count.parse().ok()?, devices.parse().ok()?))
        };
        let shapes: Option<Vec<_>> = text.split(',').map(shape).collect();
        Ok(shapes.map_or_else(|| Self::File(text.into()), Self::Alike))
    }
}

impl Cluster {
    fn machines(&self) -> Result<Machines> {
        match self {
            Self::Alike(shapes) => Ok(Machines::alike(shapes)),
            Self::File(path) => Machines::read(path).map_err(|error| {
                unreadable(&error, "--machines is COUNTxGPUS,... or names a file of machines")
            }),
        }
    }
}

/// Replays a file of jobs.
pub(super) fn own(args: Own) -> Result<String> {
    let (Some(file), Some(cluster)) = (args.file, args.machines) else {
        return Err(CommandError::input("a FILE of jobs and --machines are needed"));
    };
    replay(&file, cluster.machines()?, &args.how, "the FILE holds jobs")
}

/// Replays Philly.
pub(super) fn philly(context: &Context, args: Philly) -> Result<String> {
    let folder = traces(context, args.data);
    let inner = folder.join("philly");
    let folder = if inner.is_dir() { inner } else { folder };
    let file = folder.join("philly_jobs_sia.csv");
    let hint = "--data names the folder of the traces";
    replay(&file, args.machines.machines()?, &args.how, hint)
}

fn replay(file: &Path, machines: Machines, how: &How, missing: &str) -> Result<String> {
    let jobs = Jobs::read(file, &machines).map_err(|error| unreadable(&error, missing))?;
    let found = measure(&Scenario {
        machines,
        jobs,
        policies: how.policy.clone(),
        queueing: match how.queueing {
            Strategy::BestEffortFifo => Queueing::BestEffortFifo,
            Strategy::StrictFifo => Queueing::StrictFifo,
        },
        random_ties: how.ties.random(),
    });
    match how.output {
        None => Ok(table(&found).render(0)),
        Some(Format::Csv) => Ok(csv(&found)),
        Some(Format::Json) => Ok(serde_json::to_string_pretty(&found)? + "\n"),
        Some(Format::Svg) => plot::courses(&found),
    }
}

fn table(found: &[Measures]) -> Table {
    let mut table = Table::new([
        "POLICY",
        "JOBS",
        "NEVER",
        "WAIT MEAN",
        "P50",
        "P90",
        "P99",
        "MOST WAITING",
        "GPUS USED",
        "DONE AFTER",
    ]);
    for measures in found {
        table.row([
            measures.policy.clone(),
            measures.jobs.to_string(),
            measures.hopeless.to_string(),
            time(measures.wait_mean),
            time(measures.wait_p50),
            time(measures.wait_p90),
            time(measures.wait_p99),
            measures.waiting_max.to_string(),
            format!("{:.2} %", measures.allocation),
            time(measures.makespan),
        ]);
    }
    table
}

/// Seconds in the largest unit of which there is one at least, with a digit after the point.
fn time(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length);
    let (length, name) = unit.unwrap_or((1.0, "s"));
    format!("{:.1} {name}", seconds / length)
}

fn csv(found: &[Measures]) -> String {
    let mut text =
        "policy,jobs,hopeless,wait_mean,wait_p50,wait_p90,wait_p99,waiting_max,allocation,makespan\n"
            .to_owned();
    for Measures {
        policy,
        jobs,
        hopeless,
        wait_mean,
        wait_p50,
        wait_p90,
        wait_p99,
        waiting_max,
        allocation,
        makespan,
        ..
    } in found
    {
        text.push_str(&format!(
            "{policy},{jobs},{hopeless},{wait_mean:.1},{wait_p50:.1},{wait_p90:.1},{wait_p99:.1},{waiting_max},{allocation:.4},{makespan:.1}\n"
        ));
    }
    text
}
