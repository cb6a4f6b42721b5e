//! Which options TLS and HTTP/2 go together with.

use super::{Given, usage};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::io_choice::IoChoice;
use crate::mix::Mix;

impl Given {
    /// TLS and HTTP/2 do not go together with everything.
    pub(super) fn check_protocol(&self, mix: &Mix) -> Result<(), Failure> {
        let is_open = self.rate.is_some();
        let slow = self.slow_read_bytes_per_second.is_some();
        let wrong = [
            (
                self.tls && self.io == IoChoice::Uring,
                "--io uring has no TLS; leave one of the two out",
            ),
            (
                self.tls && slow,
                "--slow-read-bytes-per-second counts bytes of a socket; leave out --tls",
            ),
            (
                self.handshakes.is_some() && !self.tls,
                "--handshakes is about TLS; add --tls",
            ),
            (
                self.handshakes.is_some()
                    && (self.http2 || self.websocket.is_some() || is_open || self.pipeline > 1),
                "--handshakes is a closed loop over HTTP/1 with one request on each connection; leave the rest out",
            ),
            (
                self.streams.is_some() && !self.http2,
                "--streams is for HTTP/2; add --http2",
            ),
            (
                self.http2
                    && (self.websocket.is_some()
                        || is_open
                        || self.pipeline > 1
                        || slow
                        || self.io == IoChoice::Uring),
                "--http2 is a closed loop of --streams; leave out --websocket, --rate, --pipeline, --io and slow readers",
            ),
        ];
        if let Some((_, text)) = wrong.iter().find(|(is_so, _)| *is_so) {
            return Err(usage(*text));
        }
        for exchange in mix.exchanges() {
            if let Exchange::Http(plan) = exchange
                && self.http2
                && plan.as_message(self.numbers.first()).is_none()
            {
                let line = plan.line(self.numbers.first());
                return Err(usage(format!(
                    "HTTP/2 cannot ask {line} with these headers"
                )));
            }
        }
        Ok(())
    }
}
