//! Which API server a command talks to. The one table:
//!
//! | order | source | used when |
//! | --- | --- | --- |
//! | 1 | `--kubeconfig`, `--context` | either is given |
//! | 2 | `D/kubeconfig` of the data directory | an embedded platform is up on it |
//! | 3 | `$KUBECONFIG`, `~/.kube/config`, the pod's service account | otherwise |
//!
//! A `--data-dir` on which nothing is up is an error rather than a reason to go on to 3:
//! whoever names a directory does not mean a cluster.

use std::path::Path;

use kinds::kube::config::{KubeConfigOptions, Kubeconfig};
use kinds::kube::{Client, Config};

use crate::context::Context;
use crate::data_dir;
use crate::error::{CommandError, Result};

/// An API server to talk to.
pub struct Connection {
    /// The client.
    pub client: Client,
    /// The namespace commands work in: `-n`, else the context's own, else `default`.
    pub namespace: String,
}

/// Connects as the table says.
///
/// # Errors
/// The named kubeconfig or context is not usable, or there is no server to be found.
pub async fn connect(context: &Context) -> Result<Connection> {
    if let Some(client) = context.client.clone() {
        let namespace = context
            .globals
            .namespace
            .clone()
            .unwrap_or_else(|| client.default_namespace().to_owned());
        return Ok(Connection { client, namespace });
    }
    let mut config = config(context).await?;
    // A proxy that the environment names cannot reach this machine's own loopback.
    if config.cluster_url.host().is_some_and(is_loopback) {
        config.proxy_url = None;
    }
    let namespace = context
        .globals
        .namespace
        .clone()
        .unwrap_or_else(|| config.default_namespace.clone());
    context.ui.detail(&format!("talking to {}", config.cluster_url));
    let client = Client::try_from(config)?;
    Ok(Connection { client, namespace })
}

async fn config(context: &Context) -> Result<Config> {
    let globals = &context.globals;
    if globals.kubeconfig.is_some() || globals.context.is_some() {
        return named(globals.kubeconfig.as_deref(), globals.context.clone()).await;
    }
    let up = context.data_dir().ok().filter(|dir| is_up(dir));
    match (up, &globals.data_dir) {
        (Some(dir), _) => named(Some(&data_dir::kubeconfig(&dir)), None).await,
        (None, Some(dir)) => {
            Err(
                CommandError::unavailable(format!("no platform is up on `{}`", dir.display())).hint(format!(
                    "start one with `plimsoll up --data-dir {}`",
                    dir.display()
                )),
            )
        }
        (None, None) => Config::infer().await.map_err(|error| {
            CommandError::unavailable("there is no platform to talk to")
                .because(&error)
                .hint("`plimsoll up` starts one on this machine; --kubeconfig or --context names a cluster")
        }),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn is_up(data_dir: &Path) -> bool {
    data_dir::kubeconfig(data_dir).is_file() && data_dir::holder(data_dir).is_some()
}

/// The server that a kubeconfig (by default the user's own) and a context in it name.
async fn named(kubeconfig: Option<&Path>, context: Option<String>) -> Result<Config> {
    let place = kubeconfig.map_or("the kubeconfig".to_owned(), |path| {
        format!("`{}`", path.display())
    });
    let options = KubeConfigOptions {
        context,
        ..Default::default()
    };
    let config = match kubeconfig {
        None => Config::from_kubeconfig(&options).await,
        Some(path) => match Kubeconfig::read_from(path) {
            Ok(read) => Config::from_custom_kubeconfig(read, &options).await,
            Err(error) => Err(error),
        },
    };
    config.map_err(|error| CommandError::input(format!("cannot use {place}")).because(&error))
}
