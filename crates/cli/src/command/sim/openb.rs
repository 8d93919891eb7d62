//! `plimsoll sim openb`: the published protocol on a published trace.

use std::path::PathBuf;

use replay::openb::TRACES;
use replay::{Comparison, Contract, PolicyName, Row, Seed, compare, openb_in};

use super::{Format, Ties, plot, ties, unreadable};
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::table::Table;

/// Alibaba's GPU trace of 2023, by the protocol that FGD was published with (USENIX ATC'23)
///
/// Pods arrive one by one on an empty cluster of 1,213 machines and 6,212 GPUs until 130 % of its GPUs are asked
/// for; each is placed at once or dropped, and none leaves. Seeds 42 to 51 have the published orders of arrival
/// and of machines; other seeds get orders of our own by the same protocol.
#[derive(Debug, clap::Args)]
pub(super) struct Openb {
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
    /// What pods are promised; other than `at-once`, figures are no longer comparable with the published ones
    #[arg(long, value_enum, default_value = "at-once", value_name = "CONTRACT")]
    contract: Promise,
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

/// Where a plot looks: below, every policy allocates all that is asked for.
const PLOTTED: std::ops::RangeInclusive<usize> = 70..=130;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Promise {
    /// Each is placed as it comes if it fits, and stays
    AtOnce,
    /// They may wait: those do whose place would leave room that nobody can use. For the policy plimsoll
    Queue,
    /// They may be moved, when another fits nowhere
    Migration,
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

/// Replays it.
pub(super) fn replay(context: &Context, mut args: Openb) -> Result<String> {
    let output = args.output;
    if output == Some(Format::Svg) {
        args.at = PLOTTED.collect();
    }
    let missing = "--data names the folder of the traces";
    let rows = compare(&comparison(context, args)?).map_err(|error| unreadable(&error, missing))?;
    match output {
        None => Ok(table(&rows).render(0)),
        Some(Format::Csv) => Ok(csv(&rows)),
        Some(Format::Json) => json(&rows),
        Some(Format::Svg) => plot::of_lines(("GPUs asked for, %", "GPUs allocated, %"), &plotted(&rows)),
    }
}

fn comparison(context: &Context, args: Openb) -> Result<Comparison> {
    let mut traces = args.trace;
    if traces.iter().any(|name| name == "all") {
        traces = TRACES.map(str::to_owned).to_vec();
    }
    if traces.len() > 1 && (args.arrivals.is_some() || args.node_order.is_some()) {
        return Err(CommandError::input(
            "orders given by a file are those of one trace",
        ));
    }
    if args.contract == Promise::Queue && args.policy.iter().any(|policy| *policy != PolicyName::Plimsoll) {
        let error = CommandError::input("only the policy plimsoll lets pods wait");
        return Err(error.hint("add `--policy plimsoll`"));
    }
    Ok(Comparison {
        data: openb_in(&super::traces(context, args.data)),
        traces,
        policies: args.policy,
        seeds: args.seeds.concat(),
        at: args.at,
        arrivals: args.arrivals,
        node_order: args.node_order,
        random_ties: args.ties.random(),
        contract: match args.contract {
            Promise::AtOnce => Contract::AtOnce,
            Promise::Queue => Contract::Queue,
            Promise::Migration => Contract::Migration,
        },
    })
}

/// The means of each trace and policy, in order of demand.
fn means(rows: &[Row]) -> Vec<Vec<&Row>> {
    let means: Vec<&Row> = rows.iter().filter(|row| row.seed == Seed::Mean).collect();
    let same = |a: &&Row, b: &&Row| (&a.trace, &a.policy) == (&b.trace, &b.policy);
    let mut lines: Vec<_> = means.chunk_by(same).map(<[&Row]>::to_vec).collect();
    for line in &mut lines {
        line.sort_by_key(|row| row.at);
        line.dedup_by_key(|row| row.at);
    }
    lines
}

/// The means, a line for each trace and policy.
fn table(rows: &[Row]) -> Table {
    let lines = means(rows);
    let first = lines.first().map_or(&[][..], Vec::as_slice);
    let headings = first.iter().map(|row| format!("AT {}%", row.at));
    let headings: Vec<String> = ["TRACE".to_owned(), "POLICY".to_owned()]
        .into_iter()
        .chain(headings)
        .collect();
    let mut table = Table::new(headings.iter().map(String::as_str));
    for line in lines {
        let name = line.first().map(|row| [row.trace.clone(), row.policy.clone()]);
        let figures = line.iter().map(|row| figure(row));
        table.row(name.into_iter().flatten().chain(figures));
    }
    table
}

/// The means as lines of a plot.
fn plotted(rows: &[Row]) -> Vec<plot::Line> {
    let lines = means(rows).into_iter().filter_map(|line| {
        let first = line.first()?;
        Some(plot::Line {
            name: format!("{}, {}", first.policy, first.trace),
            points: line.iter().map(|row| (row.at as f64, row.allocation)).collect(),
        })
    });
    lines.collect()
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
