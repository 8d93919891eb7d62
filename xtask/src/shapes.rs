//! Records what kubectl, the command line and the controllers ask for: the shapes that the scenarios which compare the
//! embedded server with kube-apiserver are held to cover.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{cargo, go, workspace_root};

/// The suites whose requests are recorded: they use the platform as people and controllers do.
const SUITES: [&str; 7] = [
    "kubectl", "commands", "run", "rerun", "readme", "failures", "digits",
];
/// Where the shapes are kept.
const FILE: &str = "crates/apiserver/tests/differential/shapes.txt";
const HEAD: &str = "# What kubectl, the command line and the controllers ask for, recorded from their test suites: `cargo xtask shapes`.\n";

/// Runs the suites, and writes down what was asked for.
pub(crate) fn record() -> Result<ExitCode> {
    let folder = std::env::temp_dir().join(format!("plimsoll-shapes-{}", std::process::id()));
    let suites = SUITES.iter().flat_map(|suite| ["--test", suite]);
    let arguments: Vec<&str> = ["test", "--workspace"].into_iter().chain(suites).collect();
    let kubectl = go::KUBERNETES.one("kubectl")?;
    let environment: [(&str, &OsStr); 2] = [
        ("PLIMSOLL_SHAPES", folder.as_os_str()),
        ("KUBECTL", kubectl.as_os_str()),
    ];
    let ended = cargo(&arguments, &environment)?;
    let mut shapes = BTreeSet::new();
    for file in fs::read_dir(&folder).context("no suite recorded anything")? {
        let text = fs::read_to_string(file?.path())?;
        shapes.extend(text.lines().map(str::to_owned));
    }
    let lines: String = shapes.iter().map(|shape| format!("{shape}\n")).collect();
    fs::write(workspace_root().join(FILE), format!("{HEAD}{lines}"))?;
    fs::remove_dir_all(&folder)?;
    println!("{} shapes in {FILE}", shapes.len());
    Ok(ended)
}
