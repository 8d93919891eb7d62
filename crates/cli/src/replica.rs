//! Programs that serve a cluster in replicas, of which one leads: the flags that they share, and how they end.

use std::net::SocketAddr;

use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::error::Result;
use crate::exit::Exit;
use crate::platform::{PlatformError, Replica};
use crate::signals::Interrupts;

/// What every replica takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplicaArgs {
    /// What this replica is called in the Lease [default: the host's name and a random number]
    #[arg(long, value_name = "NAME", conflicts_with = "shadow")]
    identity: Option<String>,
    /// Where to serve /metrics and /healthz
    #[arg(long, default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Serve neither metrics nor health
    #[arg(long, conflicts_with = "listen")]
    no_listen: bool,
    /// Requests to the API a second
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_second: u32,
    /// Requests to the API at once after a quiet time
    #[arg(long, default_value_t = 2000, value_name = "N")]
    burst: u32,
}

impl ReplicaArgs {
    /// The options of a replica that shares this Lease, or that is a shadow.
    pub(crate) fn options(self, lease: (String, String), shadow: bool) -> Replica {
        Replica {
            lease,
            identity: self.identity,
            listen: Some(self.listen).filter(|_| !self.no_listen),
            rate: (self.requests_per_second, self.burst),
            shadow,
        }
    }
}

/// Runs a program until it ends, or a signal ends it in good order; a second one ends it at once.
pub(crate) async fn run(
    context: &Context,
    what: &str,
    start: impl AsyncFnOnce(CancellationToken) -> std::result::Result<(), PlatformError>,
) -> Result<Exit> {
    let mut interrupts = Interrupts::listen()?;
    let shutdown = CancellationToken::new();
    let program = start(shutdown.clone());
    tokio::pin!(program);
    tokio::select! {
        ended = &mut program => return Ok(ended.map(|()| Exit::Success)?),
        () = interrupts.next() => shutdown.cancel(),
    }
    context
        .ui
        .say(&format!("Ending the {what}; Ctrl-C again ends it at once"));
    tokio::select! {
        ended = program => Ok(ended.map(|()| Exit::Success)?),
        () = interrupts.next() => Ok(Exit::Interrupted),
    }
}
