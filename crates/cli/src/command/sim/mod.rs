//! `plimsoll sim`: traces through the scheduler, and what other policies would have made of them.

mod openb;
mod plot;
mod timed;

use replay::Error;

use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::exit::Exit;

/// Replay traces through the scheduler
///
/// The planner is the one that places pods on a cluster; others can be compared with it on the same arrivals. Of a FILE
/// of jobs it shows how long they would have waited and how much of the GPUs would have been in use.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    /// A known trace
    #[command(subcommand)]
    trace: Option<Trace>,
    #[command(flatten)]
    own: timed::Own,
}

#[derive(Debug, clap::Subcommand)]
enum Trace {
    Openb(openb::Openb),
    Philly(timed::Philly),
}

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A list of objects
    Json,
    /// Lines of comma-separated values under headings
    Csv,
    /// A plot
    Svg,
}

/// How ties are broken.
#[derive(Clone, Copy, Debug)]
enum Ties {
    Order,
    Random(u64),
}

impl Ties {
    /// The seed, if they are broken at random.
    fn random(self) -> Option<u64> {
        match self {
            Self::Order => None,
            Self::Random(seed) => Some(seed),
        }
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
    let text = match args.trace {
        Some(Trace::Openb(args)) => openb::replay(context, args)?,
        Some(Trace::Philly(args)) => timed::philly(context, args)?,
        None => timed::own(args.own)?,
    };
    context.ui.print(&text)?;
    Ok(Exit::Success)
}

/// The folder of traces.
fn traces(context: &Context, given: Option<std::path::PathBuf>) -> std::path::PathBuf {
    let variable = || context.variable("PLIMSOLL_TRACES").map(Into::into);
    given
        .or_else(variable)
        .unwrap_or_else(|| "../shared/traces".into())
}

fn unreadable(error: &Error, missing: &str) -> CommandError {
    let hint = match error {
        Error::Read { .. } => Some(missing),
        Error::NoSeed { .. } => Some("the first number of each line is its seed"),
        Error::Format { .. } => None,
    };
    let failure = CommandError::input(error.to_string());
    hint.into_iter().fold(failure, CommandError::hint)
}
