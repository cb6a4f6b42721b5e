//! What is left of a request that the app has answered early: never the next request (FACTS: "leftovers").

#[path = "driver/driver.rs"]
mod driver;

use std::sync::Arc;

use driver::{CANARY, Reading, chunked, decode_answers, post, run, run_dripping, run_whole};
use turbo_shard_protocol::Limits;

/// The body of a request that the app answered early is never taken for the next request.
#[test]
fn leftovers_of_an_early_answer() {
    let limits = Arc::new(Limits::sample());
    let canary = std::str::from_utf8(CANARY).unwrap();
    let canary_len = canary.len();
    let next = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    for request in [
        post(&format!("Content-Length: {canary_len}\r\n"), canary),
        chunked(&format!("{canary_len:x}\r\n{canary}\r\n0\r\n\r\n")),
    ] {
        let input = [&request[..], next].concat();
        for cut in 0..input.len() {
            let (first, second) = input.split_at(cut);
            let run = run(&limits, Reading::Never, [first, second]);
            let paths: Vec<_> = run.seen.iter().map(|seen| &seen.path[..]).collect();
            assert_eq!(paths, [&b"/"[..], b"/next"], "cut at {cut}");
            assert!(!run.closed);
            assert_eq!(decode_answers(&run.output, &["POST", "GET"]).len(), 2);
        }
    }
}

/// A leftover that is too long to swallow ends the connection, and the answer has said so.
#[test]
fn a_long_leftover_of_an_early_answer() {
    let limits = Arc::new(Limits::sample());
    let input = [&post("Content-Length: 1000000\r\n", "")[..], CANARY].concat();
    for run in [
        run_whole(&limits, Reading::Never, &input),
        run_dripping(&limits, Reading::Never, &input),
    ] {
        assert_eq!(run.seen.len(), 1);
        assert!(run.closed);
        let answers = decode_answers(&run.output, &["POST"]);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].header("connection"), Some(&b"close"[..]));
    }
}

/// A malformed body behind an early answer ends the connection without a second answer.
#[test]
fn a_malformed_leftover_ends_the_connection_quietly() {
    let limits = Arc::new(Limits::sample());
    let input = [&chunked("3\r\nabcXY")[..], CANARY].concat();
    for run in [
        run_whole(&limits, Reading::Never, &input),
        run_dripping(&limits, Reading::Never, &input),
    ] {
        assert_eq!(run.refused, None);
        assert_eq!(run.seen.len(), 1);
        assert!(run.closed);
        assert_eq!(decode_answers(&run.output, &["POST"]).len(), 1);
    }
}
