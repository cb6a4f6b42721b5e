//! turbo-load against a WebSocket server of forty lines: right echoes are counted, every kind of wrong one ends the run.

mod ways;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use serde_json::Value;

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const PING: &[u8] = b"\x89\x02up";

/// The bytes that answer the message number `count` (from 0), given its first byte and its payload.
type Answerer = dyn Fn(usize, u8, &[u8]) -> Vec<u8> + Send + Sync;

/// Serves on a thread per connection until the test ends.
fn serve(
    accept: &'static str,
    answerer: impl Fn(usize, u8, &[u8]) -> Vec<u8> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (answerer, count): (Arc<Answerer>, _) = (Arc::new(answerer), Arc::new(AtomicUsize::new(0)));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (answerer, count) = (Arc::clone(&answerer), Arc::clone(&count));
            // Ends with an error when the client has gone.
            std::thread::spawn(move || converse(stream.unwrap(), accept, &*answerer, &count));
        }
    });
    address
}

fn converse(
    mut stream: TcpStream,
    accept: &str,
    answerer: &Answerer,
    count: &AtomicUsize,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    loop {
        let (first, payload) = read_message(&mut reader)?;
        if first == 0x8A {
            assert_eq!(payload, b"up");
            continue;
        }
        let answer = answerer(count.fetch_add(1, Relaxed), first, &payload);
        if answer.is_empty() {
            return Ok(());
        }
        // In two pieces, so that answers are put together.
        let (one, other) = answer.split_at(answer.len() / 2);
        stream.write_all(one)?;
        stream.write_all(other)?;
    }
}

fn read_message(reader: &mut impl Read) -> std::io::Result<(u8, Vec<u8>)> {
    let [mut head, mut length, mut key] = [vec![0; 2], vec![0; 2], vec![0; 4]];
    reader.read_exact(&mut head)?;
    assert_eq!(head[1] & 0x80, 0x80, "clients mask");
    let bytes = match head[1] & 0x7F {
        126 => {
            reader.read_exact(&mut length)?;
            usize::from(length[0]) << 8 | usize::from(length[1])
        }
        short => usize::from(short),
    };
    reader.read_exact(&mut key)?;
    let mut payload = vec![0; bytes];
    reader.read_exact(&mut payload)?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
    Ok((head[0], payload))
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(payload.len()) {
        Ok(length) if length < 126 => vec![length],
        _ => [&[126], &(payload.len() as u16).to_be_bytes()[..]].concat(),
    };
    [&[first], &length[..], payload].concat()
}

fn echo(_: usize, first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, payload)
}

fn run(target: SocketAddr, options: &[&str]) -> (Option<i32>, Value) {
    let Output { status, stdout, .. } = Command::new(env!("CARGO_BIN_EXE_turbo-load"))
        .args(["--target", &target.to_string(), "--path", "/chat"])
        .args(["--connections", "4", "--seconds", "0.2"])
        .args(["--warm-up-seconds", "0.05"])
        .args(ways::options())
        .args(options)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&stdout).unwrap_or_default();
    ways::assert_taken(&report);
    (status.code(), report)
}

const SHORT: [&str; 4] = ["--websocket", "text", "--echo-bytes", "32"];

fn assert_ends_with(answerer: fn(usize, u8, &[u8]) -> Vec<u8>, status: i32, text: &str) {
    let (found, report) = run(serve(ACCEPT, answerer), &SHORT);
    assert_eq!(found, Some(status), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(message.contains(text), "{message}");
}

fn echoes_of_text_and_of_bytes_are_counted() {
    for (kind, bytes) in [("text", "32"), ("binary", "10240")] {
        let options = ["--websocket", kind, "--echo-bytes", bytes];
        let (status, report) = run(serve(ACCEPT, echo), &options);
        assert_eq!(status, Some(0), "{report}");
        assert!(report["requests"].as_u64().unwrap() > 10, "{report}");
        assert_eq!(report["request"], "WebSocket message 1000 on /chat");
    }
}

fn a_ping_between_messages_is_answered() {
    let pinging = |count: usize, first: u8, payload: &[u8]| match count % 10 {
        5 => [PING, &frame(first, payload)].concat(),
        _ => frame(first, payload),
    };
    let (status, report) = run(serve(ACCEPT, pinging), &SHORT);
    assert_eq!(status, Some(0), "{report}");
}

fn a_canned_message_ends_the_run() {
    assert_ends_with(
        |_, first, _| frame(first, b"0:1000;the quick brown fox jumps"),
        3,
        "bodies differ from byte 5 on",
    );
}

fn another_kind_of_message_ends_the_run() {
    assert_ends_with(
        |_, _, payload| frame(0x82, payload),
        3,
        "expected Text, found Binary",
    );
}

fn two_answers_to_one_message_end_the_run() {
    let twice = |_: usize, first: u8, payload: &[u8]| {
        [frame(first, payload), frame(first, payload)].concat()
    };
    let (status, report) = run(serve(ACCEPT, twice), &SHORT);
    assert_eq!(status, Some(3), "{report}");
    let message = report["message"].as_str().unwrap();
    // The second one may come after the next question, and is then no answer to that.
    assert!(
        message.contains("more bytes than the answer has") || message.contains("bodies differ"),
        "{message}"
    );
}

fn a_connection_that_is_closed_breaks_the_run() {
    assert_ends_with(
        |count, first, payload| match count {
            20 => Vec::new(),
            _ => frame(first, payload),
        },
        4,
        "",
    );
}

#[test]
fn a_handshake_with_the_wrong_key_ends_the_run() {
    let (status, report) = run(serve("other", echo), &SHORT);
    assert_eq!(status, Some(3), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("Sec-WebSocket-Accept"), "{message}");
}

#[test]
fn a_server_without_websocket_breaks_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (status, report) = run(address, &SHORT);
    assert_eq!(status, Some(4), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(message.contains("not answered with 101"), "{message}");
}

ways::both_ways! {
    echoes_of_text_and_of_bytes_are_counted,
    a_ping_between_messages_is_answered,
    a_canned_message_ends_the_run,
    another_kind_of_message_ends_the_run,
    two_answers_to_one_message_end_the_run,
    a_connection_that_is_closed_breaks_the_run,
}
