//! A server with its https door open, a home folder with a kubeconfig, and a kubectl.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use apiserver::{ApiServer, LogError, LogRequest, LogSource, LogStream, Tls, Tokens};
use bytes::Bytes;
use futures::StreamExt;
use futures::future::BoxFuture;
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::Api;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::common;

/// Longest any command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The kubectl to use: `$KUBECTL`, the one of an envtest folder, or the one in `PATH`.
fn kubectl() -> Option<PathBuf> {
    let named = std::env::var_os("KUBECTL").map(PathBuf::from);
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(|dir| PathBuf::from(dir).join("kubectl"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|dir| dir.join("kubectl"));
    named
        .into_iter()
        .chain(assets)
        .chain(in_path)
        .find(|file| file.is_file())
}

/// Two lines for every container; none of a previous run.
struct Lines;
impl LogSource for Lines {
    fn open(&self, request: LogRequest) -> BoxFuture<'static, Result<LogStream, LogError>> {
        Box::pin(async move {
            if request.previous {
                let why = "previous terminated container not found";
                return Err(LogError::Unavailable(why.to_owned()));
            }
            Ok(futures::stream::iter([Bytes::from("one\n"), Bytes::from("two\n")]).boxed())
        })
    }
}

pub(crate) struct Rig {
    server: ApiServer,
    kubectl: PathBuf,
    home: tempfile::TempDir,
    _shutdown: DropGuard,
}

impl Rig {
    pub(crate) async fn new() -> Option<Self> {
        let Some(kubectl) = kubectl() else {
            eprintln!("SKIPPED: no kubectl in $KUBECTL, $KUBEBUILDER_ASSETS or $PATH");
            return None;
        };
        let server = common::server().await;
        server.set_logs(Arc::new(Lines));
        let tls = Tls::generate().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        let home = tempfile::tempdir().unwrap();
        let config = apiserver::kubeconfig("plimsoll", &address, tls.ca_pem(), "secret");
        std::fs::write(home.path().join("kubeconfig"), config).unwrap();
        let shutdown = CancellationToken::new();
        let tokens = Tokens::new(["secret".to_owned()]);
        tokio::spawn(server.serve_tls(listener, &tls, tokens, shutdown.clone()));
        Some(Self {
            server,
            kubectl,
            home,
            _shutdown: shutdown.drop_guard(),
        })
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::default_namespaced(common::client(&self.server))
    }

    /// A command; a word in single quotes may have spaces in it.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        for (at, part) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                command.arg(part);
            } else {
                command.args(part.split_whitespace());
            }
        }
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubectl/manifests"))
            .env("KUBECONFIG", self.home.path().join("kubeconfig"))
            .env("HOME", self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// What a command says on both outputs, and its exit code if it fails.
    pub(crate) async fn run(&self, line: &str) -> String {
        let output = tokio::time::timeout(PATIENCE, self.command(line).output()).await;
        let output = output.unwrap_or_else(|_| panic!("kubectl {line} hangs")).unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        // `-o jsonpath` prints no last newline.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        if !output.status.success() {
            text.push_str(&format!("exit code {}\n", output.status.code().unwrap_or(-1)));
        }
        // kubectl 1.34 says where from.
        let text = text.replace("\" deleted from default namespace", "\" deleted");
        text.lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect()
    }
}
