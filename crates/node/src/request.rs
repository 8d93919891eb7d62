//! Probes and hooks that are no program: `httpGet`, `tcpSocket`, `sleep`.

use std::time::Duration;

use kinds::k8s::api::core::v1::{ContainerPort, HTTPGetAction, LifecycleHandler, Probe};
use kinds::k8s::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer that are read for its status line.
const HEAD: usize = 512;
/// How long a hook's request may take.
const HOOK_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a probe once; the error is what was wrong.
pub(crate) async fn probe(
    probe: &Probe,
    ports: &[ContainerPort],
    address: &str,
    timeout: Duration,
) -> Result<(), String> {
    let run = async {
        if let Some(http) = &probe.http_get {
            return get(http, ports, address).await;
        }
        if let Some(tcp) = &probe.tcp_socket {
            let port = port(&tcp.port, ports)?;
            return connect(tcp.host.as_deref().unwrap_or(address), port)
                .await
                .map(drop);
        }
        Err("this node has exec, httpGet and tcpSocket probes only".to_owned())
    };
    let late = || Err(format!("probe timed out after {} s", timeout.as_secs()));
    tokio::time::timeout(timeout, run)
        .await
        .unwrap_or_else(|_| late())
}

/// Runs a hook that is no program; the error is what was wrong.
pub(crate) async fn hook(
    handler: &LifecycleHandler,
    ports: &[ContainerPort],
    address: &str,
) -> Result<(), String> {
    if let Some(sleep) = &handler.sleep {
        tokio::time::sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))).await;
        return Ok(());
    }
    let request = Probe {
        http_get: handler.http_get.clone(),
        tcp_socket: handler.tcp_socket.clone(),
        ..Probe::default()
    };
    probe(&request, ports, address, HOOK_TIMEOUT).await
}

async fn get(http: &HTTPGetAction, ports: &[ContainerPort], address: &str) -> Result<(), String> {
    if http.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
        return Err("this node probes over plain HTTP only".to_owned());
    }
    let (host, port) = (http.host.as_deref().unwrap_or(address), port(&http.port, ports)?);
    let mut stream = connect(host, port).await?;
    let mut headers = format!("Host: {host}:{port}\r\nUser-Agent: kube-probe/1.35\r\nConnection: close\r\n");
    for header in http.http_headers.iter().flatten() {
        headers.push_str(&format!("{}: {}\r\n", header.name, header.value));
    }
    let path = http.path.as_deref().unwrap_or("/");
    let request = format!("GET {path} HTTP/1.1\r\n{headers}\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .map_err(|e| e.to_string())?;
    let mut head = vec![0; HEAD];
    let length = stream.read(&mut head).await.map_err(|e| e.to_string())?;
    let status = status(&String::from_utf8_lossy(&head[..length])).ok_or("malformed HTTP response")?;
    if (200..400).contains(&status) {
        Ok(())
    } else {
        Err(format!("HTTP probe failed with statuscode: {status}"))
    }
}

fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("dial tcp {host}:{port}: {error}"))
}

fn port(port: &IntOrString, ports: &[ContainerPort]) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => Some(*number),
        IntOrString::String(name) => {
            let named = ports
                .iter()
                .find(|port| port.name.as_ref() == Some(name))
                .map(|port| port.container_port);
            named.or_else(|| name.parse().ok())
        }
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| format!("there is no port {port:?}"))
}
