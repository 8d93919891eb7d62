//! What a controller tells whoever asks: that it lives, whether it leads, and what it did.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use cli::PlatformError;
use controller::Metrics;
use controller::gate::Term;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// Askers served at the same time; who comes when there are more waits.
const AT_ONCE: usize = 16;

/// What there is to tell.
#[derive(Clone)]
pub(crate) struct Told {
    /// What the controllers did.
    pub(crate) metrics: Arc<Metrics>,
    /// Whether this replica leads.
    pub(crate) term: Term,
}

/// Serves `/healthz` and `/metrics` until what it returns is dropped.
pub(crate) async fn serve(address: SocketAddr, told: Told) -> Result<AbortOnDropHandle<()>, PlatformError> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => PlatformError::PortTaken {
                address: address.to_string(),
            },
            _ => PlatformError::Other(error.into()),
        })?;
    Ok(AbortOnDropHandle::new(tokio::spawn(accept(listener, told))))
}

async fn accept(listener: TcpListener, told: Told) {
    let mut askers = JoinSet::new();
    loop {
        if askers.len() >= AT_ONCE {
            askers.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, _)) => {
                askers.spawn(answer_all(stream, told.clone()));
            }
            Err(error) => tracing::debug!(%error, "nobody could be let in"),
        }
        while askers.try_join_next().is_some() {}
    }
}

async fn answer_all(stream: TcpStream, told: Told) {
    let service = service_fn(|request| {
        let answer = answer(&request, &told);
        async { Ok::<_, Infallible>(answer) }
    });
    // An asker that goes away in mid-sentence is no concern of ours.
    let _ = http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn answer(request: &Request<Incoming>, told: &Told) -> Response<Full<Bytes>> {
    let text = match request.uri().path() {
        "/healthz" => "ok\n".to_owned(),
        "/metrics" => render(&told.metrics, &told.term),
        _ => {
            let mut nothing = Response::new(Full::default());
            *nothing.status_mut() = StatusCode::NOT_FOUND;
            return nothing;
        }
    };
    Response::new(Full::from(text))
}

/// In the text form of Prometheus.
fn render(metrics: &Metrics, term: &Term) -> String {
    let mut text = String::new();
    let leads = u8::from(term.lasts());
    let _ = write!(
        text,
        "# HELP plimsoll_leads Whether this replica leads.\n# TYPE plimsoll_leads gauge\nplimsoll_leads {leads}\n"
    );
    for (name, help, count) in metrics.all() {
        let name = format!("plimsoll_{name}_total");
        let _ = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rendered_for_prometheus() {
        let metrics = Metrics::default();
        metrics.pods_created.add(3);
        let text = render(&metrics, &Term::default());
        let expected = "# HELP plimsoll_pods_created_total Pods created for workflows.\n\
                        # TYPE plimsoll_pods_created_total counter\n\
                        plimsoll_pods_created_total 3\n";
        assert!(
            text.contains(expected) && text.contains("\nplimsoll_leads 0\n"),
            "{text}"
        );
    }
}
