//! The body of an answer: one block of bytes, or a stream that ends when its watch does.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::BoxStream;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use serde_json::Value;

use crate::status::ApiError;

/// The body of an answer.
pub enum Body {
    /// All of it, until it is taken.
    Once(Option<Bytes>),
    /// As it comes.
    Stream(BoxStream<'static, Bytes>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Once(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream
                .as_mut()
                .poll_next(cx)
                .map(|next| next.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Once(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Once(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// The answer type of this crate's services.
pub type Answer = Response<Body>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer of JSON bytes.
pub(crate) fn bytes(code: StatusCode, body: Bytes) -> Answer {
    typed(code, JSON, Body::Once(Some(body)))
}

/// An answer of one JSON value.
pub(crate) fn json(code: StatusCode, value: &Value) -> Answer {
    bytes(code, value.to_string().into())
}

/// An answer of any type.
pub(crate) fn typed(code: StatusCode, content_type: HeaderValue, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// The answer that a refusal becomes.
pub(crate) fn failure(error: &ApiError) -> Answer {
    let code = StatusCode::from_u16(error.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if error.is_page() {
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        return typed(
            code,
            text,
            Body::Once(Some(Bytes::from_static(b"404 page not found\n"))),
        );
    }
    let mut answer = json(code, &error.json());
    if let Some(seconds) = error.retry_after() {
        answer
            .headers_mut()
            .insert(http::header::RETRY_AFTER, seconds.into());
    }
    answer
}
