//! A resource step: what Argo has kubectl do to objects, then a wait for conditions, then parameters from the object.
//! Rule: workflow/executor/resource.go.
//!
//! ```text
//!   flags, served     what the step says, and which kinds the server has
//!   act               create, apply, replace, patch, delete, get
//!   await_conditions  the object is read again until its conditions hold
//!   parameters        jsonPath and jqFilter of the object
//! ```
//!
//! Everything that goes wrong is said as kubectl says it: people search for those words.

mod act;
mod await_conditions;
mod flags;
mod parameters;
mod problem;
mod served;

use std::path::Path;
use std::time::Duration;

use argo::exec::Orders;
use argo::template::ResourceTemplate;
use argo::values::Outputs;
use serde_json::Value;
use tokio::time::sleep;

use super::Failure;
use super::api::{Api, Request};
use super::journal::Journal;
use flags::Flags;
use problem::Problem;

/// Where Argo puts a manifest: kubectl's messages name it.
const MANIFEST: &str = "/tmp/manifest.yaml";
/// How often an action is tried again while the server says that it may work later.
const ATTEMPTS: u32 = 5;
/// The first pause between tries; each is five times the one before (client-go's `DefaultBackoff`).
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// One step's business with the server.
struct Session<'a> {
    api: &'a Api,
    orders: &'a Orders,
    template: &'a ResourceTemplate,
    flags: Flags,
    /// What the manifest is called in messages.
    file: String,
    journal: &'a mut Journal,
}

/// Does what the step asks, and gives its parameters.
pub(super) async fn run(
    api: &Api,
    orders: &Orders,
    template: &ResourceTemplate,
    journal: &mut Journal,
) -> Result<Outputs, Failure> {
    let has_more = !template.success_condition.is_empty()
        || !template.failure_condition.is_empty()
        || !orders.output_parameters.is_empty();
    if template.action == "delete" && has_more {
        return Err(Failure(
            "successCondition, failureCondition and outputs are not supported for delete action".to_owned(),
        ));
    }
    let (file, manifest) = manifest(orders, template)?;
    if manifest.is_empty() && template.flags.is_empty() {
        return Err(Failure(
            "Must provide at least one of flags or manifest.".to_owned(),
        ));
    }
    let flags = Flags::read(&template.flags).map_err(|problem| no_more_retries(&problem))?;
    let mut session = Session {
        api,
        orders,
        template,
        flags,
        file,
        journal,
    };
    let object = session.act_with_retries(&manifest).await?;
    if let Some(path) = &object {
        session.await_conditions(path).await?;
    }
    session.parameters(object.as_deref()).await
}

/// The manifest's file, for messages, and its text.
fn manifest(orders: &Orders, template: &ResourceTemplate) -> Result<(String, String), Failure> {
    let from = template
        .manifest_from
        .as_ref()
        .and_then(|from| from.artifact.as_ref());
    let Some(from) = from else {
        return Ok((MANIFEST.to_owned(), template.manifest.clone()));
    };
    let path = orders.inputs.iter().find(|input| input.name == from.name);
    let path = path.map_or(MANIFEST, |input| input.path.as_str());
    let text = std::fs::read_to_string(Path::new(path));
    let text = text.map_err(|error| Failure(format!("open {path}: {error}")))?;
    Ok((path.to_owned(), text))
}

fn no_more_retries(problem: &Problem) -> Failure {
    Failure(format!("no more retries {problem}"))
}

impl Session<'_> {
    /// Acts until it is done or will never be; gives the path of the one object that was acted on, if there is one.
    async fn act_with_retries(&mut self, manifest: &str) -> Result<Option<String>, Failure> {
        let mut pause = FIRST_PAUSE;
        let mut left = ATTEMPTS;
        let done = loop {
            left -= 1;
            match self.act(manifest).await {
                Err(problem) if problem.may_pass() && left > 0 => {
                    self.journal.say(&problem.to_string());
                    sleep(pause).await;
                    pause *= 5;
                }
                done => break done.map_err(|problem| no_more_retries(&problem))?,
            }
        };
        match (self.template.action.as_str(), done.as_slice()) {
            ("delete", _) | ("get", []) => Ok(None),
            (_, [path]) => Ok(Some(path.clone())),
            // What kubectl prints of several objects is not one of them.
            (_, []) => Err(Failure("unexpected end of JSON input".to_owned())),
            _ => Err(Failure("invalid character '{' after top-level value".to_owned())),
        }
    }

    /// Reads an object or a list.
    async fn read(&self, path: &str) -> Result<Value, Problem> {
        self.send(&Request::get(path.to_owned())).await
    }

    /// Sends a request whose answer is an object.
    async fn send(&self, request: &Request) -> Result<Value, Problem> {
        let reply = self.api.exchange(request).await.map_err(Problem::Unreachable)?;
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if reply.status.is_success() {
            Ok(body)
        } else {
            Err(Problem::of(reply.status, &body))
        }
    }
}
