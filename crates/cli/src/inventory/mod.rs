//! What an audit reads, and by which right: a cluster's objects in pages, or from a file; the use of its GPUs from
//! their exporters or a Prometheus.
//!
//! It only ever sends GET requests.

mod objects;
mod prometheus;
mod source;
mod usage;

pub(crate) use objects::{of_cluster, of_file};
pub(crate) use source::Source;
pub(crate) use usage::usage;

use kinds::k8s::api::rbac::v1::PolicyRule;
use kinds::kube;

use crate::error::{CommandError, status_code};
use crate::platform::Right;

/// What the server answers to those who may not.
const FORBIDDEN: u16 = 403;

/// The rights that an audit needs which reads the use of GPUs from there: these, and no others.
pub(crate) fn rights(source: &Source) -> Vec<Right> {
    let mut rights = vec![
        right("nodes", "list", "see what machines offer"),
        right("pods", "list", "see what pods ask for, and where they are"),
        right("namespaces", "list", "see whose each namespace is"),
    ];
    match source {
        Source::Exporters => rights.push(right("pods/proxy", "get", "read the pages of the DCGM exporters")),
        Source::Service { service, .. } => {
            let mut right = right("services/proxy", "get", "ask the Prometheus");
            right.rule.resource_names = Some(vec![service.clone()]);
            rights.push(right);
        }
        Source::Auto | Source::Nothing | Source::File(_) | Source::Prometheus(_) => {}
    }
    rights
}

fn right(resource: &str, verb: &str, why: &'static str) -> Right {
    let rule = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: vec![verb.to_owned()],
        ..PolicyRule::default()
    };
    Right { rule, why }
}

/// A refusal, with where the rights are told.
fn refused(error: kube::Error) -> CommandError {
    let forbidden = status_code(&error) == Some(FORBIDDEN);
    let error = CommandError::from(error);
    if forbidden {
        error.hint("`plimsoll audit --rights` prints the ClusterRole that an audit needs")
    } else {
        error
    }
}

/// Sends a GET request.
async fn get(client: &kube::Client, path: &str) -> Result<String, kube::Error> {
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    client.request_text(request).await
}
