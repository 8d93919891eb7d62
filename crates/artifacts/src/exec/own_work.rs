//! Steps without a command: the executor itself does the work, and its log is the container's.

use argo::NodeResult;
use argo::exec::{EXECUTOR_FAILED, Orders};
use argo::values::Outputs;
use meta::crash;

use super::api::Api;
use super::journal::Journal;
use super::{Failure, command, http, last_words, outputs, resource};
use crate::place::Place;

/// Does the work, unless the container is asked to end before; gives the exit code and what is reported.
pub(super) async fn run(api: &Api, place: &Place, orders: &Orders) -> Result<(i32, NodeResult), Failure> {
    let mut journal = Journal::new(orders.archive_logs).map_err(|error| no_log(&error))?;
    let work = async {
        match (&orders.resource, &orders.http) {
            (Some(template), _) => of_container(resource::run(api, orders, template, &mut journal).await),
            (None, Some(template)) => (Ok(()), http::run(template, &mut journal).await),
            (None, None) => (Ok(()), NodeResult::default()),
        }
    };
    let (ended, mut result) = tokio::select! {
        done = work => done,
        code = command::asked_to_end() => return Ok((code?, NodeResult::default())),
    };
    crash::point("exec.ended");
    if let Err(Failure(message)) = &ended {
        journal.say(message);
        last_words(message);
    }
    let log = journal.into_copy().map_err(|error| no_log(&error))?;
    let kept = log.map(|log| outputs::save_log(place, &log)).transpose();
    let kept = kept.map_err(|error| Failure(format!("failed to save the log: {error}")))?;
    result.outputs.get_or_insert_default().artifacts.extend(kept);
    Ok((ended.map_or(EXECUTOR_FAILED, |()| 0), result))
}

/// What went wrong with a resource is the container's failure, and so the node's: nothing else is reported of it.
fn of_container(done: Result<Outputs, Failure>) -> (Result<(), Failure>, NodeResult) {
    let (ended, outputs) = match done {
        Ok(outputs) => (Ok(()), outputs),
        Err(failure) => (Err(failure), Outputs::default()),
    };
    let result = NodeResult {
        outputs: Some(outputs),
        ..NodeResult::default()
    };
    (ended, result)
}

fn no_log(error: &std::io::Error) -> Failure {
    Failure(format!("the log cannot be kept: {error}"))
}
