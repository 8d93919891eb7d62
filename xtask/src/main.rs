//! The project's own chores: `cargo xtask --help` lists them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "chores talk to a terminal"
)]

mod bench;
mod go;
mod image;
mod npm;
mod parity;
mod rig;
mod shapes;
mod soak;
mod tidy;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
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
    /// Run Argo's examples on the real binary, those that take minutes too.
    Conformance,
    /// Run random workflows in virtual clusters: `--seeds N` of each fault profile or of `--profile P`, or one
    /// again with `--seed N`, or `--script FILE`; `--log` prints the events. What fails is shrunk.
    World {
        /// What the virtual cluster is told.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run random workflows on the real platform, with everybody killed at random; JSON lines.
    Soak(soak::Options),
    /// Build an ordinary kubectl into the user's cache, unless it is there; print its path.
    Kubectl,
    /// Build an S3 server into the user's cache, unless it is there; print its path.
    S3,
    /// Build a stand-in for Google Cloud Storage into the user's cache, unless it is there; print its path.
    Gcs,
    /// Install a stand-in for Azure's blob storage into the user's cache, unless it is there; print its path.
    Azure,
    /// Make our own container image, without a container engine.
    Image(image::Own),
    /// Run the same workflows on a laptop and on the rig's kubelet, beside what upstream left: one table.
    Parity(parity::Options),
    /// Record the shapes of requests that the test suites make, for the comparison with kube-apiserver.
    Shapes,
    /// A real Kubernetes on loopback, for tests.
    #[command(subcommand)]
    Rig(rig::Rig),
}

#[derive(Subcommand)]
enum Bench {
    /// What a step costs, alone, in chains and in fans; JSON lines.
    Steps(bench::Steps),
    /// What workflows cost on the rig, beside a bare loop that makes the same pods; JSON lines.
    Cluster(bench::Cluster),
    /// How fast pods are placed on 1,213, 5,000 and 10,000 machines; JSON lines.
    Schedule,
}

fn main() -> ExitCode {
    match run(Arguments::parse().chore) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<ExitCode> {
    match chore {
        Chore::Tidy => tidy(),
        Chore::Bench(Bench::Steps(options)) => {
            bench::steps(&options)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Bench(Bench::Cluster(options)) => bench::cluster(options),
        Chore::Bench(Bench::Schedule) => schedule(),
        Chore::Conformance => {
            let arguments = [
                "test",
                "--package",
                "plimsoll",
                "--test",
                "conformance",
                "--",
                "--nocapture",
            ];
            cargo(&arguments, &[("PLIMSOLL_CONFORMANCE", OsStr::new("slow"))])
        }
        Chore::World { arguments } => {
            let arguments = arguments.iter().map(String::as_str);
            example("world", "world", &arguments.collect::<Vec<_>>())
        }
        Chore::Soak(options) => {
            soak::soak(&options)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Kubectl => print_path(
            go::KUBERNETES
                .one("kubectl")
                .context("with any other one on the PATH the tests run too"),
        ),
        Chore::Parity(options) => parity::parity(options),
        Chore::S3 => print_path(go::S3.one("versitygw")),
        Chore::Gcs => print_path(go::GCS.one("fake-gcs-server")),
        Chore::Azure => print_path(npm::azure()),
        Chore::Image(options) => {
            image::own(&options)?;
            Ok(ExitCode::SUCCESS)
        }
        Chore::Shapes => shapes::record(),
        Chore::Rig(what) => {
            rig::run(what)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Says where a program is.
fn print_path(program: Result<PathBuf>) -> Result<ExitCode> {
    println!("{}", program?.display());
    Ok(ExitCode::SUCCESS)
}

/// Runs an example of a package, optimised.
fn example(package: &str, name: &str, arguments: &[&str]) -> Result<ExitCode> {
    let run = [
        "run",
        "--release",
        "--quiet",
        "--package",
        package,
        "--example",
        name,
        "--",
    ];
    cargo(&[&run, arguments].concat(), &[])
}

/// The planner alone on made-up pods, then the scheduler's state on those of the trace, where that is.
fn schedule() -> Result<ExitCode> {
    let planner = example("replay", "schedule", &[])?;
    let traces = workspace_root().join("../shared/traces");
    if planner != ExitCode::SUCCESS || !traces.is_dir() {
        return Ok(planner);
    }
    example("replay", "schedule_objects", &[&traces.display().to_string()])
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

/// Runs cargo in this workspace; its exit code is ours.
fn cargo(arguments: &[&str], environment: &[(&str, &OsStr)]) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace_root())
        .args(arguments)
        .envs(environment.iter().copied());
    let status = command.status().context("cannot run cargo")?;
    Ok(if status.success() {
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
