//! Tests of connections on a ring: bytes that one write could not take still go out, in order.

use std::io::Read;
use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::exchange::Exchange;
use crate::flow::Question;
use crate::request::{ExpectedBody, RequestParts, RequestPlan};
use crate::template::{ALL_BYTES, Template};

/// More than the buffers of both sockets.
const BODY_BYTES: usize = 16 << 20;

fn question(number: u64) -> Question {
    Question {
        route: 0,
        number,
        since: Instant::now(),
    }
}

#[test]
fn what_is_put_during_a_send_goes_out_behind_it() {
    let mut uring = Uring::new(1).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    uring.add(TcpStream::connect(address).unwrap());
    uring.begin().unwrap();
    let exchange = Exchange::Http(RequestPlan::new(
        address,
        RequestParts {
            method: String::from("POST"),
            path: Template::new("/"),
            headers: Vec::new(),
            body: Some(Template::of_size(BODY_BYTES, 1000, &ALL_BYTES)),
            expected_status: 200,
            expected_body: ExpectedBody::Any,
        },
    ));
    uring.flow_mut(0).put(&exchange, question(1000));
    uring.flush(0).unwrap();
    let mut ready = Vec::new();
    while uring.wait(Duration::from_millis(1), &mut ready).unwrap() {}
    assert!(uring.operations.is_sending(0), "nobody reads");

    uring.flow_mut(0).put(&exchange, question(1001));
    uring.flush(0).unwrap();
    let mut expected = Vec::new();
    exchange.encode(1000, &mut expected);
    exchange.encode(1001, &mut expected);
    let mut peer = listener.accept().unwrap().0;
    peer.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let bytes = expected.len();
    let reader = std::thread::spawn(move || {
        let mut found = vec![0; bytes];
        peer.read_exact(&mut found).map(|()| (found, peer))
    });
    // Ends with the reader, which gives up when nothing comes.
    while !reader.is_finished() {
        uring.wait(Duration::from_millis(10), &mut ready).unwrap();
    }
    let (found, _peer) = reader.join().unwrap().expect("all of both requests");
    assert!(found == expected, "in order and unchanged");
    while uring.operations.is_sending(0) {
        uring.wait(Duration::from_secs(1), &mut ready).unwrap();
    }
    assert!(!uring.flow(0).has_output() && ready.is_empty());
}
