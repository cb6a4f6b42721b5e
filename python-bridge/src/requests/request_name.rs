//! What a request is called in logs. Knows no interface.

use std::fmt;

use turbo_shard_runtime::protocol::RequestHead;

/// A request by its name, for logs: `GET /users/7`, with its id where requests have ids.
pub(crate) struct RequestName<'a>(pub(crate) RequestHead<'a>);

impl fmt::Display for RequestName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The target stays out: a query may hold what does not belong in logs.
        write!(
            f,
            "{} {}",
            self.0.method_bytes().escape_ascii(),
            self.0.path().escape_ascii()
        )?;
        match self.0.request_id() {
            Some(id) => write!(f, " (request {})", id.escape_ascii()),
            None => Ok(()),
        }
    }
}
