//! Troubles of the rig's own programs, which lie in the folder of its kubeconfig.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Stops a program of the rig for a while, as one that hangs: connections to it stay open.
pub(crate) async fn stop(kubeconfig: &Path, program: &str, how_long: Duration) {
    let pid = pid(kubeconfig, program);
    kill_process(pid, Signal::STOP).expect("it runs");
    tokio::time::sleep(how_long).await;
    kill_process(pid, Signal::CONT).expect("it is there");
}

fn pid(kubeconfig: &Path, program: &str) -> Pid {
    let record = kubeconfig.with_file_name("run").join(format!("{program}.json"));
    let record: Value =
        serde_json::from_slice(&std::fs::read(record).expect("the rig's record")).expect("JSON");
    let pid = record["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    pid.and_then(Pid::from_raw).expect("a process id")
}

/// Makes the database forget everything but the present: who asks for more must list again.
pub(crate) fn forget_history(kubeconfig: &Path) {
    let port = etcd_port(kubeconfig);
    let status = ask(port, "/v3/maintenance/status", &json!({}));
    let revision = status["header"]["revision"].clone();
    let done = ask(
        port,
        "/v3/kv/compaction",
        &json!({"revision": revision, "physical": true}),
    );
    assert!(done["header"].is_object(), "{done}");
}

/// The port after the API server's.
fn etcd_port(kubeconfig: &Path) -> u16 {
    let text: Value = serde_json::from_slice(&std::fs::read(kubeconfig).expect("readable")).expect("JSON");
    let server = text["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap_or_default();
    let port = server
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<u16>().ok());
    port.expect("a port") + 1
}

/// One request to the gateway of etcd that speaks JSON.
fn ask(port: u16, path: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("etcd listens");
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.0\r\nhost: etcd\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).expect("etcd reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("etcd answers");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}
