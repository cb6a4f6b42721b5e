//! Tests of the slot between a connection and whoever answers it.

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
