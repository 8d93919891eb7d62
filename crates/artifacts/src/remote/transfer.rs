//! The half that does not block: objects in pieces, from and to a store.

use std::io;

use bytes::Bytes;
use futures::channel::mpsc::{Receiver, Sender};
use futures::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use object_store::path::Path as Key;
use object_store::{Error, GetResult, ObjectStore, ObjectStoreExt as _, Result, WriteMultipart};

use super::pipe::{PIECE, Piece};

/// Parts under way at the same time.
const PARTS_AT_ONCE: usize = 2;

/// Keeps what comes until its end; nothing, where the end does not come.
pub(super) async fn upload(objects: &dyn ObjectStore, key: &Key, mut pieces: Receiver<Piece>) -> Result<()> {
    let mut held = Bytes::new();
    let mut parts: Option<WriteMultipart> = None;
    while let Some(piece) = pieces.next().await {
        match piece {
            Piece::Data(bytes) => {
                let before = std::mem::replace(&mut held, bytes);
                if !before.is_empty() {
                    add(objects, key, &mut parts, before).await?;
                }
            }
            Piece::End => return finish(objects, key, parts, held).await,
        }
    }
    if let Some(parts) = parts {
        parts.abort().await?;
    }
    Err(Error::Generic {
        store: "artifact",
        source: "the writer gave up".into(),
    })
}

/// Sends one more part. The first begins an upload in parts.
async fn add(
    objects: &dyn ObjectStore,
    key: &Key,
    parts: &mut Option<WriteMultipart>,
    bytes: Bytes,
) -> Result<()> {
    let parts = match parts {
        Some(parts) => parts,
        None => {
            let upload = objects.put_multipart(key).await?;
            parts.insert(WriteMultipart::new_with_chunk_size(upload, PIECE))
        }
    };
    parts.wait_for_capacity(PARTS_AT_ONCE).await?;
    parts.put(bytes);
    Ok(())
}

/// What fits into one piece goes in one request.
async fn finish(
    objects: &dyn ObjectStore,
    key: &Key,
    parts: Option<WriteMultipart>,
    last: Bytes,
) -> Result<()> {
    match parts {
        None => objects.put(key, last.into()).await.map(drop),
        Some(mut parts) => {
            parts.put(last);
            parts.finish().await.map(drop)
        }
    }
}

/// Sends on what an object holds, until nobody reads any more.
pub(super) async fn download(got: GetResult, mut to: Sender<io::Result<Bytes>>) {
    let mut pieces = got.into_stream();
    while let Some(piece) = pieces.next().await {
        if to.send(piece.map_err(io::Error::other)).await.is_err() {
            return;
        }
    }
}

/// The keys below a key, in order.
pub(super) async fn list(objects: &dyn ObjectStore, below: &Key) -> Result<Vec<Key>> {
    let listed = objects.list(Some(below)).map_ok(|object| object.location);
    let mut keys: Vec<Key> = listed.try_collect().await?;
    keys.sort();
    Ok(keys)
}
