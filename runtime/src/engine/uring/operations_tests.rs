//! Operations against the kernel: what is in flight when its owner goes, when buffers run out, when completions pile up.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use turbo_shard_ring::URING_FEATURES;

use super::*;
use crate::engine::uring::kernel_features::of_this_kernel;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

/// Runs a test with all that the kernel has, and with each of it missing.
fn with_all_features(test: impl Fn(Operations)) {
    let found = of_this_kernel().unwrap();
    test(Operations::new(found).unwrap());
    for missing in URING_FEATURES {
        println!("without {missing}");
        test(Operations::new(found.without(&[missing])).unwrap());
    }
    println!("without all of them");
    test(Operations::new(found.without(&URING_FEATURES)).unwrap());
}

/// Two ends of a connection. Not a Unix socket: in some kernels a multishot receive does not hear of the end of one that was
/// closed before its last bytes were received.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().0, peer)
}

fn next(operations: &mut Operations) -> Completion {
    for _ in 0..100 {
        if let Some(completion) = operations.next_completion() {
            return completion;
        }
        operations.enter(true, PATIENCE).unwrap();
    }
    panic!("no completion came");
}

/// Sends until the socket is full and a send is left in flight.
fn fill(operations: &mut Operations, socket: &TcpStream) -> SendId {
    let bytes = vec![b'x'; SEND_BYTES_MAX];
    for _ in 0..1000 {
        let (id, _) = operations.send(socket.as_raw_fd(), 3, &bytes).unwrap();
        operations.enter(false, None).unwrap();
        match operations.next_completion() {
            Some(Completion::Sent { id: sent, .. }) => operations.end_send(sent),
            Some(other) => panic!("{other:?}"),
            None => return id,
        }
    }
    panic!("the socket takes everything");
}

#[test]
fn a_send_in_flight_keeps_its_bytes_until_it_has_been_cancelled() {
    with_all_features(|mut operations| {
        let (ours, mut peer) = pair();
        let pending = fill(&mut operations, &ours);
        operations.cancel_send(pending, 3).unwrap();
        let mut ended = false;
        while operations.in_flight() > 0 {
            match next(&mut operations) {
                Completion::Sent { connection, id, .. } => {
                    assert_eq!((connection, id), (3, pending));
                    assert!(operations.unsent(id) > 0, "the bytes are still there");
                    operations.end_send(id);
                    ended = true;
                }
                Completion::Cancelled { connection, .. } => assert_eq!(connection, 3),
                other => panic!("{other:?}"),
            }
        }
        assert!(ended);
        drop(ours);
        let mut received = Vec::new();
        peer.read_to_end(&mut received).unwrap();
        assert!(!received.is_empty());
        assert!(received.iter().all(|byte| *byte == b'x'));
    });
}

#[test]
fn a_ring_may_end_with_everything_in_flight() {
    with_all_features(|mut operations| {
        let (ours, mut peer) = pair();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        fill(&mut operations, &ours);
        operations.receive(ours.as_raw_fd(), 3).unwrap();
        operations.accept(listener.as_raw_fd(), 0).unwrap();
        operations.poll(ours.as_raw_fd(), 1).unwrap();
        // Pushed and never handed over: the end must do it.
        operations.send(ours.as_raw_fd(), 4, b"late").unwrap();
        peer.write_all(b"to be received").unwrap();
        assert!(operations.quieten());
        assert_eq!(operations.in_flight(), 0);
        drop(operations);
        peer.write_all(b"to nobody").unwrap();
    });
}

#[test]
fn a_receive_that_finds_no_buffer_says_so_and_may_be_asked_for_again() {
    with_all_features(|mut operations| {
        let (ours, mut peer) = pair();
        peer.set_nonblocking(true).unwrap();
        operations.receive(ours.as_raw_fd(), 0).unwrap();
        let mut chunks = Vec::new();
        let (mut sent, mut received) = (0, 0);
        let piece = vec![b'y'; 32 * 1024];
        loop {
            sent += peer.write(&piece).unwrap_or(0);
            match next(&mut operations) {
                Completion::Received {
                    result: Ok(Some(chunk)),
                    more,
                    ..
                } => {
                    received += operations.bytes(&chunk).len();
                    chunks.push(chunk);
                    if !more {
                        operations.receive(ours.as_raw_fd(), 0).unwrap();
                    }
                }
                Completion::Received {
                    result: Err(error),
                    more,
                    ..
                } => {
                    assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS));
                    assert!(!more, "the operation has ended with it");
                    break;
                }
                other => panic!("{other:?}"),
            }
            assert!(chunks.len() < 100_000, "buffers never run out");
        }
        assert!(received > 0);
        chunks.drain(..).for_each(|chunk| operations.recycle(chunk));
        operations.receive(ours.as_raw_fd(), 0).unwrap();
        drop(peer);
        loop {
            match next(&mut operations) {
                Completion::Received {
                    result: Ok(Some(chunk)),
                    more,
                    ..
                } => {
                    received += operations.bytes(&chunk).len();
                    operations.recycle(chunk);
                    if !more {
                        operations.receive(ours.as_raw_fd(), 0).unwrap();
                    }
                }
                Completion::Received {
                    result: Ok(None), ..
                } => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received, sent, "nothing was lost");
    });
}

#[test]
fn completions_beyond_the_queue_are_not_lost() {
    with_all_features(|mut operations| {
        // More than the submission queue holds, and more than the completion queue: none is taken in between.
        let count = 6000;
        for number in 0..count {
            operations.cancel_receive(number).unwrap();
        }
        let mut seen = vec![false; count as usize];
        while operations.in_flight() > 0 {
            match next(&mut operations) {
                Completion::Cancelled { connection, .. } => seen[connection as usize] = true,
                other => panic!("{other:?}"),
            }
        }
        assert!(seen.iter().all(|one| *one));
    });
}

#[test]
fn a_multishot_receive_goes_on_after_an_overflow() {
    with_all_features(|mut operations| {
        let (ours, mut peer) = pair();
        operations.receive(ours.as_raw_fd(), 7).unwrap();
        operations.enter(false, None).unwrap();
        for number in 100..6000 {
            operations.cancel_receive(number).unwrap();
        }
        peer.write_all(b"behind the others").unwrap();
        let mut received = Vec::new();
        while received.len() < 17 {
            match next(&mut operations) {
                Completion::Received {
                    connection: 7,
                    result: Ok(Some(chunk)),
                    more,
                } => {
                    received.extend_from_slice(operations.bytes(&chunk));
                    operations.recycle(chunk);
                    if !more {
                        operations.receive(ours.as_raw_fd(), 7).unwrap();
                    }
                }
                Completion::Cancelled { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received, b"behind the others");
    });
}

#[test]
fn who_asks_last_leaves_the_buffers_to_those_who_ask_first() {
    with_all_features(|mut operations| {
        let (ours, mut peer) = pair();
        let (ours_too, mut peer_too) = pair();
        operations.receive_last(ours.as_raw_fd(), 0);
        assert!(operations.has_submissions());
        operations.receive(ours_too.as_raw_fd(), 1).unwrap();
        peer.write_all(b"first to send").unwrap();
        peer_too.write_all(b"second to send").unwrap();
        let mut received = Vec::new();
        while received.len() < 2 {
            if let Completion::Received { connection, .. } = next(&mut operations) {
                received.push(connection);
            }
        }
        assert_eq!(received, [1, 0]);
    });
}

#[test]
fn what_was_asked_for_last_can_be_cancelled_at_once() {
    with_all_features(|mut operations| {
        let (ours, _peer) = pair();
        operations.receive_last(ours.as_raw_fd(), 0);
        operations.cancel_receive(0).unwrap();
        let mut ended = false;
        while !ended || operations.in_flight() > 0 {
            if let Completion::Received { result, .. } = next(&mut operations) {
                let error = result.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
                ended = true;
            }
        }
    });
}
