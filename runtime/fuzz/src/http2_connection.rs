//! A whole HTTP/2 connection: frames of all kinds behind the preface. However its bytes are cut, the app is asked the
//! same and the peer is sent the same, byte for byte; and a peer that keeps books finds nothing in it that it did not
//! allow or ask for.

use crate::http2_session::{limits, tell, tell_with_books};
use crate::pieces::ways;

pub(crate) fn check(input: &[u8]) {
    let limits = limits();
    let (story, numbers, peer) = tell_with_books(&limits, input);
    for pieces in ways(input) {
        assert_eq!(tell(&limits, &pieces), story, "pieces matter");
    }
    for (exchange, number) in story.exchanges.iter().zip(&numbers) {
        exchange.check(peer.streams.get(number).unwrap_or(&Default::default()));
    }
    if let Some(fault) = story.fault {
        assert_eq!(peer.goodbye, Some(fault), "a fault that nobody is told");
    }
}
