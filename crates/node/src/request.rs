//! Probes and hooks that are no program: `httpGet`, `tcpSocket`, `grpc`, `sleep`.
//! Rule: kubernetes/pkg/probe, whose clients are Go's; hence the words.

use std::io;
use std::time::Duration;

use kinds::k8s::api::core::v1::{ContainerPort, HTTPGetAction, LifecycleHandler, Probe};
use kinds::k8s::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::grpc;
use crate::pod::Probed;

/// Bytes of an answer that are read for its status line.
const HEAD: usize = 512;
/// How long a hook's request may take.
const HOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a probe once.
pub(crate) async fn probe(
    probe: &Probe,
    ports: &[ContainerPort],
    address: &str,
    timeout: Duration,
) -> Probed {
    if let Some(service) = &probe.grpc {
        let name = service.service.as_deref().unwrap_or_default();
        let result = grpc::check(&format!("{address}:{}", service.port), name, timeout).await;
        return result.map_or_else(Probed::Failed, |()| Probed::Passed);
    }
    let wanted = match (&probe.http_get, &probe.tcp_socket) {
        (Some(http), _) => &http.port,
        (None, Some(tcp)) => &tcp.port,
        (None, None) => {
            let why = "this node has exec, httpGet, tcpSocket and grpc probes only";
            return Probed::Errored(why.to_owned());
        }
    };
    let port = match port(wanted, ports) {
        Ok(port) => port,
        Err(why) => return Probed::Errored(why),
    };
    let result = match (&probe.http_get, &probe.tcp_socket) {
        (Some(http), _) => get(http, address, port, timeout).await,
        (None, tcp) => {
            let host = tcp.as_ref().and_then(|tcp| tcp.host.as_deref());
            reach(host.unwrap_or(address), port, timeout).await
        }
    };
    result.map_or_else(Probed::Failed, |()| Probed::Passed)
}

/// Runs a hook that is no program; whether it succeeded.
pub(crate) async fn hook(handler: &LifecycleHandler, ports: &[ContainerPort], address: &str) -> bool {
    if let Some(sleep) = &handler.sleep {
        tokio::time::sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))).await;
        return true;
    }
    let request = Probe {
        http_get: handler.http_get.clone(),
        tcp_socket: handler.tcp_socket.clone(),
        ..Probe::default()
    };
    probe(&request, ports, address, HOOK_TIMEOUT).await == Probed::Passed
}

async fn reach(host: &str, port: u16, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, connect(host, port)).await {
        Ok(connected) => connected.map(drop),
        Err(_) => Err(format!("dial tcp {host}:{port}: i/o timeout")),
    }
}

async fn get(http: &HTTPGetAction, address: &str, port: u16, timeout: Duration) -> Result<(), String> {
    if http.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
        return Err("this node probes over plain HTTP only".to_owned());
    }
    let host = http.host.as_deref().unwrap_or(address);
    let path = http.path.as_deref().unwrap_or_default();
    let path = format!("{}{path}", if path.starts_with('/') { "" } else { "/" });
    let answered = tokio::time::timeout(timeout, ask(http, (host, port), &path)).await;
    let late =
        || Err("context deadline exceeded (Client.Timeout exceeded while awaiting headers)".to_owned());
    let status = answered
        .unwrap_or_else(|_| late())
        .map_err(|why| format!("Get \"http://{host}:{port}{path}\": {why}"))?;
    if (200..400).contains(&status) {
        Ok(())
    } else {
        Err(format!("HTTP probe failed with statuscode: {status}"))
    }
}

/// The status that a server answers with.
async fn ask(http: &HTTPGetAction, (host, port): (&str, u16), path: &str) -> Result<u16, String> {
    let mut stream = connect(host, port).await?;
    let given = |name: &str| {
        let headers = http.http_headers.iter().flatten();
        let mut named = headers.filter(|header| header.name.eq_ignore_ascii_case(name));
        named.next().is_some()
    };
    let usual = [
        ("Host", format!("{host}:{port}")),
        ("User-Agent", "kube-probe/1.36".to_owned()),
        ("Accept", "*/*".to_owned()),
    ];
    let mut headers = String::from("Connection: close\r\n");
    for (name, value) in usual.iter().filter(|(name, _)| !given(name)) {
        headers.push_str(&format!("{name}: {value}\r\n"));
    }
    for header in http.http_headers.iter().flatten() {
        headers.push_str(&format!("{}: {}\r\n", header.name, header.value));
    }
    let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
    let failed = |error: io::Error| said(&error);
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut head = vec![0; HEAD];
    let length = stream.read(&mut head).await.map_err(failed)?;
    if length == 0 {
        return Err("EOF".to_owned());
    }
    let head = String::from_utf8_lossy(&head[..length]);
    let status = head.strip_prefix("HTTP/").and_then(|rest| {
        let mut words = rest.split_whitespace().skip(1);
        words.next()?.parse().ok()
    });
    status.ok_or_else(|| "net/http: HTTP/1.x transport connection broken: malformed HTTP response".to_owned())
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("dial tcp {host}:{port}: connect: {}", said(&error)))
}

/// An error of the system as Go says it.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

fn port(port: &IntOrString, ports: &[ContainerPort]) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut named = ports.iter().filter(|port| port.name.as_ref() == Some(name));
            match named.next() {
                Some(port) => port.container_port,
                None => name
                    .parse()
                    .map_err(|_| format!("strconv.Atoi: parsing {name:?}: invalid syntax"))?,
            }
        }
    };
    let valid = u16::try_from(number).ok().filter(|number| *number > 0);
    valid.ok_or_else(|| format!("invalid port number: {number}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::net::TcpListener;

    use super::*;

    /// Runs a probe against a server that says `answer`, or hangs up at once where that is empty; `PORT` stands for its port.
    async fn check(spec: Value, answer: &'static str, expected: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let number = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; HEAD];
            if stream.read(&mut request).await.unwrap_or(0) > 0 {
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        let text = spec.to_string().replace("\"PORT\"", &number.to_string());
        let spec: Probe = serde_json::from_str(&text).unwrap();
        let found = probe(&spec, &[], "127.0.0.1", Duration::from_secs(20)).await;
        let found = match found {
            Probed::Passed => String::new(),
            Probed::Failed(why) => why,
            Probed::Errored(why) => format!("errored: {why}"),
        };
        assert_eq!(found.replace(&number.to_string(), "PORT"), expected, "{spec:?}");
    }

    #[tokio::test]
    async fn probes_say_what_kubelet_says() {
        let http = json!({"httpGet": {"port": "PORT", "path": "/live"}});
        check(http.clone(), "HTTP/1.1 200 OK\r\n\r\n", "").await;
        check(http.clone(), "HTTP/1.1 302 Found\r\n\r\n", "").await;
        let wrong = "HTTP probe failed with statuscode: 503";
        check(http.clone(), "HTTP/1.1 503 Busy\r\n\r\n", wrong).await;
        check(http, "", "Get \"http://127.0.0.1:PORT/live\": EOF").await;
        check(json!({"tcpSocket": {"port": "PORT"}}), "", "").await;
        let named = json!({"tcpSocket": {"port": "web"}});
        let unknown = "errored: strconv.Atoi: parsing \"web\": invalid syntax";
        check(named, "", unknown).await;
        check(
            json!({"tcpSocket": {"port": 0}}),
            "",
            "errored: invalid port number: 0",
        )
        .await;
    }

    #[tokio::test]
    async fn nobody_there_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let refused = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
        for (spec, expected) in [
            (json!({"tcpSocket": {"port": port}}), refused.clone()),
            (
                json!({"httpGet": {"port": port}}),
                format!("Get \"http://127.0.0.1:{port}/\": {refused}"),
            ),
        ] {
            let spec: Probe = serde_json::from_value(spec).unwrap();
            let found = probe(&spec, &[], "127.0.0.1", Duration::from_secs(20)).await;
            assert_eq!(found, Probed::Failed(expected));
        }
    }
}
