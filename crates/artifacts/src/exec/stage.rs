//! Before the command: input artifacts and the script, at their paths.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use argo::exec::{Orders, Script};

use super::Failure;
use crate::place::Place;
use crate::transfer;

/// Puts everything in its place.
pub(super) fn stage(place: &Place, orders: &Orders) -> Result<(), Failure> {
    for artifact in &orders.inputs {
        transfer::load(place, artifact)
            .map_err(|error| Failure(format!("failed to load artifact '{}': {error}", artifact.name)))?;
    }
    orders.script.as_ref().map_or(Ok(()), write_script)
}

fn write_script(script: &Script) -> Result<(), Failure> {
    let path = Path::new(&script.path);
    let written = path
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, &script.source))
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)));
    written.map_err(|error| Failure(format!("failed to write the script to {}: {error}", script.path)))
}
