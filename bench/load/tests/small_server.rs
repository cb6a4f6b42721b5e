//! turbo-load against a server of thirty lines: right answers are counted, every kind of wrong one ends the run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

/// What a server does with the request number `count` (from 0), given its line and body.
type Answerer = dyn Fn(usize, &str, &str) -> Action + Send + Sync;

enum Action {
    Answer(u16, String),
    Close,
    Silence,
}

/// Serves on a thread per connection until the test ends.
fn serve(answerer: impl Fn(usize, &str, &str) -> Action + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answerer, count): (Arc<Answerer>, _) = (Arc::new(answerer), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (answerer, count) = (Arc::clone(&answerer), Arc::clone(&count));
            std::thread::spawn(move || converse(stream.unwrap(), &*answerer, &count));
        }
    });
    address
}

fn converse(mut stream: TcpStream, answerer: &Answerer, count: &AtomicUsize) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap_or(0) > 2 {
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let path = first.strip_suffix(" HTTP/1.1\r\n").unwrap();
        match answerer(
            count.fetch_add(1, Relaxed),
            path,
            std::str::from_utf8(&body).unwrap(),
        ) {
            Action::Close => return,
            Action::Silence => {}
            Action::Answer(status, text) => {
                let answer = format!(
                    "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                );
                // In two pieces now and then, so that answers are put together.
                let cut = if text.len() % 2 == 0 {
                    answer.len()
                } else {
                    answer.len() / 2
                };
                if stream.write_all(&answer.as_bytes()[..cut]).is_err() {
                    return;
                }
                if stream.write_all(&answer.as_bytes()[cut..]).is_err() {
                    return;
                }
            }
        }
    }
}

fn number(request: &str) -> &str {
    request.rsplit('/').next().unwrap()
}

fn users(_: usize, request: &str, _: &str) -> Action {
    Action::Answer(200, format!("{{\"id\":{}}}", number(request)))
}

const USERS: [&str; 4] = ["--path", "/users/{n}", "--expect-body", "{\"id\":{n}}"];
const SHORT: [&str; 6] = [
    "--connections",
    "4",
    "--seconds",
    "0.2",
    "--warm-up-seconds",
    "0.05",
];

fn command(target: SocketAddr, options: &[&[&str]]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turbo-load"));
    command
        .arg("--target")
        .arg(target.to_string())
        .args(options.concat());
    command
}

fn run(target: SocketAddr, options: &[&[&str]]) -> (Option<i32>, Value) {
    let Output { status, stdout, .. } = command(target, options).output().unwrap();
    (
        status.code(),
        serde_json::from_slice(&stdout).unwrap_or_default(),
    )
}

#[test]
fn right_answers_are_counted() {
    let (status, report) = run(serve(users), &[&USERS, &SHORT]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(report["errors"], 0);
    assert!(report["requests"].as_u64().unwrap() > 10, "{report}");
    assert!(report["answers_checked"].as_u64() >= report["requests"].as_u64());
    assert_eq!(report["seconds"], 0.2);
    let latency = &report["latency_us"];
    assert!(latency["p50"].as_f64().unwrap() > 0.0);
    assert!(
        latency["p50"].as_f64() <= latency["p99"].as_f64()
            && latency["p99"].as_f64() <= latency["max"].as_f64()
    );
}

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
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

#[test]
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
