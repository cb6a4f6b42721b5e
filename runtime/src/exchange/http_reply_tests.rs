//! Tests of the reply to a request.

use super::*;
use crate::exchange::reply_queue::REPLY_QUEUED_BYTES_HIGH;
use crate::metrics::route_names::RouteId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

#[derive(Default)]
struct Heard {
    wakes: AtomicUsize,
    rooms: AtomicUsize,
    leaves: AtomicUsize,
}

impl Wake for Heard {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::Relaxed);
    }
}

struct Listener(Arc<Heard>);

impl ReplyListener for Listener {
    fn room(&self) {
        self.0.rooms.fetch_add(1, Ordering::Relaxed);
    }
    fn peer_left(&self) {
        self.0.leaves.fetch_add(1, Ordering::Relaxed);
    }
}

fn pair() -> (HttpReply, HttpSlot, Arc<Heard>, Waker) {
    let heard = Arc::new(Heard::default());
    let waker = Waker::from(Arc::clone(&heard));
    let (handle, slot) = HttpReply::pair(waker.clone());
    handle.listen(Arc::new(Listener(Arc::clone(&heard))));
    (handle, slot, heard, waker)
}

#[test]
fn a_whole_answer_wakes_once_and_is_taken_once() {
    let (handle, slot, heard, waker) = pair();
    handle.whole(200, HeaderLines::new(), b"hi".to_vec());
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    assert!(matches!(
        slot.take(&waker),
        Some(HttpPart::Answer(AnswerPart::Whole { status: 200, .. }))
    ));
    assert!(slot.take(&waker).is_none());
    drop(slot);
    assert_eq!(
        heard.leaves.load(Ordering::Relaxed),
        0,
        "a finished answer needs no farewell"
    );
}

#[test]
fn a_route_comes_with_the_next_part_and_wakes_nobody_for_itself() {
    let (handle, slot, heard, waker) = pair();
    let route = RouteId::of("/http_reply_tests/{a}");
    handle.route(route);
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 0);
    handle.refuse(503, HeaderLines::new(), Vec::new());
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    assert!(matches!(slot.take(&waker), Some(HttpPart::Route(taken)) if taken == route));
    assert!(matches!(
        slot.take(&waker),
        Some(HttpPart::Refusal { status: 503, .. })
    ));
}

#[test]
fn a_dropped_handle_is_a_failed_answer() {
    let (handle, slot, heard, waker) = pair();
    drop(handle);
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    assert!(matches!(slot.take(&waker), Some(HttpPart::Failed)));
}

#[test]
fn a_sender_waits_above_the_mark_and_hears_of_room_once() {
    let (handle, slot, heard, waker) = pair();
    handle.start(200, HeaderLines::new(), BodyLength::Unknown);
    assert_eq!(handle.chunk(vec![0; REPLY_QUEUED_BYTES_HIGH]), Flow::Wait);
    assert!(matches!(
        slot.take(&waker),
        Some(HttpPart::Answer(AnswerPart::Start { .. }))
    ));
    assert_eq!(
        heard.rooms.load(Ordering::Relaxed),
        0,
        "the chunk is still queued"
    );
    assert!(matches!(
        slot.take(&waker),
        Some(HttpPart::Answer(AnswerPart::Chunk(_)))
    ));
    assert!(slot.take(&waker).is_none());
    assert_eq!(heard.rooms.load(Ordering::Relaxed), 1);
    assert_eq!(handle.chunk(vec![0; 10]), Flow::Ready);
    handle.end();
}

/// Bytes of a caller that looks at the answer when it has them back.
struct Lender {
    bytes: Vec<u8>,
    given_back: Arc<AtomicUsize>,
    reply: Arc<HttpReply>,
}

impl AsRef<[u8]> for Lender {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lender {
    fn drop(&mut self) {
        // Takes the slot's lock.
        let _ = self.reply.peer_left();
        self.given_back.fetch_add(1, Ordering::Relaxed);
    }
}

fn lend(reply: &Arc<HttpReply>, bytes: Vec<u8>) -> (HeldBytes, Arc<AtomicUsize>) {
    let given_back = Arc::new(AtomicUsize::new(0));
    let lender = Lender {
        bytes,
        given_back: Arc::clone(&given_back),
        reply: Arc::clone(reply),
    };
    (HeldBytes::new(lender), given_back)
}

#[test]
fn held_bytes_are_taken_bit_by_bit_and_given_back_with_the_last() {
    let (handle, slot, heard, waker) = pair();
    let handle = Arc::new(handle);
    let body: Vec<u8> = (0..200_000_u32).map(|index| (index % 251) as u8).collect();
    let (held, given_back) = lend(&handle, body.clone());
    assert_eq!(handle.held(held), Flow::Wait);
    let mut taken = Vec::new();
    while let Some(part) = slot.take(&waker) {
        let HttpPart::Answer(AnswerPart::Chunk(bit)) = part else {
            panic!("held bytes are taken as chunks")
        };
        assert!(bit.len() <= REPLY_QUEUED_BYTES_HIGH);
        taken.extend_from_slice(&bit);
        let is_last = taken.len() == body.len();
        assert_eq!(given_back.load(Ordering::Relaxed), usize::from(is_last));
    }
    assert_eq!(taken, body);
    assert_eq!(heard.rooms.load(Ordering::Relaxed), 1);
    assert_eq!(handle.chunk(vec![0; 10]), Flow::Ready);
}

#[test]
fn held_bytes_are_given_back_when_the_peer_leaves() {
    let (handle, slot, _heard, waker) = pair();
    let handle = Arc::new(handle);
    let (held, given_back) = lend(&handle, vec![0; 200_000]);
    assert_eq!(handle.held(held), Flow::Wait);
    assert!(slot.take(&waker).is_some());
    drop(slot);
    assert_eq!(given_back.load(Ordering::Relaxed), 1);
    let (held, given_back) = lend(&handle, vec![0; 200_000]);
    assert_eq!(handle.held(held), Flow::PeerLeft);
    assert_eq!(given_back.load(Ordering::Relaxed), 1);
}

#[test]
fn a_lost_peer_is_told_once_and_chunks_go_nowhere() {
    let (handle, slot, heard, _waker) = pair();
    drop(slot);
    assert!(handle.peer_left());
    assert_eq!(handle.chunk(vec![1]), Flow::PeerLeft);
    handle.end();
    assert_eq!(heard.leaves.load(Ordering::Relaxed), 1);
}

#[test]
fn a_connection_without_room_is_woken_when_the_app_asks_for_input() {
    let (handle, slot, heard, waker) = pair();
    handle.chunk(b"abc".to_vec());
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    slot.watch(&waker);
    assert!(!slot.wants_body());
    assert_eq!(handle.take_body(10), BodyPart::Nothing);
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 2);
}

/// A listener that does more than listen: it goes on sending, which takes the reply's lock.
struct GoesOn {
    reply: Arc<HttpReply>,
    heard: Arc<Heard>,
}

impl ReplyListener for GoesOn {
    fn room(&self) {
        self.heard.rooms.fetch_add(1, Ordering::Relaxed);
        let _ = self.reply.chunk(b"more".to_vec());
    }
    fn peer_left(&self) {
        assert_eq!(self.reply.chunk(Vec::new()), Flow::PeerLeft);
        self.heard.leaves.fetch_add(1, Ordering::Relaxed);
    }
    fn input_ready(&self) {
        assert_eq!(self.reply.take_body(10), BodyPart::Bytes(b"abc".to_vec()));
    }
    fn input_ended(&self) {
        assert!(self.reply.input_ended());
    }
}

#[test]
fn a_listener_is_called_outside_of_any_lock() {
    let (reply, slot, heard, waker) = pair();
    let reply = Arc::new(reply);
    reply.listen(Arc::new(GoesOn {
        reply: Arc::clone(&reply),
        heard: Arc::clone(&heard),
    }));
    assert_eq!(reply.chunk(vec![0; REPLY_QUEUED_BYTES_HIGH]), Flow::Wait);
    assert!(slot.take(&waker).is_some());
    assert!(
        slot.take(&waker).is_some(),
        "the listener has sent something"
    );
    assert_eq!(reply.take_body(10), BodyPart::Nothing);
    assert_eq!(slot.push_body(b"abc"), 3);
    slot.end_input();
    drop(slot);
    assert_eq!(heard.rooms.load(Ordering::Relaxed), 1);
    assert_eq!(heard.leaves.load(Ordering::Relaxed), 1);
    // The two hold each other.
    let silent = Arc::new(Listener(heard));
    reply.listen(silent);
}

fn handshake() -> Accepted {
    Accepted {
        head: Vec::new(),
        deflate: None,
    }
}

#[test]
fn an_accepted_handshake_takes_its_listener_along() {
    let (reply, slot, heard, waker) = pair();
    let conversation = reply.accept(handshake());
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    let Some(HttpPart::Accept(acceptance)) = slot.take(&waker) else {
        panic!("the request becomes a WebSocket")
    };
    drop(slot);
    let leaves = || heard.leaves.load(Ordering::Relaxed);
    assert_eq!(leaves(), 0, "HTTP ends here, and nobody has left");
    assert!(!conversation.peer_left());
    drop(acceptance);
    assert_eq!(leaves(), 1);
    assert!(conversation.is_closed());
}

#[test]
fn a_client_that_left_before_its_handshake_was_accepted_is_gone_for_the_conversation_too() {
    for takes_first in [false, true] {
        let (reply, slot, heard, waker) = pair();
        let conversation = if takes_first {
            // The acceptance is queued, and the connection goes with it.
            let conversation = reply.accept(handshake());
            assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
            drop(slot);
            conversation
        } else {
            drop(slot);
            reply.accept(handshake())
        };
        assert!(conversation.peer_left());
        assert!(heard.leaves.load(Ordering::Relaxed) > 0);
        drop(waker);
    }
}
