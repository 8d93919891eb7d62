//! `plimsoll audit`: where a cluster's GPUs are wasted, read and never written.

use std::path::{Path, PathBuf};

use audit::{Prices, Report, Settings};
use serde_json::json;

use crate::connect::connect;
use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;
use crate::install;
use crate::inventory::{self, Source};

/// Show where a cluster's GPUs are wasted, changing nothing
///
/// Lists nodes, pods and namespaces, and reads what the GPUs do where NVIDIA's DCGM exporter or a Prometheus tells.
/// Nothing is installed and nothing is written: `--rights` prints the ClusterRole that is enough.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print all of it as JSON
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Form>,
    /// Write a page with plots to this file too: it holds everything it shows
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Prices over those that come with the program: rows `kind,name,on_demand,spot`, in dollars an hour, where kind is
    /// node, pool, instance, gpu, core or spot
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Where to read what GPUs do: `exporters` (by the API server's proxy), a Prometheus as http://HOST:PORT or
    /// NAMESPACE/SERVICE:PORT, a file of either's output, `none`, or `auto`: the exporters if they may be read
    #[arg(long, default_value = "auto", value_name = "SOURCE")]
    metrics: Source,
    /// How far back to ask a Prometheus
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = seconds)]
    window: i64,
    /// A held GPU is idle if it has work for less than this part of the time
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    idle_below: f64,
    /// Labels of namespaces that name their team; the first that is there counts
    #[arg(long, default_value = "team", value_delimiter = ',', value_name = "LABEL,...")]
    team_label: Vec<String>,
    /// Labels of nodes that name their pool, before those of EKS, GKE, AKS and Karpenter
    #[arg(long, value_delimiter = ',', value_name = "LABEL,...")]
    pool_label: Vec<String>,
    /// Read what `kubectl get nodes,pods,namespaces --all-namespaces --output=json` wrote instead of a cluster
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print the ClusterRole that such an audit needs, and do no more
    #[arg(long)]
    rights: bool,
}

/// How the report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// JSON
    Json,
}

fn seconds(text: &str) -> Result<i64, String> {
    let seconds = meta::duration::parse_or_seconds(text)?.as_secs();
    if seconds > 0 {
        Ok(seconds)
    } else {
        Err("it is not positive".to_owned())
    }
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    if args.rights {
        return show_rights(context, &args.metrics);
    }
    let prices = prices(args.prices.as_deref())?;
    let cluster = look(context, &args).await?;
    let settings = Settings {
        team_labels: args.team_label,
        pool_labels: args.pool_label,
        idle_below: args.idle_below / 100.0,
    };
    let report = audit::audit(&cluster, &prices, &settings, context.now());
    if let Some(path) = &args.html {
        write_page(context, path, &report)?;
    }
    match args.output {
        None => context.ui.print(&audit::text(&report))?,
        Some(Form::Json) => {
            let text = serde_json::to_string_pretty(&report)?;
            context.ui.print(&format!("{text}\n"))?;
        }
    }
    Ok(Exit::Success)
}

/// Reads the cluster, and what its GPUs do.
async fn look(context: &Context, args: &Args) -> Result<audit::Cluster> {
    let client = match args.from {
        Some(_) => None,
        None => Some(connect(context).await?.client),
    };
    let mut cluster = match (&args.from, &client) {
        (Some(path), _) => inventory::of_file(context, path)?,
        (None, Some(client)) => inventory::of_cluster(context, client).await?,
        (None, None) => audit::Cluster::default(),
    };
    cluster.usage = inventory::usage(context, client.as_ref(), &args.metrics, &cluster, args.window).await?;
    Ok(cluster)
}

fn prices(over: Option<&Path>) -> Result<Prices> {
    let mut prices = Prices::built_in().map_err(|error| {
        CommandError::failed("the prices that come with the program are not understood").because(&error)
    })?;
    if let Some(path) = over {
        let cannot = || CommandError::input(format!("cannot read the prices in `{}`", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| cannot().because(&error))?;
        prices.read(&text).map_err(|error| cannot().because(&error))?;
    }
    Ok(prices)
}

fn write_page(context: &Context, path: &Path, report: &Report) -> Result<()> {
    std::fs::write(path, audit::page(report)).map_err(|error| {
        CommandError::from(error).while_doing(format!("cannot write `{}`", path.display()))
    })?;
    context.ui.say(&format!("The page is in {}", path.display()));
    Ok(())
}

fn show_rights(context: &Context, source: &Source) -> Result<Exit> {
    let role = install::role(
        "ClusterRole",
        &json!({"name": "plimsoll-audit"}),
        &inventory::rights(source),
        "what `plimsoll audit` may do: read, and nothing else",
    );
    context.ui.print(&install::yaml(&[role])?)?;
    Ok(Exit::Success)
}
