//! The table of conditional requests, each read from a real head.

use std::sync::Arc;

use turbo_shard_protocol::{Connection, Event, Limits, Tick, Workspace};

use super::*;

const TAG: &str = "\"abc-64\"";
/// Sun, 06 Nov 1994 08:49:37 GMT.
const MODIFIED_S: u64 = 784_111_777;
const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

fn asked(method: &str, fields: &[(&str, &str)], is_date_strong: bool) -> Verdict {
    let mut text = format!("{method} / HTTP/1.1\r\nhost: a\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let now = Tick::from_millis(0);
    let mut connection = Connection::new(Arc::new(Limits::sample()), now);
    connection.lend(Box::new(Workspace::new()));
    connection.receive(now, text.as_bytes());
    assert_eq!(connection.next_event(now), Event::Head, "{text}");
    let file = Validators {
        etag: TAG,
        modified_s: MODIFIED_S,
        is_date_strong,
    };
    verdict(&connection.request(), file, 100)
}

fn whole() -> Verdict {
    Verdict::Send(Wanted::Whole)
}

fn part() -> Verdict {
    Verdict::Send(Wanted::Part(0..10))
}

#[test]
fn conditions_are_gone_through_in_their_order() {
    let (failed, same) = (Verdict::Failed, Verdict::NotModified);
    let table: &[(&[(&str, &str)], Verdict)] = &[
        (&[], whole()),
        // If-Match compares strongly.
        (&[("if-match", TAG)], whole()),
        (&[("if-match", "*")], whole()),
        (&[("if-match", "\"x\", \"abc-64\"")], whole()),
        (&[("if-match", "\"x\"")], failed.clone()),
        (&[("if-match", "W/\"abc-64\"")], failed.clone()),
        (&[("if-match", "")], failed.clone()),
        // If-Unmodified-Since only without If-Match.
        (&[("if-unmodified-since", SAME)], whole()),
        (&[("if-unmodified-since", AFTER)], whole()),
        (&[("if-unmodified-since", BEFORE)], failed.clone()),
        (&[("if-unmodified-since", "yesterday")], whole()),
        (
            &[("if-match", TAG), ("if-unmodified-since", BEFORE)],
            whole(),
        ),
        // If-None-Match compares weakly.
        (&[("if-none-match", TAG)], same.clone()),
        (&[("if-none-match", "W/\"abc-64\"")], same.clone()),
        (&[("if-none-match", "*")], same.clone()),
        (
            &[("if-none-match", "\"x\",W/\"y\" , \"abc-64\"")],
            same.clone(),
        ),
        (&[("if-none-match", "\"a,\", \"abc-64\"")], same.clone()),
        (
            &[("If-None-Match", "\"x\""), ("if-none-match", TAG)],
            same.clone(),
        ),
        (&[("if-none-match", "\"x\"")], whole()),
        (&[("if-none-match", "abc-64")], whole()),
        (&[("if-none-match", "\"abc-64")], whole()),
        // If-Modified-Since only without If-None-Match.
        (&[("if-modified-since", SAME)], same.clone()),
        (&[("if-modified-since", AFTER)], same.clone()),
        (&[("if-modified-since", BEFORE)], whole()),
        (
            &[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")],
            same.clone(),
        ),
        (
            &[("if-modified-since", "Sun Nov  6 08:49:37 1994")],
            same.clone(),
        ),
        (&[("if-modified-since", "0")], whole()),
        (
            &[("if-none-match", "\"x\""), ("if-modified-since", SAME)],
            whole(),
        ),
        // What fails goes before what has not changed.
        (
            &[("if-match", "\"x\""), ("if-none-match", TAG)],
            failed.clone(),
        ),
        (&[("if-match", TAG), ("if-none-match", TAG)], same.clone()),
        (
            &[
                ("if-unmodified-since", BEFORE),
                ("if-modified-since", AFTER),
            ],
            failed,
        ),
        // A range is the last to be looked at.
        (&[("range", "bytes=0-9")], part()),
        (&[("range", "bytes=0-9"), ("if-none-match", TAG)], same),
        (&[("range", "bytes=0-9"), ("if-match", TAG)], part()),
        (&[("range", "bytes=0-9"), ("if-range", TAG)], part()),
        (&[("range", "bytes=0-9"), ("if-range", "\"x\"")], whole()),
        (
            &[("range", "bytes=0-9"), ("if-range", "W/\"abc-64\"")],
            whole(),
        ),
        (&[("range", "bytes=0-9"), ("if-range", SAME)], part()),
        (&[("range", "bytes=0-9"), ("if-range", AFTER)], whole()),
        (&[("range", "bytes=0-9"), ("if-range", BEFORE)], whole()),
        (&[("range", "bytes=0-9"), ("if-range", "abc")], whole()),
        (
            &[("range", "bytes=100-")],
            Verdict::Send(Wanted::Unsatisfiable),
        ),
        (&[("range", "bytes=100-"), ("if-range", "\"x\"")], whole()),
        (&[("if-range", TAG)], whole()),
    ];
    for (fields, expected) in table {
        assert_eq!(asked("GET", fields, true), *expected, "{fields:?}");
    }
}

#[test]
fn a_range_is_for_get_only() {
    assert_eq!(asked("HEAD", &[("range", "bytes=0-9")], true), whole());
    assert_eq!(asked("HEAD", &[("range", "bytes=100-")], true), whole());
    let unchanged = [("if-none-match", TAG)];
    assert_eq!(asked("HEAD", &unchanged, true), Verdict::NotModified);
}

#[test]
fn a_date_that_is_too_near_makes_no_part() {
    let fields = [("range", "bytes=0-9"), ("if-range", SAME)];
    assert_eq!(asked("GET", &fields, false), whole());
    let fields = [("range", "bytes=0-9"), ("if-range", TAG)];
    assert_eq!(asked("GET", &fields, false), part());
}
