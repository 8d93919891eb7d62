//! Programs of other projects that come as npm packages, installed into a cache outside the repository.
//!
//! `tests/rig/azure` names the package, with the checksums of everything beneath. Nothing is installed twice.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::go::cache_folder;

/// The folder under `tests/rig`, and the name of its cache.
const FOLDER: &str = "azure";
/// The package whose version is the cache's.
const PRINCIPAL: &str = "azurite";
/// What it installs.
const PROGRAM: &str = "node_modules/.bin/azurite-blob";

#[derive(Deserialize)]
struct Package {
    dependencies: std::collections::BTreeMap<String, String>,
}

/// A server of Azure's blob storage, installed if it is missing.
pub(crate) fn azure() -> Result<PathBuf> {
    let source = crate::workspace_root().join("tests/rig").join(FOLDER);
    let text = fs::read(source.join("package.json")).context("cannot read package.json")?;
    let package: Package = serde_json::from_slice(&text).context("package.json")?;
    let version = package
        .dependencies
        .get(PRINCIPAL)
        .context("package.json names no azurite")?;
    let caches = cache_folder()?;
    let folder = caches.join(format!("{FOLDER}-{version}"));
    if !folder.join(PROGRAM).exists() {
        eprintln!("installing {PRINCIPAL} {version}");
        // Beside its final name: an interrupted installation leaves no program.
        let fresh = caches.join(format!("{FOLDER}-new.{}", std::process::id()));
        fs::create_dir_all(&fresh).with_context(|| format!("cannot create {}", fresh.display()))?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), fresh.join(file)).with_context(|| format!("cannot copy {file}"))?;
        }
        install(&fresh)?;
        let _ = fs::remove_dir_all(&folder);
        fs::rename(&fresh, &folder).context("cannot keep what npm installed")?;
    }
    Ok(folder.join(PROGRAM))
}

fn install(folder: &std::path::Path) -> Result<()> {
    let status = Command::new("npm")
        .args([
            "ci",
            "--omit=dev",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(folder)
        // Its own words would mix with the path that the chore prints.
        .stdout(std::io::stderr())
        .status()
        .context("cannot run npm")?;
    ensure!(status.success(), "npm ci failed");
    Ok(())
}
