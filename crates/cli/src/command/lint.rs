//! `plimsoll lint`: what is wrong with manifests, all of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use argo::WorkflowSpec;
use kinds::kube::Api;
use kinds::kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams};
use workflow::contract::Library;

use super::workflows::name_of;
use crate::check;
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind, Result};
use crate::exit::Exit;
use crate::manifest::{self, Document};

/// Check manifests
///
/// Reports every problem of every document and ends with exit code 2 if there is one. Templates that the files
/// refer to and do not hold are looked up on the platform that is up or on the cluster; where there is neither,
/// such references are let through.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifests: files, folders, or `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Ask no server: templates that are referred to must be in the files
    #[arg(long)]
    offline: bool,
    /// Fields that nobody defined are problems
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: bool,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let mut loaded = manifest::load(&args.files, &mut std::io::stdin());
    let documents = &mut loaded.documents;
    documents
        .iter_mut()
        .for_each(|document| check::read_as_typed(&mut document.value));
    let elsewhere = if args.offline || !documents.iter().any(refers) {
        None
    } else {
        templates(context).await?
    };
    let rules = check::Rules {
        strict: args.strict,
        whole: args.offline || elsewhere.is_some(),
        submit: false,
    };
    let found = check::check_beside(&loaded.documents, elsewhere.unwrap_or_default(), rules);
    loaded.problems.extend(found);
    let count = loaded.problems.len();
    if count == 0 {
        context.ui.print("no problems found\n")?;
        return Ok(Exit::Success);
    }
    let plural = if count == 1 { "" } else { "s" };
    let mut error = CommandError::input(format!("{count} problem{plural} found"));
    error.diagnostics = loaded.problems;
    Err(error)
}

/// Whether a document may refer to templates of others.
fn refers(document: &Document) -> bool {
    let text = document.value.to_string();
    text.contains("emplateRef\"")
}

/// The templates there are on the server; none if there is no server, unless flags name one.
async fn templates(context: &Context) -> Result<Option<Library>> {
    let globals = &context.globals;
    let named = globals.data_dir.is_some() || globals.kubeconfig.is_some() || globals.context.is_some();
    match fetch(context).await {
        Ok(library) => Ok(Some(library)),
        Err(error) if error.kind == ErrorKind::Unavailable && !named => {
            context
                .ui
                .say("No platform is up: templates that are not in these files are not checked");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn fetch(context: &Context) -> Result<Library> {
    let Connection { client, namespace } = connect(context).await?;
    let resource = |kind| ApiResource::from_gvk(&GroupVersionKind::gvk(argo::GROUP, argo::VERSION, kind));
    let own = Api::namespaced_with(client.clone(), &namespace, &resource("WorkflowTemplate"));
    let shared = Api::all_with(client, &resource("ClusterWorkflowTemplate"));
    Ok(Library {
        templates: specs(&own).await?,
        cluster_templates: specs(&shared).await?,
        ..Library::default()
    })
}

async fn specs(api: &Api<DynamicObject>) -> Result<BTreeMap<String, Arc<WorkflowSpec>>> {
    let listed = api.list(&ListParams::default()).await?.items;
    let specs = listed.iter().filter_map(|object| {
        let spec = object.data.get("spec")?.clone();
        Some((name_of(object), Arc::new(serde_json::from_value(spec).ok()?)))
    });
    Ok(specs.collect())
}
