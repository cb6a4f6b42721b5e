//! turbo-load against a server of thirty lines: right answers are counted, every kind of wrong one ends the run.

mod server;
mod ways;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use serde_json::Value;
use server::{Action, SHORT, USERS, command, run, serve, users};

fn right_answers_are_counted() {
    let (status, report) = run(serve(users), &[&USERS, &SHORT]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(report["errors"], 0);
    assert!(report["requests"].as_u64().unwrap() > 10, "{report}");
    assert!(report["answers_checked"].as_u64() >= report["requests"].as_u64());
    assert_eq!(report["seconds"], 0.2);
    // None if the machine left the generator no time; then the report says why.
    let latency = &report["latency_us"];
    assert_eq!(latency.is_null(), report["latency_refused"].is_string());
    if !latency.is_null() {
        assert!(latency["p50"].as_f64().unwrap() > 0.0);
        assert!(
            latency["p50"].as_f64() <= latency["p99"].as_f64()
                && latency["p99"].as_f64() <= latency["max"].as_f64()
        );
    }
}

fn bodies_are_sent_and_vary() {
    let echo = |_: usize, request: &str, body: &str| match request {
        "POST /echo" => Action::Answer(201, body.to_owned()),
        _ => Action::Answer(404, String::new()),
    };
    let body = r#"{"n":{n},"again":{n}}"#;
    let post = [
        "--method",
        "POST",
        "--path",
        "/echo",
        "--body",
        body,
        "--expect-body",
        body,
        "--expect-status",
        "201",
    ];
    let (status, report) = run(serve(echo), &[&post, &SHORT, &["--numbers", "1-100000"]]);
    assert_eq!(status, Some(0), "{report}");
}

fn a_count_ends_the_run_early() {
    let options = [
        "--requests-max",
        "50",
        "--seconds",
        "60",
        "--warm-up-seconds",
        "0",
    ];
    let (status, report) = run(serve(users), &[&USERS, &options]);
    assert_eq!(
        (status, report["answers_checked"].as_u64()),
        (Some(0), Some(50)),
        "{report}"
    );
    assert!(report["seconds"].as_f64().unwrap() < 60.0);
}

fn a_canned_answer_ends_the_run() {
    let (status, report) = run(
        serve(|_, _, _| Action::Answer(200, r#"{"id":1000}"#.to_owned())),
        &[&USERS, &SHORT],
    );
    assert_eq!(
        (status, report["failure"].as_str()),
        (Some(3), Some("wrong_answer")),
        "{report}"
    );
    assert!(
        report["message"]
            .as_str()
            .unwrap()
            .contains("bodies differ from byte 9 on"),
        "{report}"
    );
}

fn one_wrong_status_among_many_answers_ends_the_run() {
    let server = |count: usize, request: &str, body: &str| match count {
        50 => Action::Answer(500, String::from("oh")),
        _ => users(count, request, body),
    };
    let (status, report) = run(serve(server), &[&USERS, &SHORT]);
    assert_eq!(status, Some(3), "{report}");
    assert!(
        report["message"]
            .as_str()
            .unwrap()
            .contains("expected status 200, found 500"),
        "{report}"
    );
}

fn a_connection_that_is_closed_breaks_the_run() {
    let server = |count: usize, request: &str, body: &str| match count {
        20 => Action::Close,
        _ => users(count, request, body),
    };
    let (status, report) = run(serve(server), &[&USERS, &SHORT]);
    assert_eq!(
        (status, report["failure"].as_str()),
        (Some(4), Some("broken")),
        "{report}"
    );
}

fn silence_breaks_the_run() {
    let options = ["--answer-timeout-seconds", "0.2"];
    let (status, report) = run(
        serve(|_, _, _| Action::Silence),
        &[&USERS, &SHORT, &options],
    );
    assert_eq!(status, Some(4));
    assert!(
        report["message"]
            .as_str()
            .unwrap()
            .contains("no answer to GET /users/1000"),
        "{report}"
    );
    let (status, _) = run(
        serve(|_, _, _| Action::Silence),
        &[&USERS, &options, &["--idle", "1"]],
    );
    assert_eq!(status, Some(4));
}

fn a_server_that_answers_nothing_in_time_has_no_rate_of_zero() {
    let slow = |count: usize, request: &str, body: &str| {
        std::thread::sleep(std::time::Duration::from_millis(300));
        users(count, request, body)
    };
    let (status, report) = run(serve(slow), &[&USERS, &SHORT]);
    assert_eq!(status, Some(4), "{report}");
    assert!(
        report["message"]
            .as_str()
            .unwrap()
            .contains("no answer within the measured time"),
        "{report}"
    );
}

#[test]
fn nobody_listening_breaks_the_run() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    assert_eq!(run(address, &[&USERS, &SHORT]).0, Some(4));
}

#[test]
fn idle_connections_are_held_until_input_ends() {
    let mut child = command(serve(users), &[&USERS, &["--idle", "20"]])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    let held = next();
    assert_eq!(
        (held["kind"].as_str(), held["open"].as_u64()),
        (Some("held"), Some(20))
    );
    assert!(child.try_wait().unwrap().is_none());
    drop(child.stdin.take());
    let released = next();
    assert_eq!(
        (released["kind"].as_str(), released["open"].as_u64()),
        (Some("released"), Some(20))
    );
    assert!(child.wait().unwrap().success());
}

#[test]
fn wrong_usage_has_its_own_status() {
    let (status, report) = run(SocketAddr::from(([127, 0, 0, 1], 1)), &[&["--path", "/"]]);
    assert_eq!((status, report), (Some(2), Value::Null));
}

ways::both_ways! {
    right_answers_are_counted,
    bodies_are_sent_and_vary,
    a_count_ends_the_run_early,
    a_canned_answer_ends_the_run,
    one_wrong_status_among_many_answers_ends_the_run,
    a_connection_that_is_closed_breaks_the_run,
    silence_breaks_the_run,
    a_server_that_answers_nothing_in_time_has_no_rate_of_zero,
}
