//! A stand-in for Google Cloud Storage over a folder. It asks nobody who they are, and takes objects in Google's JSON
//! protocol only, which our client reads by but does not write by.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::Command;

use serde_json::json;

use super::{BUCKET, Listening, free, program};

/// The server; it ends when dropped.
pub(crate) struct Gcs {
    _process: Listening,
    _folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Gcs {
    /// A server at this address, if there is a program for it.
    pub(crate) fn start(address: IpAddr) -> Option<Self> {
        let mut command = Command::new(program("PLIMSOLL_GCS_SERVER", "gcs")?);
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(BUCKET)).expect("made");
        let address = free(address);
        command
            .args(["-scheme", "http", "-backend", "filesystem", "-filesystem-root"])
            .arg(folder.path())
            .args([
                "-host",
                &address.ip().to_string(),
                "-port",
                &address.port().to_string(),
            ])
            .args(["-public-host", &address.to_string()])
            .args(["-external-url", &format!("http://{address}")]);
        Some(Self {
            _process: Listening::start(&mut command, address),
            _folder: folder,
            address,
        })
    }

    /// An account's key file, which names this server. Rule: the fields that `object_store` reads.
    pub(crate) fn account_key(&self) -> String {
        json!({
            "gcs_base_url": format!("http://{}", self.address), "disable_oauth": true,
            "client_email": "", "private_key": "", "private_key_id": "",
        })
        .to_string()
    }

    /// Puts an object into the bucket.
    pub(crate) fn put(&self, key: &str, content: &[u8]) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        let head = format!(
            "POST /upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={key} HTTP/1.1\r\nhost: {}\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            self.address,
            content.len()
        );
        stream
            .write_all(&[head.as_bytes(), content].concat())
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
