//! Tests of the end of the work-stealing runtime.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Waker;

use parking_lot::Mutex;
use turbo_shard_protocol::HeaderLines;

use crate::config::{Mode, ServerConfig};
use crate::server::bound_server::{BoundServer, Caller};
use crate::service::{App, Exchange, Outcome, Place, Service};
use crate::start_error::StartError;

#[derive(Default)]
struct Seen {
    /// As an answer that comes from another thread has it in hand for a moment.
    wakers: Mutex<Vec<Waker>>,
    services: AtomicUsize,
    stopped: AtomicUsize,
}

struct WakerApp(Arc<Seen>);

struct WakerService(Arc<Seen>);

impl App for WakerApp {
    type Service = WakerService;

    fn service(&self, _place: Place) -> Result<WakerService, StartError> {
        self.0.services.fetch_add(1, SeqCst);
        Ok(WakerService(Arc::clone(&self.0)))
    }
}

impl Service for WakerService {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        self.0.wakers.lock().push(exchange.waker.clone());
        let written = exchange.response.whole(200, &HeaderLines::new(), b"ok");
        assert_eq!(written, Ok(()));
        Outcome::Answered
    }

    fn stop(&self) {
        self.0.stopped.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_waker_that_is_left_keeps_no_service_from_its_end() {
    let seen = Arc::new(Seen::default());
    let server = BoundServer::bind(ServerConfig {
        mode: Mode::Steal,
        shards: NonZeroUsize::MIN,
        ..ServerConfig::sample()
    })
    .unwrap();
    let (address, handle) = (server.report().addresses[0].tcp().unwrap(), server.handle());
    let app = WakerApp(Arc::clone(&seen));
    let running =
        std::thread::spawn(move || server.run(app, Caller::Supervises, false, move || ()));
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    handle.stop();
    running.join().unwrap().unwrap();
    assert_eq!(seen.wakers.lock().len(), 1);
    assert_eq!(seen.stopped.load(SeqCst), seen.services.load(SeqCst));
}
