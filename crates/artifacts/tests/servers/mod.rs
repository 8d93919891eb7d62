//! Servers of buckets, as processes of a test: each is passed over where the environment names no program for it.

#[allow(dead_code, reason = "not every test asks for it")]
pub(crate) mod azure;
#[allow(dead_code, reason = "not every test asks for it")]
pub(crate) mod gcs;
pub(crate) mod s3;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long one may take to be there on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bucket, or container, that every server has.
pub(crate) const BUCKET: &str = "bucket";

/// The program that a variable names, which a chore prints.
fn program(variable: &str, chore: &str) -> Option<OsString> {
    let program = std::env::var_os(variable);
    if program.is_none() {
        eprintln!("passed over: {variable} names no server (`cargo xtask {chore}`)");
    }
    program
}

/// A port of this address that was free a moment ago.
fn free(address: IpAddr) -> SocketAddr {
    let free = TcpListener::bind((address, 0)).and_then(|listener| listener.local_addr());
    free.expect("a free port")
}

/// A process that listens; it ends when dropped.
struct Listening(Child);

impl Listening {
    /// Starts it and waits until it listens here.
    fn start(command: &mut Command, address: SocketAddr) -> Self {
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = Self(process.expect("the server starts"));
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "the server never listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        process
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
