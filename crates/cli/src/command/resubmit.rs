//! `plimsoll resubmit`.

use std::hash::{BuildHasher as _, RandomState};

use kinds::kube::api::{DynamicObject, PostParams};
use workflow::layout;
use workflow::rerun::{self, ResubmitOptions};

use super::submit::{After, after};
use super::workflows::{self, Names};
use crate::connect::{Connection, connect};
use crate::context::Context;
use crate::edit;
use crate::error::{CommandError, Result};
use crate::exit::Exit;

/// Submit workflows once more, as new ones
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    names: Names,
    /// Take over the steps that succeeded, with their outputs
    #[arg(long)]
    memoized: bool,
    /// Give an argument of the workflow another value
    #[arg(long = "parameter", short = 'p', value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Its priority among workflows that wait
    #[arg(long, value_name = "NUMBER")]
    priority: Option<i64>,
    #[command(flatten)]
    after: After,
}

/// Runs the command.
pub(super) async fn run(context: &Context, args: Args) -> Result<Exit> {
    let parameters = workflows::pairs(&args.parameters)?;
    let connection = connect(context).await?;
    let mut created = Vec::new();
    for name in args.names.resolve(&connection).await? {
        let options = ResubmitOptions {
            memoized: args.memoized.then(suffix),
            parameters: parameters.clone(),
        };
        created.push(resubmit(context, &connection, &name, &options, args.priority).await?);
    }
    after(context, &connection, &args.after, created).await
}

async fn resubmit(
    context: &Context,
    connection: &Connection,
    name: &str,
    options: &ResubmitOptions,
    priority: Option<i64>,
) -> Result<DynamicObject> {
    let whole = edit::read(connection, name).await?;
    let new = rerun::resubmit(&whole.hydrated, options, context.now());
    let mut new = new.map_err(|why| CommandError::failed(format!("workflow {name}: {why}")))?;
    new.spec.priority = priority.or(new.spec.priority);
    if !layout::dehydrate(&mut new, 0)?.is_empty() {
        return Err(
            CommandError::failed(format!("workflow {name} has too many nodes to take over"))
                .hint("`plimsoll retry` runs the failed ones again, whatever the number"),
        );
    }
    let object: DynamicObject = serde_json::from_value(serde_json::to_value(&new)?)?;
    Ok(workflows::api(connection)
        .create(&PostParams::default(), &object)
        .await?)
}

/// Letters and digits as the server ends generated names with.
fn suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut random = RandomState::new().hash_one(());
    let letters = (0..5).map(|_| {
        let letter = usize::try_from(random % 27).unwrap_or_default();
        random /= 27;
        char::from(LETTERS[letter])
    });
    letters.collect()
}
