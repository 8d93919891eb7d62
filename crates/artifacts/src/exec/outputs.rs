//! After the command: what it gave.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use argo::exec::Orders;
use argo::location::ArtifactLocation;
use argo::values::{ArchiveStrategy, Artifact, Outputs, Parameter};

use super::Failure;
use super::command::Ended;
use crate::place::{Place, Placed};
use crate::{Error, transfer};

/// The most that one parameter may hold, in bytes: the API refuses larger objects anyway.
const PARAMETER_LIMIT: u64 = 1024 * 1024;
/// The name Argo gives to a saved log.
const LOGS_ARTIFACT: &str = "main-logs";
/// The file name Argo gives to it.
const LOGS_FILE: &str = "main.log";

/// Collects everything that is there, and the first thing that is not.
pub(super) fn collect(place: &Place, orders: &Orders, ended: &Ended) -> (Outputs, Option<Failure>) {
    let mut failure = None;
    let mut note = |problem: Failure| {
        failure.get_or_insert(problem);
    };
    let mut outputs = Outputs {
        result: ended.result.clone(),
        ..Outputs::default()
    };
    for parameter in &orders.output_parameters {
        match read_parameter(parameter) {
            Ok(parameter) => outputs.parameters.push(parameter),
            Err(problem) => {
                // Argo reports it nevertheless, without a value: an exit handler may name it.
                outputs.parameters.push(parameter.clone());
                note(problem);
            }
        }
    }
    for artifact in &orders.output_artifacts {
        match transfer::save(place, artifact) {
            Ok(saved) => outputs.artifacts.extend(saved),
            Err(error) => note(Failure(format!(
                "failed to save artifact '{}': {error}",
                artifact.name
            ))),
        }
    }
    match ended.log.as_ref().map(|log| save_log(place, log)) {
        Some(Ok(log)) => outputs.artifacts.push(log),
        Some(Err(error)) => note(Failure(format!("failed to save the log: {error}"))),
        None => {}
    }
    (outputs, failure)
}

/// A parameter with its value: the file's content without one trailing newline, or its default. One that
/// does not come from a file is passed over: the engine computes it.
fn read_parameter(parameter: &Parameter) -> Result<Parameter, Failure> {
    let Some(source) = parameter
        .value_from
        .as_ref()
        .filter(|source| !source.path.is_empty())
    else {
        return Ok(parameter.clone());
    };
    let value = match (read_text(Path::new(&source.path)), &source.default) {
        (Ok(text), _) => text.into(),
        (Err(_), Some(default)) => default.clone(),
        (Err(error), None) => {
            return Err(Failure(format!(
                "failed to read output parameter '{}': {error}",
                parameter.name
            )));
        }
    };
    Ok(Parameter {
        value: Some(value),
        ..parameter.clone()
    })
}

fn read_text(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Missing {
            path: path.to_owned(),
        },
        _ => Error::io("open", path)(error),
    })?;
    file.take(PARAMETER_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    if bytes.len() as u64 > PARAMETER_LIMIT {
        return Err(Error::Unsupported {
            what: format!("{}: a parameter of more than 1 MiB", path.display()),
        });
    }
    bytes.pop_if(|last| *last == b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Keeps the combined output as it is, as Argo does.
pub(super) fn save_log(place: &Place, mut log: &File) -> Result<Artifact, Error> {
    let mut artifact = Artifact {
        name: LOGS_ARTIFACT.to_owned(),
        archive: Some(ArchiveStrategy {
            none: Some(Default::default()),
            ..ArchiveStrategy::default()
        }),
        ..Artifact::default()
    };
    let placed: Placed = place.of_output(&artifact, LOGS_FILE)?;
    artifact.location = match placed.store() {
        Some((store, key)) => placed.location(&store.put(key, &mut |out| {
            std::io::copy(&mut log, out)
                .map(|_| ())
                .map_err(Error::io("read", Path::new(LOGS_FILE)))
        })?),
        None => ArtifactLocation::default(),
    };
    Ok(artifact)
}
