//! Azurite, which stands in for Azure's blob storage and checks every signature; one container is there.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{BUCKET, Listening, free, program};

/// The account that Azurite has, and the key that everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
/// Its key.
pub(crate) const ACCOUNT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The version of the protocol that the container is made in.
const VERSION: &str = "2021-08-06";

/// The server; it ends when dropped.
pub(crate) struct Azure {
    _process: Listening,
    _folder: tempfile::TempDir,
    endpoint: String,
}

impl Azure {
    /// A server at this address, if there is a program for it.
    pub(crate) fn start(address: IpAddr) -> Option<Self> {
        let mut command = Command::new(program("PLIMSOLL_AZURE_SERVER", "azure")?);
        let folder = tempfile::tempdir().expect("a folder");
        let address = free(address);
        command
            .args([
                "--silent",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--location",
            ])
            .arg(folder.path())
            .args([
                "--blobHost",
                &address.ip().to_string(),
                "--blobPort",
                &address.port().to_string(),
            ]);
        let server = Self {
            _process: Listening::start(&mut command, address),
            _folder: folder,
            endpoint: format!("http://{address}/{ACCOUNT}"),
        };
        make_container(&address.to_string());
        Some(server)
    }

    /// Where the account's containers are.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// Rule: "Authorize with Shared Key" of Azure's documentation.
fn make_container(host: &str) {
    let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
    let headers = format!("x-ms-date:{now}\nx-ms-version:{VERSION}");
    let told = format!(
        "PUT{}{headers}\n/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container",
        "\n".repeat(12)
    );
    let key = STANDARD.decode(ACCOUNT_KEY).expect("base64");
    let signature = STANDARD.encode(hmac(&key, told.as_bytes()));
    let mut stream = TcpStream::connect(host).expect("it listens");
    write!(
        stream,
        "PUT /{ACCOUNT}/{BUCKET}?restype=container HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
         content-length: 0\r\nauthorization: SharedKey {ACCOUNT}:{signature}\r\n{}\r\n\r\n",
        headers.replace('\n', "\r\n")
    )
    .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// HMAC-SHA256 of a key no longer than a block. Rule: RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| -> Vec<u8> {
        (0..64)
            .map(|at| key.get(at).copied().unwrap_or_default() ^ pad)
            .collect()
    };
    let inner = Sha256::digest([&padded(0x36), message].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}
