//! `grpc` probes: one call of the standard health service (`grpc.health.v1.Health/Check`) over plain HTTP/2.
//! Rule: kubernetes/pkg/probe/grpc, and the protocol in grpc/doc/PROTOCOL-HTTP2.md.
//!
//! A call is one message of one field each way, so the encoding is written out here. Whether a server is there is
//! asked until the time is up, as kubelet's client does; a call that reached one is made once.

use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper::{HeaderMap, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::pod::text::seconds;

/// Time between two tries to reach a server.
const AGAIN: Duration = Duration::from_millis(100);
/// Bytes of the head of a message: whether it is compressed, and its length.
const HEAD: usize = 5;
/// gRPC's names of its status codes, by number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];
const OK: usize = 0;
const UNKNOWN: usize = 2;
const UNIMPLEMENTED: usize = 12;
/// `HealthCheckResponse.ServingStatus`, by number.
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/// How a call ended: a code and a message, and with `OK` the number of the service's status.
struct Reply {
    code: usize,
    message: String,
    status: u64,
}

/// Asks the server at `address` how `service` is; the error is what was wrong, in kubelet's words.
pub(crate) async fn check(address: &str, service: &str, timeout: Duration) -> Result<(), String> {
    let shown = seconds(i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX));
    let deadline = tokio::time::Instant::now() + timeout;
    let Ok(mut sender) = tokio::time::timeout_at(deadline, connect(address)).await else {
        return Err(format!(
            "timeout: failed to connect service {address:?} within {shown}: context deadline exceeded"
        ));
    };
    match tokio::time::timeout_at(deadline, call(&mut sender, address, service)).await {
        Ok(reply) => judge(&reply),
        Err(_) => Err(format!("timeout: health rpc did not complete within {shown}")),
    }
}

type Sender = http2::SendRequest<Full<Bytes>>;

/// A connection, however often that takes.
async fn connect(address: &str) -> Sender {
    loop {
        if let Ok(stream) = TcpStream::connect(address).await
            && let Ok((mut sender, connection)) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await
        {
            tokio::spawn(async move { drop(connection.await) });
            if sender.ready().await.is_ok() {
                return sender;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn call(sender: &mut Sender, address: &str, service: &str) -> Reply {
    match exchange(sender, address, service).await {
        Ok(reply) => reply,
        Err(error) => Reply {
            code: 14,
            message: error.to_string(),
            status: 0,
        },
    }
}

async fn exchange(
    sender: &mut Sender,
    address: &str,
    service: &str,
) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header(
            "user-agent",
            concat!("kube-probe/1.36 plimsoll/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::new(message(service)))?;
    let response = sender.send_request(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    let (code, message) = match (outcome(&trailers), outcome(&head.headers)) {
        (Some(outcome), _) | (None, Some(outcome)) => outcome,
        (None, None) => from_http(head.status.as_u16()),
    };
    Ok(Reply {
        code,
        message,
        status: status(body.to_bytes()),
    })
}

/// `HealthCheckRequest { service = 1 }` behind its head; a field that is empty is left out.
fn message(service: &str) -> Bytes {
    let mut fields = Vec::new();
    if !service.is_empty() {
        fields.push(0x0a);
        varint(service.len(), &mut fields);
        fields.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(fields.len()).unwrap_or(u32::MAX);
    let mut message = vec![0];
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&fields);
    message.into()
}

fn varint(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number in `HealthCheckResponse { status = 1 }`; 0 where it is left out. Its values need one byte.
fn status(mut body: Bytes) -> u64 {
    if body.len() < HEAD {
        return 0;
    }
    body.advance(HEAD);
    match *body {
        [0x08, status, ..] => u64::from(status),
        _ => 0,
    }
}

/// Code and message of a call, where these headers have them.
fn outcome(headers: &HeaderMap) -> Option<(usize, String)> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let code = text("grpc-status")?.parse().unwrap_or(UNKNOWN);
    Some((code, decoded(text("grpc-message").unwrap_or_default())))
}

/// What an answer means that is not gRPC's. Rule: grpc/doc/http-grpc-status-mapping.md.
fn from_http(status: u16) -> (usize, String) {
    let code = match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => UNIMPLEMENTED,
        429 | 502 | 503 | 504 => 14,
        _ => UNKNOWN,
    };
    (
        code,
        format!("unexpected HTTP status code received from server: {status}"),
    )
}

/// A message as headers carry it: percent-encoded.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = &after[if code.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn judge(reply: &Reply) -> Result<(), String> {
    match reply.code {
        OK => {}
        UNIMPLEMENTED => {
            return Err(format!(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {}",
                reply.message
            ));
        }
        code => {
            let name = CODES.get(code).copied().unwrap_or("Unknown");
            return Err(format!(
                "error: health rpc probe failed: rpc error: code = {name} desc = {}",
                reply.message
            ));
        }
    }
    let index = usize::try_from(reply.status).unwrap_or(usize::MAX);
    match STATUSES.get(index).copied() {
        Some("SERVING") => Ok(()),
        Some(name) => Err(format!("service unhealthy (responded with {name:?})")),
        None => Err(format!("service unhealthy (responded with \"{}\")", reply.status)),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::StreamBody;
    use hyper::body::{Frame, Incoming};
    use hyper::server::conn::http2 as server;
    use hyper::service::service_fn;
    use hyper::{HeaderMap, Response};
    use tokio::net::TcpListener;

    use super::*;

    /// What a server says: HTTP status, message, `grpc-status`, `grpc-message`.
    type Says = (u16, &'static [u8], &'static str, &'static str);

    async fn answer(
        request: Request<Incoming>,
        says: Says,
    ) -> Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>> {
        let (status, body, code, message) = says;
        let asked = request.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(*asked, *b"\0\0\0\0\x05\x0a\x03svc");
        let mut trailers = HeaderMap::new();
        if !code.is_empty() {
            trailers.insert("grpc-status", code.parse().unwrap());
            trailers.insert("grpc-message", message.parse().unwrap());
        }
        let frames = [Frame::data(Bytes::from_static(body)), Frame::trailers(trailers)];
        let body = StreamBody::new(futures::stream::iter(frames.map(Ok)));
        Response::builder().status(status).body(body).unwrap()
    }

    async fn asked(says: Says) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service =
                service_fn(move |request| async move { Ok::<_, Infallible>(answer(request, says).await) });
            let builder = server::Builder::new(TokioExecutor::new());
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
        check(&address, "svc", Duration::from_secs(20)).await
    }

    #[tokio::test]
    async fn a_service_is_healthy_or_it_is_said_why_not() {
        for (says, expected) in [
            ((200, b"\0\0\0\0\x02\x08\x01".as_slice(), "0", ""), ""),
            (
                (200, b"\0\0\0\0\x02\x08\x02", "0", ""),
                "service unhealthy (responded with \"NOT_SERVING\")",
            ),
            (
                (200, b"\0\0\0\0\0", "0", ""),
                "service unhealthy (responded with \"UNKNOWN\")",
            ),
            (
                (200, b"", "12", "no%20such"),
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): no such",
            ),
            (
                (200, b"", "5", "unknown service"),
                "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
            ),
            (
                (404, b"", "", ""),
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): \
                 unexpected HTTP status code received from server: 404",
            ),
        ] {
            assert_eq!(asked(says).await.err().unwrap_or_default(), expected);
        }
    }

    #[tokio::test]
    async fn nobody_there_takes_the_whole_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        tokio::time::pause();
        let failure = check(&address, "", Duration::from_secs(2)).await.unwrap_err();
        let expected =
            format!("timeout: failed to connect service {address:?} within 2s: context deadline exceeded");
        assert_eq!(failure, expected);
    }
}
