//! A whole HTTP/1 connection: requests behind each other, bodies of each framing, answers of each kind. However its bytes
//! are cut, the app is asked the same and the peer is told the same.

use crate::pieces::ways;
use crate::session::{limits, tell};

pub(crate) fn check(input: &[u8]) {
    let limits = limits();
    let stories: Vec<_> = ways(input)
        .iter()
        .map(|pieces| tell(&limits, pieces))
        .collect();
    for story in &stories[1..] {
        assert_eq!(story, &stories[0], "pieces matter");
    }
}
