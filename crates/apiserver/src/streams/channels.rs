//! A session over a WebSocket: the first byte of each message says what it belongs to.
//!
//! ```text
//!   client --> 0 input   4 size of the terminal   255 0 end of the input
//!   client <-- 1 output  2 errors                 3 how it ended, as a Status
//! ```
//!
//! Rule: k8s.io/apimachinery/pkg/util/remotecommand and k8s.io/streaming; version 5 adds the end of the input to version 4.

use std::io;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::websocket::{Incoming, Reader, Writer};
use super::{ExecSession, Input, Output, Resize};

/// What clients may ask for.
pub(super) const PROTOCOLS: [&str; 2] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const ERROR: u8 = 3;
const RESIZE: u8 = 4;
const CLOSE: u8 = 255;
/// Bytes sent at once.
const CHUNK: usize = 32 << 10;

/// A terminal's size, as clients send it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Size {
    width: u16,
    height: u16,
}

type Shared<W> = Arc<Mutex<Writer<W>>>;

/// Carries a session until it ends, the client goes, or the server does.
pub(super) async fn serve<S>(stream: S, session: ExecSession, closing: CancellationToken)
where
    S: AsyncRead + AsyncWrite,
{
    let (reader, writer) = tokio::io::split(stream);
    let writer = Arc::new(Mutex::new(Writer::new(writer)));
    let ExecSession {
        stdin,
        stdout,
        stderr,
        resize,
        ended,
    } = session;
    let outputs = async {
        // An empty message says that the session is there.
        send(&writer, STDOUT, b"").await;
        let copied = futures::future::join(copy(stdout, STDOUT, &writer), copy(stderr, STDERR, &writer));
        let (ended, _) = futures::future::join(ended, copied).await;
        send(&writer, ERROR, status(&ended).to_string().as_bytes()).await;
    };
    tokio::select! {
        () = outputs => {}
        _ = inputs(reader, stdin, resize, &writer) => return,
        () = closing.cancelled() => {}
    }
    // Who has gone need not be told.
    drop(writer.lock().await.close().await);
}

/// A client that has gone shows where it is read from.
async fn send<W: AsyncWrite + Unpin>(writer: &Shared<W>, channel: u8, bytes: &[u8]) {
    drop(writer.lock().await.message(channel, bytes).await);
}

async fn copy<W: AsyncWrite + Unpin>(from: Option<Output>, channel: u8, writer: &Shared<W>) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        send(writer, channel, &buffer[..length]).await;
    }
}

/// Takes what the client sends until it goes.
async fn inputs<R, W>(
    reader: R,
    mut stdin: Option<Input>,
    resize: Option<Resize>,
    writer: &Shared<W>,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut reader = Reader::new(reader);
    loop {
        let message = match reader.next().await? {
            Incoming::Close => return Ok(()),
            Incoming::Ping(bytes) => {
                writer.lock().await.pong(&bytes).await?;
                continue;
            }
            Incoming::Message(message) => message,
        };
        match message.as_slice() {
            [STDIN, bytes @ ..] => feed(&mut stdin, bytes).await,
            [CLOSE, STDIN] => stdin = None,
            [RESIZE, size @ ..] => {
                if let (Some(resize), Ok(size)) = (&resize, serde_json::from_slice::<Size>(size)) {
                    resize(size.width, size.height);
                }
            }
            _ => {}
        }
    }
}

/// A command that does not read any more is fed no more.
async fn feed(stdin: &mut Option<Input>, bytes: &[u8]) {
    let Some(input) = stdin else { return };
    let fed = input.write_all(bytes).await;
    if fed.is_err() || input.flush().await.is_err() {
        *stdin = None;
    }
}

/// How a command ended, as clients look for it.
fn status(ended: &Result<i32, String>) -> Value {
    match ended {
        Ok(0) => json!({"metadata": {}, "status": "Success"}),
        Ok(code) => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        Err(why) => {
            let why = format!("error executing command in container: {why}");
            json!({
                "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
                "message": format!("Internal error occurred: {why}"),
                "details": {"causes": [{"message": why}]},
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client sends it.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let head = [0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        [&head, payload].concat()
    }

    /// What a client that sends `frames` gets of a command that gives back what it reads.
    async fn served(frames: &[&[u8]], ended: Result<i32, String>) -> Vec<Vec<u8>> {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::duplex(1 << 16);
        let (unread, input) = tokio::io::split(input);
        let session = ExecSession {
            stdin: Some(Box::new(input)),
            stdout: Some(Box::new(output)),
            stderr: None,
            resize: None,
            ended: Box::pin(std::future::ready(ended)),
        };
        drop(unread);
        let all: Vec<u8> = frames.iter().flat_map(|payload| frame(payload)).collect();
        client.write_all(&all).await.unwrap();
        serve(server, session, CancellationToken::new()).await;
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        let (mut rest, mut messages) = (bytes.as_slice(), Vec::new());
        while let [_, length, after @ ..] = rest {
            let (length, after) = match length {
                126 => (usize::from(after[0]) << 8 | usize::from(after[1]), &after[2..]),
                short => (usize::from(*short), after),
            };
            messages.push(after[..length].to_vec());
            rest = &after[length..];
        }
        messages
    }

    #[tokio::test]
    async fn a_session_is_carried_to_its_end() {
        let messages = served(&[b"\x00hello", b"\xff\x00"], Ok(3)).await;
        assert_eq!(messages[0], b"\x01");
        assert_eq!(messages[1], b"\x01hello");
        assert_eq!(messages[2][0], ERROR);
        let status: Value = serde_json::from_slice(&messages[2][1..]).unwrap();
        assert_eq!(
            status["details"]["causes"][0],
            json!({"reason": "ExitCode", "message": "3"})
        );
        assert_eq!(messages[3], 1000_u16.to_be_bytes());
    }

    #[test]
    fn an_end_is_told_as_clients_look_for_it() {
        for (ended, expected) in [
            (Ok(0), json!({"metadata": {}, "status": "Success"})),
            (
                Err("no such program".to_owned()),
                json!("Internal error occurred: error executing command in container: no such program"),
            ),
        ] {
            let found = status(&ended);
            assert!(found == expected || found["message"] == expected, "{found}");
        }
    }
}
