//! That a workflow changed, and no more: its metadata. What changed is read when it is needed, so that nobody decodes
//! a large object for each of its steps.

use futures::stream::{BoxStream, StreamExt as _};
use kinds::kube::api::{DynamicObject, PartialObjectMeta};
use kinds::kube::runtime::WatchStreamExt as _;
use kinds::kube::runtime::watcher::{self, Config, Event, watcher};
use kinds::kube::{Api, Client, ResourceExt as _};
use workflow::contract::LABEL_COMPLETED;

use crate::tree::view::workflows;

/// What is seen of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is there, and goes on.
    Changed,
    /// It is over.
    Over,
    /// It is not there.
    Absent,
}

/// Every change of the workflow, as it comes; what came since a change was looked at may be one.
pub fn changes(
    client: &Client,
    namespace: &str,
    name: &str,
) -> BoxStream<'static, Result<Sight, watcher::Error>> {
    let api: Api<PartialObjectMeta<DynamicObject>> =
        Api::namespaced_with(client.clone(), namespace, &workflows());
    let config = Config::default().fields(&format!("metadata.name={name}"));
    watcher(api, config)
        .default_backoff()
        .scan(false, |is_there, event| {
            std::future::ready(Some(sight(is_there, event)))
        })
        .filter_map(std::future::ready)
        .boxed()
}

fn sight(
    is_there: &mut bool,
    event: Result<Event<PartialObjectMeta<DynamicObject>>, watcher::Error>,
) -> Option<Result<Sight, watcher::Error>> {
    let sight = match event {
        Err(error) => return Some(Err(error)),
        Ok(Event::Init) => {
            *is_there = false;
            return None;
        }
        Ok(Event::InitDone) if *is_there => return None,
        Ok(Event::InitDone | Event::Delete(_)) => Sight::Absent,
        Ok(Event::InitApply(object) | Event::Apply(object)) => {
            *is_there = true;
            let over = object
                .labels()
                .get(LABEL_COMPLETED)
                .is_some_and(|label| label == "true");
            if over { Sight::Over } else { Sight::Changed }
        }
    };
    Some(Ok(sight))
}
