//! How others reach the platform: a unix socket for this user's processes, https on loopback for kubectl.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::Path;

use apiserver::{ApiServer, Tls, Tokens, kubeconfig};
use cli::PlatformError;
use meta::host::Random;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::{Directory, replace};

/// Bytes of an administrator's token, before they are written as hexadecimal digits.
const TOKEN_BYTES: usize = 32;
/// The name of cluster, context and user in the kubeconfig.
const NAME: &str = "plimsoll";

/// The doors of a platform, open.
pub(crate) struct Doors {
    address: String,
    kubeconfig: String,
    closing: CancellationToken,
    serving: TaskTracker,
}

impl Doors {
    /// Opens both doors.
    pub(crate) async fn open(
        server: &ApiServer,
        directory: &Directory,
        random: &dyn Random,
        port: Option<u16>,
    ) -> Result<Self, PlatformError> {
        let doors = Self {
            address: String::new(),
            kubeconfig: String::new(),
            closing: CancellationToken::new(),
            serving: TaskTracker::new(),
        };
        doors.open_socket(server, &directory.socket())?;
        let listener = listen(port).await?;
        let address = listener
            .local_addr()
            .map_err(|error| PlatformError::Other(error.into()))?;
        let address = format!("https://{address}");
        let tls = Tls::generate().map_err(|error| PlatformError::Other(anyhow::anyhow!(error)))?;
        let token = token(random);
        let kubeconfig = kubeconfig(NAME, &address, tls.ca_pem(), &token);
        let tokens = Tokens::new([token]);
        doors
            .serving
            .spawn(server.serve_tls(listener, &tls, tokens, doors.closing.clone()));
        Ok(Self {
            address,
            kubeconfig,
            ..doors
        })
    }

    /// Writes the kubeconfig: whoever waits for it finds a platform that runs.
    pub(crate) fn announce(&self, directory: &Directory) -> Result<(), PlatformError> {
        let path = directory.kubeconfig();
        replace(&path, self.kubeconfig.as_bytes()).map_err(|error| PlatformError::from_io(path, error))
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
