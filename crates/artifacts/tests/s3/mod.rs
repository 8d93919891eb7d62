//! An S3 server over a folder, which checks every signature; one bucket is there.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to be there on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The one who may use it.
pub(crate) const ACCESS_KEY: &str = "someone";
/// Their secret.
pub(crate) const SECRET_KEY: &str = "quite-secret";

/// The server; it ends when dropped.
pub(crate) struct S3 {
    process: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl S3 {
    /// A server at this address, if there is a program for it.
    pub(crate) fn start(address: IpAddr) -> Option<Self> {
        Self::start_with(address, None)
    }

    /// The same, with TLS: a certificate and its key, in PEM.
    #[allow(dead_code, reason = "not every test asks for it")]
    pub(crate) fn start_secure(address: IpAddr, certificate: &str, key: &str) -> Option<Self> {
        Self::start_with(address, Some((certificate, key)))
    }

    fn start_with(address: IpAddr, identity: Option<(&str, &str)>) -> Option<Self> {
        let Some(program) = std::env::var_os("PLIMSOLL_S3_SERVER") else {
            eprintln!("passed over: PLIMSOLL_S3_SERVER names no server (`cargo xtask s3`)");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("bucket")).expect("made");
        let free = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let mut command = Command::new(program);
        if let Some((certificate, key)) = identity {
            for (flag, name, pem) in [("--cert", "cert.pem", certificate), ("--key", "key.pem", key)] {
                let path = folder.path().join(name);
                fs::write(&path, pem).expect("written");
                command.arg(flag).arg(path);
            }
        }
        let process = command
            .args(["--access", ACCESS_KEY, "--secret", SECRET_KEY])
            .args(["--port", &address.to_string(), "posix"])
            .arg(folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Self {
            process,
            folder,
            address,
        };
        server.listening();
        Some(server)
    }

    fn listening(&self) {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < until, "the server never listens");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Host and port, as artifact repositories name servers.
    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// The file that an object of the bucket is.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join("bucket").join(key)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
