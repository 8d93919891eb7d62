//! The commands: one file each, whose `Args`' doc comments are the help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::context::Context;
use crate::error::Result;
use crate::exit::{self, Exit};
use crate::ui::ColorChoice;

pub mod audit;
pub mod completions;
pub mod controller;
pub mod delete;
pub mod down;
pub mod explain;
pub mod get;
pub mod install;
pub mod lint;
pub mod list;
pub mod logs;
pub mod node;
pub mod resubmit;
pub mod resume;
pub mod retry;
pub mod run;
pub mod scheduler;
pub mod sim;
pub mod stop;
pub mod submit;
pub mod suspend;
pub mod terminate;
pub mod uninstall;
pub mod up;
pub mod upgrade;
pub mod version;
pub mod wait;
pub mod watch;
pub(crate) mod workflows;

/// Run workflows and other data and machine-learning workloads on this machine or on a Kubernetes cluster.
///
/// The manifests are the ones you have: Argo Workflows, Jobs, Deployments.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, after_long_help = exit::help(), propagate_version = false)]
pub struct Cli {
    /// Flags that every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Globals {
    /// The data directory of the embedded platform [default: $PLIMSOLL_DATA_DIR, else $XDG_DATA_HOME/plimsoll, else ~/.local/share/plimsoll]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub data_dir: Option<PathBuf>,
    /// The settings of the embedded platform [default: config.yaml in the data directory, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Talk to the cluster of this kubeconfig
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub kubeconfig: Option<PathBuf>,
    /// Talk to the cluster of this kubeconfig context
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub context: Option<String>,
    /// The namespace to work in
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        help_heading = "Global options"
    )]
    pub namespace: Option<String>,
    /// When to colour what is shown
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        value_name = "WHEN",
        help_heading = "Global options"
    )]
    pub color: ColorChoice,
    /// Say more about what is being done
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::Args),
    Up(up::Args),
    Down(down::Args),
    Submit(submit::Args),
    List(list::Args),
    Get(get::Args),
    Watch(watch::Args),
    Wait(wait::Args),
    Logs(logs::Args),
    Lint(lint::Args),
    Delete(delete::Args),
    Suspend(suspend::Args),
    Resume(resume::Args),
    Stop(stop::Args),
    Terminate(terminate::Args),
    Retry(retry::Args),
    Resubmit(resubmit::Args),
    Node(node::Args),
    Audit(audit::Args),
    Explain(explain::Args),
    Controller(controller::Args),
    Scheduler(scheduler::Args),
    Install(install::Args),
    Upgrade(upgrade::Args),
    Uninstall(uninstall::Args),
    Sim(sim::Args),
    Completions(completions::Args),
    Version(version::Args),
}

/// Runs the command of a parsed command line.
///
/// # Errors
/// The command's failure, to be shown and turned into an exit code.
pub async fn run(context: &Context, cli: Cli) -> Result<Exit> {
    match cli.command {
        Command::Run(args) => run::run(context, args).await,
        Command::Up(args) => up::run(context, args).await,
        Command::Down(args) => down::run(context, args).await,
        Command::Submit(args) => submit::run(context, args).await,
        Command::List(args) => list::run(context, args).await,
        Command::Get(args) => get::run(context, args).await,
        Command::Watch(args) => watch::run(context, args).await,
        Command::Wait(args) => wait::run(context, args).await,
        Command::Logs(args) => logs::run(context, args).await,
        Command::Lint(args) => lint::run(context, args).await,
        Command::Delete(args) => delete::run(context, args).await,
        Command::Suspend(args) => suspend::run(context, args).await,
        Command::Resume(args) => resume::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Terminate(args) => terminate::run(context, args).await,
        Command::Retry(args) => retry::run(context, args).await,
        Command::Resubmit(args) => resubmit::run(context, args).await,
        Command::Node(args) => node::run(context, args).await,
        Command::Audit(args) => audit::run(context, args).await,
        Command::Explain(args) => explain::run(context, args).await,
        Command::Controller(args) => controller::run(context, args).await,
        Command::Scheduler(args) => scheduler::run(context, args).await,
        Command::Install(args) => install::run(context, args).await,
        Command::Upgrade(args) => upgrade::run(context, args).await,
        Command::Uninstall(args) => uninstall::run(context, &args).await,
        Command::Sim(args) => sim::run(context, args),
        Command::Completions(args) => completions::run(context, &args),
        Command::Version(args) => version::run(context, &args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_help_says_what_there_is() {
        let help = Cli::command().term_width(100).render_long_help().to_string();
        let help: String = help
            .lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect();
        expect_test::expect_file!["help.txt"].assert_eq(&help);
    }

    #[test]
    fn flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
