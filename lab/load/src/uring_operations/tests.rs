//! Tests of a ring: operations in flight, and what becomes of them when the ring goes.

use std::net::TcpListener;

use super::*;

/// A ring with one connection, and its peer.
fn connected() -> (Operations, TcpStream) {
    let mut operations = Operations::new(1).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    operations.add(ours);
    operations.begin().unwrap();
    (operations, listener.accept().unwrap().0)
}

#[test]
fn what_is_in_flight_is_cancelled_before_its_memory_goes() {
    let (mut operations, _peer) = connected();
    operations.receive(0).unwrap();
    // The peer reads nothing, so after some of it no socket takes more.
    let much = 64 << 20;
    let fill = |bytes: &mut Vec<u8>| {
        bytes.resize(much, 0);
        true
    };
    operations.send(0, fill).unwrap();
    while operations.enter(Duration::from_millis(1)).unwrap() {
        while operations.next_completion().unwrap().is_some() {}
    }
    assert!(operations.is_sending(0));
    assert_eq!(operations.in_flight, 2);
    assert!(operations.quieten());
    assert_eq!(operations.in_flight, 0);
}

#[test]
#[should_panic(expected = "may be reading these bytes")]
fn what_is_being_sent_is_not_touched() {
    let (mut operations, _peer) = connected();
    let fill = |bytes: &mut Vec<u8>| {
        bytes.push(0);
        true
    };
    operations.send(0, fill).unwrap();
    let _ = operations.send(0, fill);
}

#[test]
fn a_look_that_sends_is_no_idle_one() {
    let (mut operations, mut peer) = connected();
    assert!(!operations.enter(Duration::ZERO).unwrap());
    operations.receive(0).unwrap();
    assert!(operations.enter(Duration::ZERO).unwrap());
    assert!(!operations.enter(Duration::ZERO).unwrap());
    io::Write::write_all(&mut peer, b"x").unwrap();
    assert!(operations.enter(Duration::from_secs(10)).unwrap());
    let completion = operations.next_completion().unwrap();
    let Some(Completion::Received {
        lane: 0,
        result: Ok(Some(chunk)),
        more: true,
    }) = completion
    else {
        panic!("{completion:?}")
    };
    assert_eq!(operations.bytes(&chunk), b"x");
}
