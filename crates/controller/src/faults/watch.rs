//! A watch whose events come late, and which ends before its time.

use bytes::Bytes;
use futures::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use tower::BoxError;

use super::{FaultBody, FaultLayer, Rates, State};

type Frame = Result<http_body::Frame<Bytes>, BoxError>;

struct Unsteady<S> {
    inner: S,
    layer: FaultLayer,
    rates: Rates,
    lag_ms: u64,
    drops: u64,
    ended: bool,
}

/// Makes the body of a watch unsteady.
pub(super) fn unsteady<B>(body: B, layer: &FaultLayer, rates: Rates) -> FaultBody
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let drops = layer.shared.state.look(|state| state.drops);
    let watch = Unsteady {
        inner: Box::pin(body.into_data_stream()),
        lag_ms: layer.shared.random.draw(|r| r.below(rates.watch_lag_ms + 1)),
        layer: layer.clone(),
        rates,
        drops,
        ended: false,
    };
    StreamBody::new(futures::stream::unfold(watch, Unsteady::next)).boxed_unsync()
}

impl<S, E> Unsteady<S>
where
    S: futures::Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<BoxError>,
{
    async fn next(mut self) -> Option<(Frame, Self)> {
        if self.ended {
            return None;
        }
        let event = match self.event().await? {
            Ok(event) => event,
            Err(error) => return Some((Err(error), self)),
        };
        self.layer.shared.lag(self.lag_ms).await;
        if self.layer.shared.hits(self.rates.dropped_watches) {
            self.ended = true;
            let part = event.slice(..event.len() / 2);
            return Some((Ok(http_body::Frame::data(part)), self));
        }
        Some((Ok(http_body::Frame::data(event)), self))
    }

    /// The next event; none once the watch has ended.
    async fn event(&mut self) -> Option<Result<Bytes, BoxError>> {
        tokio::select! {
            biased;
            () = ended(&self.layer, self.drops) => None,
            event = self.inner.next() => event.map(|event| event.map_err(Into::into)),
        }
    }
}

/// Resolves once all watches were ended, or the user was cut off and is back.
async fn ended(layer: &FaultLayer, drops: u64) {
    let state = &layer.shared.state;
    let is_apart = |state: &State| state.apart.contains(&*layer.user);
    state
        .until(|state| (state.drops > drops || is_apart(state)).then_some(()))
        .await;
    state.until(|state| (!is_apart(state)).then_some(())).await;
}
