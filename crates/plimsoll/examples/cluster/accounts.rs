//! Who wrote how much: the controller's own accounts, and the API server's of everyone.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, Result, ensure};
use kinds::kube::Client;

use crate::line::round;

/// Requests that change something, as the API server names them.
const WRITES: [&str; 6] = ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"];

/// Amounts by name: writes by what was written and how, as `pods/status PATCH`.
pub(crate) type Amounts = BTreeMap<String, f64>;

/// Everyone's writes since the API server's start. Leases are left out: nodes and leaders write them without pause.
pub(crate) async fn everyones(client: &Client) -> Result<Amounts> {
    let request = http::Request::get("/metrics").body(Vec::new())?;
    let text = client
        .request_text(request)
        .await
        .context("the API server's metrics")?;
    let mut writes = Amounts::new();
    for (labels, count) in samples(&text, "apiserver_request_total") {
        let label = |name| label(labels, name);
        let (verb, resource) = (label("verb"), label("resource"));
        if WRITES.contains(&verb) && resource != "leases" {
            let what = [resource, label("subresource")].join("/");
            *writes
                .entry(format!("{} {verb}", what.trim_end_matches('/')))
                .or_default() += count;
        }
    }
    Ok(writes)
}

/// How much came in between, of each.
pub(crate) fn between(before: &Amounts, after: &Amounts) -> Amounts {
    let of = |what: &String| before.get(what).copied().unwrap_or_default();
    let grown = after.iter().map(|(what, count)| (what.clone(), count - of(what)));
    grown.filter(|(_, count)| *count > 0.0).collect()
}

/// So much of each for one of so many; what is less than a hundredth is left out.
pub(crate) fn for_each(amounts: &Amounts, of: usize) -> Amounts {
    let shares = amounts
        .iter()
        .map(|(what, amount)| (what.clone(), round(amount / of as f64)));
    shares.filter(|(_, share)| *share >= 0.01).collect()
}

/// What a controller that listens here counts.
pub(crate) fn counts(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address).context("the controller's metrics")?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: controller\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an HTTP answer")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "the controller says: {head}");
    Ok(body.to_owned())
}

/// One of those counts.
pub(crate) fn count(text: &str, name: &str) -> Option<f64> {
    samples(text, name).next().map(|(_, count)| count)
}

/// The samples of a metric in Prometheus' text form: labels and value.
fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let labels = if labels.is_empty() {
            ""
        } else {
            labels.strip_prefix('{')?
        };
        Some((labels, value.parse().ok()?))
    })
}

fn label<'a>(labels: &'a str, name: &str) -> &'a str {
    let mut pairs = labels.split("\",");
    let value = pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix("=\""));
    value.unwrap_or_default().trim_end_matches(['"', '}'])
}
