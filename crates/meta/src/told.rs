//! A value that tasks wait for: who waited first is woken first.
//!
//! That keeps one order of events in a simulation. A runtime's own channels may wake their waiters in a
//! random order, as tokio's `watch` does.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// A value, and who waits for it to change.
#[derive(Debug, Default)]
pub struct Told<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug, Default)]
struct Inner<T> {
    value: T,
    /// Who waits, in the order of asking.
    waiting: BTreeMap<u64, Waker>,
    asked: u64,
}

/// Takes one who waits no longer off the list.
struct Place<'a, T> {
    told: &'a Told<T>,
    number: u64,
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        self.told.lock().waiting.remove(&self.number);
    }
}

impl<T> Told<T> {
    /// A value that nobody waits for yet.
    pub const fn new(value: T) -> Self {
        Self {
            inner: Mutex::new(Inner {
                value,
                waiting: BTreeMap::new(),
                asked: 0,
            }),
        }
    }

    /// Looks at the value.
    pub fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().value)
    }

    /// Changes the value and wakes all who wait.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut inner = self.lock();
        let answer = change(&mut inner.value);
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        waiting.into_values().for_each(Waker::wake);
        answer
    }

    /// Waits until `ready` finds an answer in the value.
    pub async fn until<R>(&self, ready: impl Fn(&T) -> Option<R>) -> R {
        let place = self.place();
        poll_fn(|cx| {
            let mut inner = self.lock();
            if let Some(answer) = ready(&inner.value) {
                return Poll::Ready(answer);
            }
            inner.waiting.insert(place.number, cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn place(&self) -> Place<'_, T> {
        let mut inner = self.lock();
        let number = inner.asked;
        inner.asked += 1;
        Place { told: self, number }
    }

    /// A panic elsewhere leaves the value as it was or as it is to be: changes are single steps.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Wake};

    use super::*;

    /// Notes whom it woke.
    struct Woken(u8, Arc<Mutex<Vec<u8>>>);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn who_waited_first_is_woken_first() {
        let (told, order) = (Told::new(0), Arc::new(Mutex::new(Vec::new())));
        let waker = |name| Waker::from(Arc::new(Woken(name, Arc::clone(&order))));
        let wanted = |value: &u8| (*value > 1).then_some(*value);
        let (mut a, mut b) = (pin!(told.until(wanted)), pin!(told.until(wanted)));
        let (wakers, mut gone) = ([waker(0), waker(1), waker(2)], Box::pin(told.until(wanted)));
        let [mut first, mut second, mut third] = wakers.each_ref().map(Context::from_waker);
        assert!(a.as_mut().poll(&mut first).is_pending());
        assert!(b.as_mut().poll(&mut second).is_pending());
        assert!(gone.as_mut().poll(&mut third).is_pending());
        drop(gone);
        told.change(|value| *value = 1);
        // Who looks again keeps its place.
        assert!(b.as_mut().poll(&mut second).is_pending());
        assert!(a.as_mut().poll(&mut first).is_pending());
        told.change(|value| *value = 2);
        assert_eq!(*order.lock().unwrap(), [0, 1, 0, 1]);
        assert_eq!(a.as_mut().poll(&mut first), Poll::Ready(2));
    }
}
