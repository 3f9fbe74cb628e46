//! Tenant B as the sender of events to its own listeners.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use super::{KEY, Tenant, listener_path};
use crate::hostile::client;
use crate::hostile::dice::Dice;
use crate::hostile::strangers::{pushed, status};

/// Between two events. One listener of those that exist gets each.
const PAUSE: Duration = Duration::from_millis(150);
/// A sender that is not answered gives up after this time.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where the events come from.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 66, 2, 1);
/// Of the listeners of a shape, only so many get events: a listener that gets none costs nothing.
const LISTENERS: usize = 50;

/// By shape: events by the status of the response. 0 is for none.
pub(super) type Events = BTreeMap<&'static str, BTreeMap<u16, u64>>;

/// A shape that exists, and the names of its listeners.
#[derive(Debug, Clone)]
pub(super) struct Present {
    pub(super) shape: &'static str,
    listeners: Vec<String>,
}

impl Present {
    pub(super) fn new(shape: &'static str, objects: &[Value]) -> Self {
        let listeners = objects.iter().filter(|object| object["kind"] == "EventListener");
        let names = listeners.filter_map(|listener| Some(listener["metadata"]["name"].as_str()?.to_owned()));
        Self { shape, listeners: names.take(LISTENERS).collect() }
    }
}

impl Tenant {
    /// Sends signed pushes to the listeners of the shapes that exist, until it is dropped.
    pub(super) async fn send(&self, hooks: SocketAddr, mut dice: Dice) {
        loop {
            tokio::time::sleep(PAUSE).await;
            let present = self.present();
            let listeners = present.iter().flat_map(|Present { shape, listeners }| {
                listeners.iter().map(move |listener| (*shape, listener))
            });
            let listeners: Vec<_> = listeners.collect();
            if listeners.is_empty() {
                continue;
            }
            let (shape, listener) = dice.pick(&listeners);
            let Ok(request) = pushed(&listener_path(listener), KEY, dice.number() >> 8) else { continue };
            let tenant = self.clone();
            // An answer that takes long delays no other event.
            tokio::spawn(async move {
                let response = tokio::time::timeout(PATIENCE, client::exchange(FROM, hooks, &request)).await;
                let status = response.ok().and_then(Result::ok).map_or(0, |response| status(&response));
                tenant.note(|deeds| *deeds.events.entry(shape).or_default().entry(status).or_default() += 1);
            });
        }
    }
}
