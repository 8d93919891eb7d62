//! A server of the web that keeps what is put, for one user.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

type Kept = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// The server; its thread ends with the process.
pub(crate) struct Web(SocketAddr);

impl Web {
    pub(crate) fn new(user: &str, password: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let pass = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let kept = Kept::default();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &pass, &kept);
            }
        });
        Self(address)
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.0)
    }
}

/// One request a connection.
fn answer(mut stream: TcpStream, pass: &str, kept: &Kept) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let Some(first) = head.first() else { return };
    let (method, path) = (first.split(' ').next().unwrap(), first.split(' ').nth(1).unwrap());
    let header = |name: &str| {
        let found = head.iter().filter_map(|line| line.split_once(": "));
        let mut found = found.filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    };
    let size = header("content-length").map_or(0, |size| size.parse().unwrap());
    let mut body = vec![0; size];
    reader.read_exact(&mut body).unwrap();
    let mut kept = kept.lock().unwrap();
    let (status, content) = match (header("authorization").as_deref() == Some(pass), method) {
        (false, _) => ("401 Unauthorized", Vec::new()),
        (true, "PUT") => {
            kept.insert(path.to_owned(), body);
            ("201 Created", Vec::new())
        }
        (true, _) => match kept.get(path) {
            Some(content) => ("200 OK", content.clone()),
            None => ("404 Not Found", Vec::new()),
        },
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        content.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&content).unwrap();
}
