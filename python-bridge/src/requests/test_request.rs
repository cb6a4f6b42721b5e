//! Requests for unit tests, read from their text. Knows no interface.

use std::sync::Arc;

use turbo_shard_runtime::protocol::{Connection, Event, Limits, RequestHead, Tick, Workspace};

/// Hands the head of `text` to `look`.
pub(crate) fn with_head<T>(text: &str, look: impl FnOnce(RequestHead<'_>) -> T) -> T {
    let now = Tick::from_millis(0);
    let mut connection = Connection::new(Arc::new(Limits::sample()), now);
    connection.lend(Box::new(Workspace::new()));
    connection.receive(now, text.as_bytes());
    assert_eq!(connection.next_event(now), Event::Head);
    look(connection.request())
}
