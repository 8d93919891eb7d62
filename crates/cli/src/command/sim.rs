//! `plimsoll sim`: traces through the scheduler, and what other policies would have made of them.

use std::path::PathBuf;

use replay::openb::{Error, TRACES};
use replay::{Comparison, PolicyName, Row, Seed, compare, openb_in};

use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::table::Table;

/// Replay traces through the scheduler
///
/// The planner is the one that places pods on a cluster; others can be compared with it on the same arrivals.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to replay
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Openb(Openb),
}

/// Alibaba's GPU trace of 2023, by the protocol that FGD was published with (USENIX ATC'23)
///
/// Pods arrive one by one on an empty cluster of 1,213 machines and 6,212 GPUs until 130 % of its GPUs are asked
/// for; each is placed at once or dropped, and none leaves. Seeds 42 to 51 have the published orders of arrival
/// and of machines; other seeds get orders of our own by the same protocol.
#[derive(Debug, clap::Args)]
struct Openb {
    /// The traces, or `all`
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "default",
        value_name = "NAME,..."
    )]
    trace: Vec<String>,
    /// The policies: plimsoll, fgd, bestfit, dotprod, gpupacking, gpuclustering, random
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "plimsoll,fgd",
        value_name = "NAME,..."
    )]
    policy: Vec<PolicyName>,
    /// The seeds: numbers and ranges
    #[arg(long, value_delimiter = ',', default_value = "42-51", value_name = "N-M,...", value_parser = seeds)]
    seeds: Vec<Vec<u64>>,
    /// Look when so much of the cluster's GPUs has been asked for, in percent
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "80,90,100,130",
        value_name = "PERCENT,..."
    )]
    at: Vec<usize>,
    /// How ties are broken: `order` (of the machines) or `random:SEED`
    #[arg(long, default_value = "order", value_name = "HOW", value_parser = ties)]
    ties: Ties,
    /// Orders of arrival: a line `seed index index ...` for each seed, gzipped or not
    #[arg(long, value_name = "FILE")]
    arrivals: Option<PathBuf>,
    /// Orders of machines: a line `seed rank rank ...` for each seed, gzipped or not
    #[arg(long, value_name = "FILE")]
    node_order: Option<PathBuf>,
    /// The folder of traces [default: $PLIMSOLL_TRACES, else ../shared/traces]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Print figures in this form, each seed's and not only the means
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
}

#[derive(Clone, Copy, Debug)]
enum Ties {
    Order,
    Random(u64),
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A list of objects.
    Json,
    /// Lines of comma-separated values under headings.
    Csv,
}

fn seeds(text: &str) -> Result<Vec<u64>, String> {
    /// More than anyone waits for.
    const SEEDS_MAX: u64 = 100_000;
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    match last.checked_sub(first) {
        Some(more) if more < SEEDS_MAX => Ok((first..=last).collect()),
        _ => Err(format!("{text:?} is no range of at most {SEEDS_MAX} numbers")),
    }
}

fn ties(text: &str) -> Result<Ties, String> {
    let random = text.strip_prefix("random:").and_then(|seed| seed.parse().ok());
    match (text, random) {
        ("order", _) => Ok(Ties::Order),
        (_, Some(seed)) => Ok(Ties::Random(seed)),
        _ => Err("neither `order` nor `random:SEED`".to_owned()),
    }
}

/// Runs the command.
pub(super) fn run(context: &Context, args: Args) -> Result<Exit> {
    let What::Openb(args) = args.what;
    let output = args.output;
    let rows = compare(&comparison(context, args)?).map_err(|error| unreadable(&error))?;
    let text = match output {
        None => table(&rows).render(0),
        Some(Format::Csv) => csv(&rows),
        Some(Format::Json) => json(&rows)?,
    };
    context.ui.print(&text)?;
    Ok(Exit::Success)
}

fn comparison(context: &Context, args: Openb) -> Result<Comparison> {
    let folder = args
        .data
        .or_else(|| context.variable("PLIMSOLL_TRACES").map(PathBuf::from));
    let mut traces = args.trace;
    if traces.iter().any(|name| name == "all") {
        traces = TRACES.map(str::to_owned).to_vec();
    }
    if traces.len() > 1 && (args.arrivals.is_some() || args.node_order.is_some()) {
        return Err(CommandError::input(
            "orders given by a file are those of one trace",
        ));
    }
    Ok(Comparison {
        data: openb_in(&folder.unwrap_or_else(|| PathBuf::from("../shared/traces"))),
        traces,
        policies: args.policy,
        seeds: args.seeds.concat(),
        at: args.at,
        arrivals: args.arrivals,
        node_order: args.node_order,
        random_ties: match args.ties {
            Ties::Order => None,
            Ties::Random(seed) => Some(seed),
        },
    })
}

fn unreadable(error: &Error) -> CommandError {
    let hint = match error {
        Error::Read { .. } => Some("--data names the folder of the traces"),
        Error::NoSeed { .. } => Some("the first number of each line is its seed"),
        Error::Format { .. } => None,
    };
    let failure = CommandError::input(error.to_string());
    hint.into_iter().fold(failure, CommandError::hint)
}

/// The means, a line for each trace and policy.
fn table(rows: &[Row]) -> Table {
    let means: Vec<&Row> = rows.iter().filter(|row| row.seed == Seed::Mean).collect();
    let mut at: Vec<usize> = means.iter().map(|row| row.at).collect();
    at.sort_unstable();
    at.dedup();
    let headings = at.iter().map(|at| format!("AT {at}%"));
    let headings: Vec<String> = ["TRACE".to_owned(), "POLICY".to_owned()]
        .into_iter()
        .chain(headings)
        .collect();
    let mut table = Table::new(headings.iter().map(String::as_str));
    let mut lines: Vec<(&str, &str)> = means
        .iter()
        .map(|row| (row.trace.as_str(), row.policy.as_str()))
        .collect();
    lines.dedup();
    for (trace, policy) in lines {
        let of_line = |at: &usize| {
            let same = |row: &&&Row| row.trace == trace && row.policy == policy && row.at == *at;
            means.iter().find(same).map(|row| figure(row)).unwrap_or_default()
        };
        table.row(
            [trace.to_owned(), policy.to_owned()]
                .into_iter()
                .chain(at.iter().map(of_line)),
        );
    }
    table
}

/// A mean with its confidence interval.
fn figure(row: &Row) -> String {
    let interval = row.ci95.map(|half| format!(" ±{half:.2}")).unwrap_or_default();
    format!("{:.2}{interval}", row.allocation)
}

fn csv(rows: &[Row]) -> String {
    let mut text = "trace,policy,seed,at,allocation,ci95\n".to_owned();
    for row in rows {
        let Row {
            trace,
            policy,
            seed,
            at,
            allocation,
            ci95,
        } = row;
        let ci95 = ci95.map(|half| format!("{half:.4}")).unwrap_or_default();
        text.push_str(&format!("{trace},{policy},{seed},{at},{allocation:.4},{ci95}\n"));
    }
    text
}

fn json(rows: &[Row]) -> Result<String> {
    Ok(serde_json::to_string_pretty(rows)? + "\n")
}
