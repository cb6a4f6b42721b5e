//! Once warm, a request and its answer allocate nothing (invariant I2). Alone in its file, because it replaces the
//! allocator and must not count the allocations of other tests.

#[path = "driver/driver.rs"]
mod driver;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use driver::{at, server_lines};
use turbo_shard_protocol::{
    BodyLength, BodyMode, Connection, Event, HeaderLines, Limits, ServerLines, Workspace,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct CountingAllocator;

// SAFETY: every call is passed on to the system allocator unchanged; the counter is a plain thread-local `Cell` that
// needs no allocation and no drop.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` or `realloc` above, so from the system allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as for `dealloc`, and the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const GET: &[u8] = b"GET /users/42?verbose=1 HTTP/1.1\r\nHost: example.org\r\nUser-Agent: test\r\n\
    Accept: */*\r\nAccept-Encoding: gzip\r\n\r\n";
const POST: &[u8] =
    b"POST /users HTTP/1.1\r\nHost: example.org\r\nContent-Length: 11\r\n\r\nhello world";
const CHUNKED: &[u8] =
    b"POST /users HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n";

/// Serves everything that `input` holds and sends the answers.
fn serve(
    connection: &mut Connection,
    lines: &mut HeaderLines,
    server_lines: &ServerLines,
    input: &[u8],
) -> u32 {
    let now = at(0);
    let mut served = 0;
    connection.receive(now, input);
    loop {
        match connection.next_event(now) {
            Event::Head => connection.read_body(now, BodyMode::Whole { bytes_max: 1000 }),
            Event::BodyReady => {
                let (request, body, mut response) = connection.exchange(server_lines);
                lines.clear();
                lines.push(b"content-type", b"text/plain").unwrap();
                if request.path().len() % 2 == 0 {
                    response.whole(200, lines, body).unwrap();
                } else {
                    response.start(200, lines, BodyLength::Unknown).unwrap();
                    response.chunk(body).unwrap();
                    response.end().unwrap();
                }
            }
            Event::ExchangeDone => served += 1,
            Event::NeedMore => {
                connection.consume_output(now, connection.output().len());
                return served;
            }
            event => panic!("unexpected {event:?}"),
        }
    }
}

#[test]
fn a_warm_connection_allocates_nothing() {
    let server_lines = server_lines();
    let mut connection = Connection::new(Arc::new(Limits::sample()), at(0));
    connection.lend(Box::new(Workspace::new()));
    let mut lines = HeaderLines::new();
    let pipelined = GET.repeat(16);
    let inputs = [GET, POST, CHUNKED, &pipelined, &GET[..30], &GET[30..]];
    let rounds = |count: u32, connection: &mut Connection, lines: &mut HeaderLines| {
        let mut served = 0;
        for _ in 0..count {
            for input in inputs {
                served += serve(connection, lines, &server_lines, input);
                if let Some(workspace) = connection.reclaim() {
                    connection.lend(workspace);
                }
            }
        }
        served
    };
    rounds(2, &mut connection, &mut lines);

    let before = ALLOCATIONS.with(Cell::get);
    let served = rounds(100, &mut connection, &mut lines);
    let allocations = ALLOCATIONS.with(Cell::get) - before;

    assert_eq!(served, 100 * 20);
    assert_eq!(allocations, 0);
}
