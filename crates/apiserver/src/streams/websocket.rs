//! WebSocket (RFC 6455), the server's side of what streams need: handshake, messages, pings, the closing frame.
//!
//! ```text
//!   frame    FIN, opcode | MASK, length | longer length | mask | payload
//! ```
//!
//! Text and binary messages are taken alike, as sequences of bytes. Nothing here knows what they mean.

use std::io;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::body::{Answer, Body};
use crate::status::ApiError;

/// What a key is answered with is the digest of it and this (section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a message, however many frames it comes in: clients send 32 KiB at once.
const MESSAGE_MAX: usize = 1 << 20;
/// The closing frame's code of an ordinary end.
const NORMAL: u16 = 1000;

const CONTINUED: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A request that is granted.
pub(super) struct Handshake {
    accept: String,
    protocol: &'static str,
}

impl Handshake {
    /// Reads a request; of the protocols that the client names, the first that is in `supported` is taken.
    pub(super) fn of(headers: &HeaderMap, supported: &[&'static str]) -> Result<Self, ApiError> {
        let list = |name| {
            let values = headers.get_all(name).into_iter();
            let texts = values.filter_map(|value| value.to_str().ok());
            texts.flat_map(|text| text.split(',')).map(str::trim)
        };
        let key = headers.get(SEC_WEBSOCKET_KEY);
        let asks = list(UPGRADE).any(|name| name.eq_ignore_ascii_case("websocket"));
        let (true, Some(key)) = (asks, key) else {
            return Err(ApiError::bad_request(
                "Upgrade request required: this server streams over WebSocket, as clients do since Kubernetes 1.31",
            ));
        };
        if !list(SEC_WEBSOCKET_VERSION).any(|version| version == "13") {
            return Err(ApiError::bad_request(
                "this server speaks version 13 of WebSocket",
            ));
        }
        let known = |name: &str| supported.iter().find(|known| **known == name);
        let protocol = list(SEC_WEBSOCKET_PROTOCOL).find_map(known).ok_or_else(|| {
            ApiError::bad_request(format!("this server streams by {}", supported.join(" and ")))
        })?;
        let text = [key.as_bytes(), GUID.as_bytes()].concat();
        Ok(Self {
            accept: STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text)),
            protocol,
        })
    }

    /// The answer that grants it.
    pub(super) fn answer(&self) -> Answer {
        let mut answer = Answer::new(Body::Once(None));
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = answer.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(self.protocol));
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        answer
    }
}

/// What comes in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Message(Vec<u8>),
    /// To be answered by a pong with the same bytes.
    Ping(Vec<u8>),
    Close,
}

/// Reads messages.
pub(super) struct Reader<R> {
    stream: R,
    /// The message that is coming in.
    message: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            message: Vec::new(),
        }
    }

    /// What comes next.
    pub(super) async fn next(&mut self) -> io::Result<Incoming> {
        loop {
            let (last, opcode, payload) = self.frame().await?;
            match opcode {
                CLOSE => return Ok(Incoming::Close),
                PING => return Ok(Incoming::Ping(payload)),
                PONG => {}
                _ => {
                    self.message.extend_from_slice(&payload);
                    if last {
                        return Ok(Incoming::Message(std::mem::take(&mut self.message)));
                    }
                }
            }
        }
    }

    async fn frame(&mut self) -> io::Result<(bool, u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).await?;
        let length = match head[1] & 0x7f {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            length => u64::from(length),
        };
        let room = MESSAGE_MAX.saturating_sub(self.message.len());
        let length = usize::try_from(length).ok().filter(|length| *length <= room);
        let length = length.ok_or_else(|| wrong("a message is longer than a mebibyte"))?;
        if head[1] & 0x80 == 0 {
            return Err(wrong("a client's frame is not masked"));
        }
        let mut mask = [0; 4];
        self.stream.read_exact(&mut mask).await?;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
        Ok((head[0] & 0x80 != 0, head[0] & 0x0f, payload))
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Writes messages, each in one frame.
pub(super) struct Writer<W>(W);

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(stream: W) -> Self {
        Self(stream)
    }

    /// Sends a message: `channel`, then `bytes`.
    pub(super) async fn message(&mut self, channel: u8, bytes: &[u8]) -> io::Result<()> {
        self.frame(BINARY, &[&[channel], bytes]).await
    }

    pub(super) async fn pong(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.frame(PONG, &[bytes]).await
    }

    pub(super) async fn close(&mut self) -> io::Result<()> {
        self.frame(CLOSE, &[&NORMAL.to_be_bytes()]).await?;
        self.0.shutdown().await
    }

    async fn frame(&mut self, opcode: u8, parts: &[&[u8]]) -> io::Result<()> {
        debug_assert_ne!(opcode, CONTINUED);
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut frame = vec![0x80 | opcode];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short), _) if short < 126 => frame.push(short),
            (_, Ok(longer)) => {
                frame.push(126);
                frame.extend_from_slice(&longer.to_be_bytes());
            }
            _ => {
                frame.push(127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        parts.iter().for_each(|part| frame.extend_from_slice(part));
        self.0.write_all(&frame).await?;
        self.0.flush().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                http::HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        pairs.collect()
    }

    #[test]
    fn a_handshake_takes_the_first_protocol_that_both_know() {
        let asked = headers(&[
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "v9, b, a"),
        ]);
        let answer = Handshake::of(&asked, &["a", "b"])
            .map(|handshake| handshake.answer())
            .ok()
            .unwrap();
        assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
        // The example of section 1.3.
        assert_eq!(
            answer.headers()[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert_eq!(answer.headers()[SEC_WEBSOCKET_PROTOCOL], "b");
        assert!(Handshake::of(&asked, &["c"]).is_err());
        assert!(Handshake::of(&headers(&[("upgrade", "SPDY/3.1")]), &["a"]).is_err());
    }

    async fn read(bytes: &[u8]) -> io::Result<Incoming> {
        Reader::new(bytes).next().await
    }

    #[tokio::test]
    async fn frames_are_put_together_and_unmasked() {
        let text = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read(&text).await.unwrap(), Incoming::Message(b"Hello".to_vec()));
        let parts = [0x02, 0x81, 0, 0, 0, 0, b'a', 0x80, 0x81, 0, 0, 0, 0, b'b'];
        assert_eq!(read(&parts).await.unwrap(), Incoming::Message(b"ab".to_vec()));
        let ping = [0x89, 0x81, 0, 0, 0, 0, b'p'];
        assert_eq!(read(&ping).await.unwrap(), Incoming::Ping(b"p".to_vec()));
        assert_eq!(read(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap(), Incoming::Close);
        assert!(read(&[0x82, 0x01, b'a']).await.is_err(), "not masked");
        assert!(
            read(&[0x82, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0]).await.is_err(),
            "too long"
        );
        assert!(read(&text[..5]).await.is_err(), "cut off");
    }

    #[tokio::test]
    async fn lengths_take_as_many_bytes_as_they_need() {
        for (length, head) in [
            (3, vec![0x82, 4, 1]),
            (300, vec![0x82, 126, 1, 45, 1]),
            (70_000, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71, 1]),
        ] {
            let mut out = Vec::new();
            Writer::new(&mut out)
                .message(1, &vec![b'x'; length])
                .await
                .unwrap();
            assert_eq!(out[..head.len()], head);
            assert_eq!(out.len(), head.len() + length);
        }
    }
}
