//! Tests of the slot between a connection and its answering side.

use super::*;
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

fn pair() -> (ReplyHandle, Slot, Arc<Heard>, Waker) {
    let heard = Arc::new(Heard::default());
    let waker = Waker::from(Arc::clone(&heard));
    let (handle, slot) = ReplyHandle::pair(waker.clone());
    handle.listen(Box::new(Listener(Arc::clone(&heard))));
    (handle, slot, heard, waker)
}

#[test]
fn a_whole_answer_wakes_once_and_is_taken_once() {
    let (handle, slot, heard, waker) = pair();
    handle.whole(200, HeaderLines::new(), b"hi".to_vec());
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    assert!(matches!(
        slot.take(&waker),
        Some(Part::Whole { status: 200, .. })
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
fn a_dropped_handle_is_a_failed_answer() {
    let (handle, slot, heard, waker) = pair();
    drop(handle);
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    assert!(matches!(slot.take(&waker), Some(Part::Failed)));
}

#[test]
fn a_sender_waits_above_the_mark_and_hears_of_room_once() {
    let (handle, slot, heard, waker) = pair();
    handle.start(200, HeaderLines::new(), BodyLength::Unknown);
    assert_eq!(handle.chunk(vec![0; REPLY_QUEUED_BYTES_HIGH]), Flow::Wait);
    assert!(matches!(slot.take(&waker), Some(Part::Start { .. })));
    assert_eq!(
        heard.rooms.load(Ordering::Relaxed),
        0,
        "the chunk is still queued"
    );
    assert!(matches!(slot.take(&waker), Some(Part::Chunk(_))));
    assert!(slot.take(&waker).is_none());
    assert_eq!(heard.rooms.load(Ordering::Relaxed), 1);
    assert_eq!(handle.chunk(vec![0; 10]), Flow::Ready);
    handle.end();
}

/// Bytes of a caller that looks at the answer when it has them back.
struct Lender {
    bytes: Vec<u8>,
    given_back: Arc<AtomicUsize>,
    reply: Arc<ReplyHandle>,
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

fn lend(reply: &Arc<ReplyHandle>, bytes: Vec<u8>) -> (HeldBytes, Arc<AtomicUsize>) {
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
        let Part::Chunk(bit) = part else {
            panic!("{part:?}")
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
fn a_connection_without_room_is_woken_by_who_asks_for_input() {
    let (handle, slot, heard, waker) = pair();
    handle.chunk(b"abc".to_vec());
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 1);
    slot.watch(&waker);
    assert!(!slot.wants_body());
    assert_eq!(handle.take_body(10), BodyPart::Nothing);
    assert_eq!(heard.wakes.load(Ordering::Relaxed), 2);
}
