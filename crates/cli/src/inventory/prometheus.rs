//! A Prometheus' HTTP API, as far as an audit asks it.

use audit::Usage;
use audit::usage::{ACTIVE, MEMORY_FREE, MEMORY_USED, UTILISATION};
use kinds::kube::{Client, Config};
use meta::uri::escape;

use super::{get, refused};
use crate::error::{CommandError, Result};

/// What is asked: a metric, and how its readings over the time become one.
const QUERIES: [(&str, &str); 4] = [
    (UTILISATION, "avg_over_time"),
    (ACTIVE, "avg_over_time"),
    (MEMORY_USED, "max_over_time"),
    (MEMORY_FREE, "min_over_time"),
];

/// Asks a Prometheus at an address.
pub(super) async fn at(address: &http::Uri, seconds: i64) -> Result<Usage> {
    let client = Client::try_from(Config::new(address.clone()))?;
    let usage = ask(&client, "", seconds, &address.to_string()).await;
    usage.map_err(|error| error.while_doing(format!("cannot ask the Prometheus at {address}")))
}

/// Asks what is behind a path of a server.
pub(super) async fn ask(client: &Client, path: &str, seconds: i64, name: &str) -> Result<Usage> {
    let source = format!(
        "{name}, over {}",
        meta::duration::human(jiff::SignedDuration::from_secs(seconds))
    );
    let mut usage = Usage::new(source);
    for (metric, function) in QUERIES {
        let query = escape(&format!("{function}({metric}[{seconds}s])"), "");
        let answer = get(client, &format!("{path}/api/v1/query?query={query}"))
            .await
            .map_err(refused)?;
        usage
            .read_answer(metric, &answer)
            .map_err(|error| CommandError::failed("the answer is none of a Prometheus").because(&error))?;
    }
    Ok(usage)
}
