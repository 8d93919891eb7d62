//! Objects that are kept for a while only: events. A real server leases them in etcd; here creating one now and then
//! clears away those whose time is over, so nothing runs on its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use meta::Timestamp;

use crate::object::pluck;
use crate::registry::Row;
use crate::server::Inner;
use crate::status::ApiError;

/// After how many creations it is time to look.
const EVERY: u32 = 256;

/// Counts creations of objects that expire.
#[derive(Default)]
pub(crate) struct Expiry(AtomicU32);

impl Expiry {
    /// Notes a creation, and clears away what has expired if it is time to look.
    pub(crate) fn created(&self, server: &Inner, row: &Row) -> Result<(), ApiError> {
        let Some(ttl) = row.strategy.ttl else {
            return Ok(());
        };
        if self.0.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1 {
            clear(server, row, ttl)?;
        }
        Ok(())
    }
}

fn clear(server: &Inner, row: &Row, ttl: Duration) -> Result<(), ApiError> {
    let oldest = server.host.now().checked_sub(ttl).unwrap_or(Timestamp::MIN);
    let (entries, _) = server.store.list(&row.prefix);
    let expired = entries.iter().filter(|entry| {
        let made = pluck(&entry.value, &["metadata", "creationTimestamp"]);
        made.and_then(|made| meta::time::parse(&made))
            .is_some_and(|made| made < oldest)
    });
    server.store.transact(|tx| {
        for entry in expired {
            tx.delete(&entry.key);
        }
        Ok::<_, ApiError>(())
    })?;
    Ok(())
}
