//! Requests and answers as bytes on a socket.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer as it was on the wire, its body decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn get(stream: &mut (impl Read + Write), path: &str) -> Answer {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
        .unwrap();
    read_answer(stream)
}

/// Reads one answer, byte by byte, so that nothing of the next one is taken.
pub(crate) fn read_answer(stream: &mut impl Read) -> Answer {
    let head = read_until(stream, b"\r\n\r\n");
    let head = String::from_utf8(head).unwrap();
    let status = head
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("no status in {head:?}"))
        .parse()
        .unwrap();
    let lower = head.to_ascii_lowercase();
    let body = if let Some(length) = lower.split("content-length: ").nth(1) {
        let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        body
    } else if lower.contains("transfer-encoding: chunked") {
        let mut body = Vec::new();
        loop {
            let line = read_until(stream, b"\r\n");
            let size =
                usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).unwrap();
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break body;
            }
        }
    } else {
        Vec::new()
    };
    Answer { status, head, body }
}

/// Writes until the peer has taken nothing for a while; returns how much it took.
pub(crate) fn write_until_full(stream: &mut TcpStream, data: &[u8]) -> usize {
    stream.set_nonblocking(true).unwrap();
    let (mut written, mut refused) = (0, 0);
    while written < data.len() && refused < 10 {
        match stream.write(&data[written..]) {
            Ok(count) => (written, refused) = (written + count, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused += 1;
                std::thread::park_timeout(Duration::from_millis(20));
            }
            Err(error) => panic!("{error} after {written} bytes"),
        }
    }
    stream.set_nonblocking(false).unwrap();
    written
}

pub(crate) fn read_until(stream: &mut impl Read, end: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end) {
        stream
            .read_exact(&mut byte)
            .unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)));
        bytes.push(byte[0]);
    }
    bytes
}
