//! Who depends on whom, from `cargo metadata`.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use super::Problem;
use super::rules::{IMPURE_CRATES, LAYERS, PURE_ROOMS, SOLE_OWNERS};

/// The names of our crates.
pub(crate) fn room_names() -> Vec<&'static str> {
    LAYERS.iter().map(|(room, _)| *room).collect()
}

/// Every dependency that the house does not allow.
pub(crate) fn check(root: &Path) -> Result<Vec<Problem>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("cargo metadata failed")?;
    let mut problems: Vec<Problem> = metadata
        .workspace_packages()
        .into_iter()
        .flat_map(check_room)
        .collect();
    for (room, _) in LAYERS {
        if !metadata
            .packages
            .iter()
            .any(|package| package.name.as_str() == *room)
        {
            problems.push(problem(
                "xtask/src/tidy/rules.rs",
                format!("there is no crate `{room}`"),
            ));
        }
    }
    Ok(problems)
}

fn problem(file: &str, what: String) -> Problem {
    Problem {
        file: file.to_owned(),
        line: 0,
        rule: "layers",
        what,
    }
}

fn check_room(package: &Package) -> Vec<Problem> {
    let room = package.name.as_str();
    let file = if room == "xtask" {
        "xtask/Cargo.toml".to_owned()
    } else {
        format!("crates/{room}/Cargo.toml")
    };
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == room) else {
        return vec![problem(
            &file,
            format!("`{room}` has no place in the house: add it to the table of layers"),
        )];
    };
    let mut problems = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        let ours = LAYERS.iter().any(|(other, _)| *other == name);
        // Tests may look sideways and up; what ships may not.
        let ships = dependency.kind != DependencyKind::Development;
        if ours && ships && !below.contains(&name) {
            problems.push(problem(&file, format!("`{room}` must not know `{name}`")));
        }
        if ships && PURE_ROOMS.contains(&room) && IMPURE_CRATES.contains(&name) {
            problems.push(problem(
                &file,
                format!("`{room}` is pure and must not know `{name}`"),
            ));
        }
        if let Some((_, owner)) = SOLE_OWNERS
            .iter()
            .find(|(owned, owner)| *owned == name && *owner != room)
        {
            problems.push(problem(&file, format!("only `{owner}` names `{name}`")));
        }
    }
    problems
}
