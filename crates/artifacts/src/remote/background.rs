//! A thread for connections. Stores are used from plain code that runs inside an event loop of one thread, which must
//! not be waited for from within.

use std::future::Future;

use futures::channel::oneshot;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// The thread; it ends when dropped, whatever it does.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

/// Something under way there.
pub(crate) struct Task<T>(oneshot::Receiver<T>);

impl Background {
    /// Starts the thread.
    pub(crate) fn new() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|source| Error::NoThread { source })?;
        Ok(Self(Some(runtime)))
    }

    /// Starts something.
    pub(crate) fn start<T: Send + 'static>(&self, what: impl Future<Output = T> + Send + 'static) -> Task<T> {
        let (done, task) = oneshot::channel();
        if let Some(runtime) = &self.0 {
            runtime.spawn(async move { done.send(what.await) });
        }
        Task(task)
    }
}

impl<T> Task<T> {
    /// What came of it. Blocks this thread.
    pub(crate) fn wait(self) -> Result<T> {
        // The channels of `futures` know no budget of a runtime, which would never be renewed while we block.
        futures::executor::block_on(self.0).map_err(|_| Error::NoThread {
            source: std::io::ErrorKind::BrokenPipe.into(),
        })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // An ordinary drop waits, which is not allowed inside an event loop.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
