//! What we accept as HTTP/1, hyper reads in the same way: method, target, version, fields, and where each body ends.
//! What hyper accepts and we refuse is no fault; http1_agreement_tests.rs lists and judges what was found.

use hyper::{Uri, Version as HyperVersion};
use turbo_shard_protocol::{Limits, Version};

use crate::hyper_reading::{self, Reading};
use crate::session::{Asked, Story, tell};

pub(crate) fn check(input: &[u8]) {
    let limits = Limits::sample();
    let story = tell(&limits, &[input]);
    if story.asked.is_empty() {
        return;
    }
    let readings = hyper_reading::read(input, limits.header_fields_max);
    agree(&story, &readings);
}

/// Each request that we accepted is one that hyper read, in the same place.
fn agree(story: &Story, readings: &[Reading]) {
    for (at, asked) in story.asked.iter().enumerate() {
        let Some(reading) = readings.get(at) else {
            // It is stricter about the characters of a target, and reads nothing after one that it refuses.
            assert!(
                Uri::try_from(&asked.target[..]).is_err(),
                "hyper does not read {asked:?}"
            );
            return;
        };
        assert!(
            is_same_head(asked, reading),
            "{asked:?} is {reading:?} to hyper"
        );
        // Of a body that the app did not want, we know only its end, by what follows.
        if asked.is_answered && asked.was_read() {
            assert_eq!(reading.body.as_ref(), Some(&asked.body), "{asked:?}");
        }
    }
}

fn is_same_head(asked: &Asked, reading: &Reading) -> bool {
    let version = match asked.version {
        Version::Http10 => HyperVersion::HTTP_10,
        Version::Http11 => HyperVersion::HTTP_11,
        Version::Http2 => unreachable!("no head of HTTP/1 says so"),
    };
    let mut headers: Vec<_> = asked.headers.iter().map(lower_case).collect();
    headers.sort_by(|a, b| a.0.cmp(&b.0));
    let mut read = reading.headers.clone();
    if let Some(authority) = &reading.authority {
        // We put it in the place of the host, as RFC 9112 section 3.2.2 has it; hyper leaves that to its user.
        for (_, value) in read.iter_mut().filter(|(name, _)| name == "host") {
            *value = authority.clone().into_bytes();
        }
    }
    asked.method == reading.method.as_bytes()
        && asked.path == reading.path.as_bytes()
        && asked.query == reading.query.as_bytes()
        && version == reading.version
        && headers == read
}

fn lower_case((name, value): &(Vec<u8>, Vec<u8>)) -> (String, Vec<u8>) {
    (
        String::from_utf8_lossy(name).to_ascii_lowercase(),
        value.clone(),
    )
}

#[cfg(test)]
#[path = "http1_agreement_tests.rs"]
mod tests;
