//! A server of thirty lines that does with each request what a test says, and turbo-load run against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

use crate::ways;

/// What a server does with the request number `count` (from 0), given its line and body.
type Answerer = dyn Fn(usize, &str, &str) -> Action + Send + Sync;

#[allow(dead_code, reason = "not each of the test programs has a use for all")]
pub(crate) enum Action {
    Answer(u16, String),
    Close,
    Silence,
}

/// Serves on a thread per connection until the test ends.
pub(crate) fn serve(
    answerer: impl Fn(usize, &str, &str) -> Action + Send + Sync + 'static,
) -> SocketAddr {
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

pub(crate) fn users(_: usize, request: &str, _: &str) -> Action {
    Action::Answer(200, format!("{{\"id\":{}}}", number(request)))
}

pub(crate) const USERS: [&str; 4] = ["--path", "/users/{n}", "--expect-body", "{\"id\":{n}}"];
pub(crate) const SHORT: [&str; 6] = [
    "--connections",
    "4",
    "--seconds",
    "0.2",
    "--warm-up-seconds",
    "0.05",
];

pub(crate) fn command(target: SocketAddr, options: &[&[&str]]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turbo-load"));
    command
        .arg("--target")
        .arg(target.to_string())
        .args(ways::options())
        .args(options.concat());
    command
}

pub(crate) fn run(target: SocketAddr, options: &[&[&str]]) -> (Option<i32>, Value) {
    let Output { status, stdout, .. } = command(target, options).output().unwrap();
    let report = serde_json::from_slice(&stdout).unwrap_or_default();
    ways::assert_taken(&report);
    (status.code(), report)
}
