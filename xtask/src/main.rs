//! The project's own chores: `cargo xtask --help` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "chores talk to a terminal"
)]

mod bench;
mod kubectl;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Chores of this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the rules of the house: layers, lengths, words.
    Tidy,
    /// Measure the platform.
    #[command(subcommand)]
    Bench(Bench),
    /// Build an ordinary kubectl into the user's cache, unless it is there; print its path.
    Kubectl,
}

#[derive(Subcommand)]
enum Bench {
    /// What a step costs, alone, in chains and in fans; JSON lines.
    Steps(bench::Steps),
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<ExitCode> {
    match chore {
        Chore::Tidy => tidy(),
        Chore::Bench(Bench::Steps(options)) => {
            bench::steps(options)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Kubectl => {
            println!("{}", kubectl::ensure()?.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn tidy() -> Result<ExitCode> {
    let problems = tidy::check(&workspace_root())?;
    for problem in &problems {
        println!("{problem}");
    }
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The root of the workspace that this program was built from.
fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}
