//! Bodies that are read while they come, interim answers and trailers, on every arm.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use turbo_shard_runtime::protocol::{BodyLength, HeaderLines};
use turbo_shard_runtime::{BodyPart, HttpReply};

use crate::on_every_arm;
use crate::test_server::{Over, TestServer};
use crate::wire::{get, read_answer, read_until, write_until_full};

/// Far more than all buffers on the way hold.
const LARGE_BYTES: usize = 96 * 1024 * 1024;

fn post(stream: &mut TcpStream, lines: &str) {
    write!(stream, "POST /body HTTP/1.1\r\nHost: test\r\n{lines}\r\n").unwrap();
}

/// Takes the whole body; waits to be told wherever there was nothing.
fn take_all(server: &TestServer, reply: &HttpReply, bytes_max: usize) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let told = server.seen.inputs.load(Ordering::SeqCst);
        match reply.take_body(bytes_max) {
            BodyPart::Bytes(bytes) => {
                assert!(!bytes.is_empty() && bytes.len() <= bytes_max);
                body.extend_from_slice(&bytes);
            }
            BodyPart::Last(bytes) => {
                body.extend_from_slice(&bytes);
                return body;
            }
            BodyPart::Nothing => server.until("more of the body", |server| {
                server.seen.inputs.load(Ordering::SeqCst) > told
            }),
        }
    }
}

fn lines(pairs: &[(&str, &str)]) -> HeaderLines {
    let mut lines = HeaderLines::new();
    for (name, value) in pairs {
        lines.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    lines
}

fn answer_length(reply: HttpReply, body: &[u8]) {
    reply.whole(200, HeaderLines::new(), body.len().to_string().into_bytes());
}

#[test]
fn a_streamed_body_comes_in_pieces_to_its_end() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        let body: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
        for is_chunked in [false, true] {
            let mut writer = stream.try_clone().unwrap();
            let sent = body.clone();
            let sender = std::thread::spawn(move || {
                if !is_chunked {
                    post(&mut writer, &format!("Content-Length: {}\r\n", sent.len()));
                    return writer.write_all(&sent).unwrap();
                }
                post(&mut writer, "Transfer-Encoding: chunked\r\n");
                for chunk in sent.chunks(7919) {
                    write!(writer, "{:x}\r\n", chunk.len()).unwrap();
                    writer.write_all(&[chunk, b"\r\n"].concat()).unwrap();
                }
                writer.write_all(b"0\r\n\r\n").unwrap();
            });
            let reply = server.held();
            assert!(take_all(&server, &reply, 10_000) == body, "{arm:?}");
            assert_eq!(reply.take_body(1), BodyPart::Last(Vec::new()));
            answer_length(reply, &body);
            sender.join().unwrap();
            assert_eq!(read_answer(&mut stream).body, b"300000");
        }
        assert_eq!(get(&mut stream, "/hello").body, b"hello");
    });
}

#[test]
fn an_app_that_takes_nothing_stops_its_peer() {
    on_every_arm(|arm| {
        let server = TestServer::with(arm, 1, |config| {
            config.limits.body_bytes_max = LARGE_BYTES as u64;
        });
        let mut stream = server.connect();
        post(&mut stream, &format!("Content-Length: {LARGE_BYTES}\r\n"));
        let reply = server.held();
        let body = vec![b'x'; LARGE_BYTES];
        let written = write_until_full(&mut stream, &body);
        assert!(written < LARGE_BYTES, "{arm:?}: everything was taken");
        let mut writer = stream.try_clone().unwrap();
        let sender = std::thread::spawn(move || writer.write_all(&body[written..]).unwrap());
        let taken = take_all(&server, &reply, usize::MAX);
        assert_eq!(taken.len(), LARGE_BYTES, "{arm:?}");
        answer_length(reply, &taken);
        sender.join().unwrap();
        assert_eq!(read_answer(&mut stream).status, 200);
        assert_eq!(get(&mut stream, "/hello").body, b"hello");
    });
}

#[test]
fn a_peer_that_waits_to_be_asked_is_asked_when_the_app_first_takes() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        post(&mut stream, "Content-Length: 5\r\nExpect: 100-continue\r\n");
        let reply = server.held();
        stream.set_nonblocking(true).unwrap();
        let early = stream.read(&mut [0]).map_err(|error| error.kind());
        assert_eq!(early, Err(ErrorKind::WouldBlock), "nobody has asked");
        stream.set_nonblocking(false).unwrap();
        assert_eq!(reply.take_body(10), BodyPart::Nothing);
        assert_eq!(read_answer(&mut stream).status, 100);
        stream.write_all(b"hello").unwrap();
        assert_eq!(take_all(&server, &reply, 10), b"hello");
        answer_length(reply, b"hello");
        assert_eq!(read_answer(&mut stream).body, b"5");
    });
}

#[test]
fn an_answer_before_the_body_is_taken_leaves_nothing_of_it() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        let smuggled = "GET /panic HTTP/1.1\r\nHost: test\r\n\r\n";
        post(
            &mut stream,
            &format!("Content-Length: {}\r\n", smuggled.len()),
        );
        stream.write_all(smuggled.as_bytes()).unwrap();
        answer_length(server.held(), b"");
        assert_eq!(read_answer(&mut stream).body, b"0");
        assert_eq!(get(&mut stream, "/hello").body, b"hello", "{arm:?}");
    });
}

#[test]
fn a_peer_that_leaves_in_the_middle_of_its_body_is_told() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        post(&mut stream, "Content-Length: 100\r\n");
        stream.write_all(b"half").unwrap();
        let reply = server.held();
        while reply.take_body(100) == BodyPart::Nothing {
            std::thread::yield_now();
        }
        socket2::SockRef::from(&stream)
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap();
        drop(stream);
        server.until("the app is told", |server| {
            server.seen.peers_left.load(Ordering::SeqCst) == 1
        });
        assert!(reply.peer_left() && reply.input_ended(), "{arm:?}");
        drop(reply);
        server.until("the connection is gone", |server| {
            server.open_connections() == 0
        });
    });
}

#[test]
fn a_handle_that_is_dropped_in_the_middle_of_a_body_is_a_500() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        post(&mut stream, "Content-Length: 100\r\n");
        stream.write_all(b"half").unwrap();
        let reply = server.held();
        let _ = reply.take_body(100);
        drop(reply);
        assert_eq!(read_answer(&mut stream).status, 500, "{arm:?}");
    });
}

#[test]
fn interim_answers_and_trailers_surround_an_answer() {
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let mut stream = server.connect();
        for _ in 0..2 {
            stream
                .write_all(b"GET /held HTTP/1.1\r\nHost: test\r\n\r\n")
                .unwrap();
            let reply = server.held();
            for link in ["</a>", "</b>"] {
                reply.interim(103, lines(&[("link", link)]));
            }
            reply.start(200, lines(&[("trailer", "x-sum")]), BodyLength::Unknown);
            reply.chunk(b"body".to_vec());
            reply.end_with_trailers(lines(&[("x-sum", "4"), ("x-more", "yes")]));
            for link in ["</a>", "</b>"] {
                let interim = read_answer(&mut stream);
                assert_eq!(interim.status, 103, "{arm:?}");
                assert!(interim.head.contains(link), "{}", interim.head);
            }
            let head = read_until(&mut stream, b"\r\n\r\n");
            assert!(head.starts_with(b"HTTP/1.1 200 "), "{arm:?}");
            let body = read_until(&mut stream, b"\r\n\r\n");
            assert_eq!(
                String::from_utf8(body).unwrap(),
                "4\r\nbody\r\n0\r\nx-sum: 4\r\nx-more: yes\r\n\r\n"
            );
        }
    });
}

#[test]
fn peers_that_send_faster_than_they_are_read_leave_turns_to_others() {
    // Chunks of one byte: reading them takes longer than sending them.
    let mut upload =
        b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    upload.extend(b"1\r\nx\r\n".repeat(1 << 20));
    upload.extend(b"0\r\n\r\n");
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (over, uploads) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let _over = Over(&over);
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut stream = server.connect();
                    while !over.load(Ordering::SeqCst) {
                        stream.write_all(&upload).unwrap();
                        assert_eq!(read_answer(&mut stream).body.len(), 1 << 20);
                        uploads.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            server.until("an upload is through", |_| {
                uploads.load(Ordering::SeqCst) > 0
            });
            let mut stream = server.connect();
            let before = uploads.load(Ordering::SeqCst);
            for _ in 0..30 {
                assert_eq!(get(&mut stream, "/hello").body, b"hello");
            }
            let uploads = uploads.load(Ordering::SeqCst) - before;
            println!("{uploads} uploads meanwhile");
            assert!(uploads < 30, "{arm:?}: an answer waits for no upload");
        });
    });
}

#[test]
fn a_pipeline_that_is_never_read_dry_stays_with_its_peer() {
    let request = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n";
    let flood = request.repeat(2000);
    // What the sockets hold, and a few turns' worth of the engine's buffers.
    let bytes_max = ["rmem", "wmem"].map(|which| {
        let sizes = std::fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{which}")).unwrap();
        let largest = sizes.split_whitespace().next_back().unwrap();
        largest.parse::<usize>().unwrap()
    });
    let bytes_max = 3 * (bytes_max.iter().sum::<usize>() + (2 << 20));
    on_every_arm(|arm| {
        let server = TestServer::start(arm, 1);
        let (over, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let is_over = Over(&over);
            let mut readers = Vec::new();
            for _ in 0..3 {
                let stream = server.connect();
                let mut reading = stream.try_clone().unwrap();
                readers.push(stream.try_clone().unwrap());
                scope.spawn(|| {
                    let mut stream = stream;
                    while !over.load(Ordering::SeqCst) && stream.write_all(&flood).is_ok() {
                        sent.fetch_add(2000, Ordering::SeqCst);
                    }
                });
                scope.spawn(move || {
                    let mut answers = vec![0; 1 << 16];
                    while reading.read(&mut answers).is_ok_and(|count| count > 0) {}
                });
            }
            // Unanswered bytes lie in the sockets and, for a small part, in the server.
            let mut most = 0;
            server.until("600,000 requests are served", |server| {
                let served = server.handle.counts()[0].counts.requests as usize;
                most = most.max(sent.load(Ordering::SeqCst).saturating_sub(served));
                served > 600_000
            });
            drop(is_over);
            server.handle.stop_now();
            for stream in readers {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
            let bytes = most * request.len();
            println!("at most {bytes} of {bytes_max} bytes waited");
            assert!(bytes < bytes_max, "{arm:?}: {bytes} bytes waited");
        });
    });
}
