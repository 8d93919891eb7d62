//! An S3 server over a folder, which checks every signature.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use super::{BUCKET, Listening, free, program};

/// The one who may use it.
pub(crate) const ACCESS_KEY: &str = "someone";
/// Their secret.
pub(crate) const SECRET_KEY: &str = "quite-secret";

/// The server; it ends when dropped.
pub(crate) struct S3 {
    _process: Listening,
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
        let mut command = Command::new(program("PLIMSOLL_S3_SERVER", "s3")?);
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(BUCKET)).expect("made");
        let address = free(address);
        if let Some((certificate, key)) = identity {
            for (flag, name, pem) in [("--cert", "cert.pem", certificate), ("--key", "key.pem", key)] {
                let path = folder.path().join(name);
                fs::write(&path, pem).expect("written");
                command.arg(flag).arg(path);
            }
        }
        command
            .args(["--access", ACCESS_KEY, "--secret", SECRET_KEY])
            .args(["--port", &address.to_string(), "posix"])
            .arg(folder.path())
            .current_dir(folder.path());
        Some(Self {
            _process: Listening::start(&mut command, address),
            folder,
            address,
        })
    }

    /// Host and port, as artifact repositories name servers.
    pub(crate) fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// The file that an object of the bucket is.
    pub(crate) fn object(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}
