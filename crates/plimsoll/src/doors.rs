//! How others reach the platform: a unix socket for this user's processes, https on loopback for kubectl.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;

use apiserver::{ApiServer, Tls, Tokens, kubeconfig};
use cli::PlatformError;
use meta::host::Random;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::{Directory, replace};

/// Bytes of an administrator's token, before they are written as hexadecimal digits.
const TOKEN_BYTES: usize = 32;
/// The name of cluster, context and user in the kubeconfig.
const NAME: &str = "plimsoll";

/// A certificate in the making.
pub(crate) type Certificate = JoinHandle<Result<Tls, Box<dyn std::error::Error + Send + Sync>>>;

/// Begins to make a certificate: gathering the randomness takes tens of milliseconds, in which the rest can start.
pub(crate) fn certificate() -> Certificate {
    tokio::task::spawn_blocking(Tls::generate)
}

/// The doors of a platform.
pub(crate) struct Doors {
    address: String,
    closing: CancellationToken,
    serving: TaskTracker,
}

/// The doors before anyone is told of them: the socket is served, for what this platform itself starts.
pub(crate) struct Opening {
    doors: Doors,
    listener: TcpListener,
}

impl Opening {
    /// Serves https with `certificate` and writes the kubeconfig: whoever waits for it finds a platform that runs.
    pub(crate) async fn announce(
        self,
        server: &ApiServer,
        directory: &Directory,
        random: &dyn Random,
        certificate: Certificate,
    ) -> Result<Doors, PlatformError> {
        let Self { doors, listener } = self;
        let tls = certificate
            .await
            .map_err(|error| PlatformError::Other(error.into()))?;
        let tls = tls.map_err(|error| PlatformError::Other(anyhow::anyhow!(error)))?;
        let token = token(random);
        let config = kubeconfig(NAME, &doors.address, tls.ca_pem(), &token);
        let tokens = Tokens::new([token]);
        doors
            .serving
            .spawn(server.serve_tls(listener, &tls, tokens, doors.closing.clone()));
        let path = directory.kubeconfig();
        replace(&path, config.as_bytes()).map_err(|error| PlatformError::from_io(path, error))?;
        Ok(doors)
    }
}

impl Doors {
    /// Serves the socket, and takes the port.
    pub(crate) async fn open(
        server: &ApiServer,
        directory: &Directory,
        port: Option<u16>,
    ) -> Result<Opening, PlatformError> {
        let listener = listen(port).await?;
        let address = listener
            .local_addr()
            .map_err(|error| PlatformError::Other(error.into()))?;
        let doors = Self {
            address: format!("https://{address}"),
            closing: CancellationToken::new(),
            serving: TaskTracker::new(),
        };
        doors.open_socket(server, &directory.socket())?;
        Ok(Opening { doors, listener })
    }

    /// Opens the socket through its directory: a socket's path may have 107 bytes, and data directories may be deep.
    fn open_socket(&self, server: &ApiServer, path: &Path) -> Result<(), PlatformError> {
        let fail = |error| PlatformError::from_io(path, error);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(fail(std::io::ErrorKind::InvalidFilename.into()));
        };
        let parent = File::open(parent).map_err(fail)?;
        let short = Path::new("/proc/self/fd")
            .join(parent.as_raw_fd().to_string())
            .join(name);
        self.serving
            .spawn(server.serve_unix(&short, self.closing.clone()).map_err(fail)?);
        Ok(())
    }

    /// Where https is served.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// Lets nobody new in, and waits for the answers under way.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.serving.close();
        self.serving.wait().await;
    }
}

async fn listen(port: Option<u16>) -> Result<TcpListener, PlatformError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    TcpListener::bind(address)
        .await
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => PlatformError::PortTaken {
                address: address.to_string(),
            },
            _ => {
                PlatformError::Other(anyhow::Error::new(error).context(format!("cannot listen on {address}")))
            }
        })
}

/// A fresh administrator's token.
fn token(random: &dyn Random) -> String {
    let mut bytes = [0_u8; TOKEN_BYTES];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
