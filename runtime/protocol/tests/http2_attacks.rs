//! What is known to have brought servers of HTTP/2 down: each ends with the right code, and memory stays as it was.

#[path = "http2_peer/peer.rs"]
mod peer;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use peer::*;
use turbo_shard_protocol::Expiry;
use turbo_shard_protocol::http2::{CONTINUATIONS_MAX, ErrorCode, GOODWILL_MAX};

/// Counts the bytes that are held. Every test of this file runs under one lock.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go to the system's allocator as they come.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller has promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One attack: what comes before it, what is repeated, how often at most, and what ends it.
struct Attack {
    name: &'static str,
    before: Vec<u8>,
    act: fn(u32) -> Vec<u8>,
    times_max: u32,
    code: ErrorCode,
}

const HELD_BYTES_MAX: usize = 512 * 1024;

#[test]
fn each_attack_ends_with_its_code_and_holds_no_memory() {
    let attacks = [
        Attack {
            name: "rapid reset",
            before: Vec::new(),
            act: |n| [get(2 * n + 1), numbers(RST_STREAM, 2 * n + 1, &[8])].concat(),
            times_max: 150,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "resets that we are made to send",
            before: Vec::new(),
            act: |n| [get(2 * n + 1), numbers(WINDOW_UPDATE, 2 * n + 1, &[0])].concat(),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "malformed requests",
            before: Vec::new(),
            act: |n| frame(HEADERS, 5, 2 * n + 1, &block(&GET[1..])),
            times_max: 150,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "requests beyond the limit",
            before: (0..100).flat_map(|n| get(2 * n + 1)).collect(),
            act: |n| get(2 * n + 201),
            times_max: 150,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "CONTINUATION flood",
            before: frame(HEADERS, END_STREAM, 1, b"\x82"),
            act: |_| frame(CONTINUATION, 0, 1, b""),
            times_max: CONTINUATIONS_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "CONTINUATION flood with bytes",
            before: frame(HEADERS, END_STREAM, 1, b"\x82"),
            act: |_| frame(CONTINUATION, 0, 1, &[0; 16_384]),
            times_max: 3,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "SETTINGS flood",
            before: Vec::new(),
            act: |n| setting(4, n),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "PING flood",
            before: Vec::new(),
            act: |_| frame(PING, 0, 0, &[0; 8]),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "empty DATA",
            before: post(1),
            act: |_| frame(DATA, 0, 1, b""),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "padding without data",
            before: post(1),
            act: |_| frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat()),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "PRIORITY of idle streams",
            before: Vec::new(),
            act: |n| frame(PRIORITY, 0, 2 * n + 3, &[0, 0, 0, 1, 0]),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "WINDOW_UPDATE flood",
            before: Vec::new(),
            act: |_| numbers(WINDOW_UPDATE, 0, &[1]),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "a window opened byte by byte",
            before: [setting(4, 0), get(1)].concat(),
            act: |_| numbers(WINDOW_UPDATE, 1, &[1]),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
        Attack {
            name: "frames of unknown kinds",
            before: Vec::new(),
            act: |n| frame(0x10 | n as u8, 0, n, b"?"),
            times_max: GOODWILL_MAX + 1,
            code: ErrorCode::EnhanceYourCalm,
        },
    ];
    for attack in attacks {
        let mut server = Server::greeted(match attack.name {
            "a window opened byte by byte" => Answer::Whole(vec![0; 100_000]),
            _ => Answer::Never,
        });
        server.receive(&attack.before);
        server.frames();
        let held_before = HELD.load(Ordering::Relaxed);
        let mut held_most = 0;
        let mut code = None;
        for number in 0..attack.times_max {
            server.receive(&(attack.act)(number));
            code = goaway_code(&server.frames());
            let held = HELD.load(Ordering::Relaxed).saturating_sub(held_before);
            held_most = held_most.max(held);
            if code.is_some() {
                break;
            }
        }
        assert_eq!(code, Some(attack.code as u32), "{}", attack.name);
        assert_eq!(server.connection.streams_open(), 0, "{}", attack.name);
        assert!(held_most < HELD_BYTES_MAX, "{}: {held_most}", attack.name);
    }

    // A client that neither reads nor stops is not read from either.
    let mut server = Server::greeted(Answer::Whole(vec![0; 10_000]));
    let held_before = HELD.load(Ordering::Relaxed);
    let mut sent = 0;
    for number in 0..100_000 {
        if !server.connection.wants_read() {
            break;
        }
        let update = numbers(WINDOW_UPDATE, 0, &[10_000]);
        server.receive(&[get(2 * number + 1), update].concat());
        sent += 1;
    }
    assert!(sent < 100, "{sent} requests were read");
    let held = HELD.load(Ordering::Relaxed).saturating_sub(held_before);
    assert!(held < HELD_BYTES_MAX, "{held}");
    server.connection.consume_output(server.now, 0);
    server.wait(sample().write_timeout_ms);
    assert_eq!(server.connection.expire(server.now), Expiry::Cut);

    // A small block that becomes a large head: 4 KiB in the table, named again and again.
    let mut server = Server::greeted(Answer::Never);
    let long = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4000]].concat();
    server.receive(&frame(HEADERS, 5, 1, &[&block(&GET)[..], &long].concat()));
    let held_before = HELD.load(Ordering::Relaxed);
    for number in 1..50 {
        let bomb = [&block(&GET)[..], &[0x80 | 62; 10_000]].concat();
        server.receive(&frame(HEADERS, 5, 2 * number + 1, &bomb));
    }
    assert_eq!(server.seen.refusals, [431; 49]);
    let held = HELD.load(Ordering::Relaxed).saturating_sub(held_before);
    assert!(held < HELD_BYTES_MAX, "{held}");

    // An idle connection holds little, whatever it was before.
    let held_before = HELD.load(Ordering::Relaxed);
    let mut server = Server::greeted(Answer::Whole(vec![0; 30_000]));
    for number in 0..100 {
        let table = [&[0x40, 1, b'x', 1][..], &[number as u8]].concat();
        let update = numbers(WINDOW_UPDATE, 0, &[30_000]);
        let head = frame(
            HEADERS,
            5,
            2 * number + 1,
            &[&block(&GET)[..], &table].concat(),
        );
        server.receive(&[update, head].concat());
        server.frames();
    }
    server.connection.rest();
    server.seen = Seen::default();
    server.answer = Answer::Never;
    let held = HELD.load(Ordering::Relaxed).saturating_sub(held_before);
    assert!(held < 8 * 1024, "an idle connection holds {held} bytes");
}
