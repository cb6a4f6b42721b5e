//! What a WebSocket holds in memory, while it works and when it is idle.

use std::sync::Arc;

use super::WebSocket;
use crate::tick::Tick;
use crate::websocket::extensions::DeflateParams;
use crate::websocket::{IDLE_BUFFER_BYTES_MAX, WebSocketLimits, WsEvent};

const NOW: Tick = Tick::from_millis(0);

fn socket(message_bytes_max: usize, takeover: bool) -> WebSocket {
    let limits = WebSocketLimits {
        message_bytes_max,
        ..WebSocketLimits::sample()
    };
    let params = DeflateParams {
        server_no_context_takeover: !takeover,
        client_no_context_takeover: !takeover,
        server_max_window_bits: 12,
    };
    WebSocket::new(Arc::new(limits), Some(params), NOW)
}

impl WebSocket {
    /// Bytes of its buffers, without the states of compression.
    fn buffer_bytes(&self) -> usize {
        self.input.capacity() + self.output.capacity() + self.message.capacity()
    }
}

/// A frame with a mask that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u64).to_be_bytes();
    let head = match payload.len() {
        0..=125 => vec![first, 0x80 | payload.len() as u8],
        126..=65535 => [&[first, 0xfe], &len[6..]].concat(),
        _ => [&[first, 0xff], &len[..]].concat(),
    };
    [&head[..], &[0; 4], payload].concat()
}

/// Receives `bytes` in pieces as an engine reads them and echoes the messages. Returns the most memory held meanwhile.
fn echo(socket: &mut WebSocket, bytes: &[u8]) -> usize {
    let mut held = 0;
    for piece in bytes.chunks(16 * 1024) {
        socket.receive(NOW, piece);
        while let WsEvent::Message(_) = socket.next_event(NOW) {
            held = held.max(socket.buffer_bytes());
            let message = socket.message().to_vec();
            socket.send_binary(&message).unwrap();
        }
        held = held.max(socket.buffer_bytes());
        let n = socket.output().len();
        socket.consume_output(NOW, n);
    }
    held
}

/// A message of `len` zeros in a frame that is a thousand times smaller.
fn bomb(len: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(len / 100 + 1024);
    flate2::Compress::new(flate2::Compression::best(), false)
        .compress_vec(&vec![0; len], &mut payload, flate2::FlushCompress::Sync)
        .unwrap();
    frame(0xc2, &payload[..payload.len() - 4])
}

#[test]
fn an_idle_websocket_holds_two_small_buffers() {
    let mut socket = socket(1024 * 1024, false);
    assert_eq!(socket.buffer_bytes(), 0);
    let large = vec![7; 500_000];
    for bytes in [
        frame(0x82, b"small"),
        frame(0x82, &large),
        [frame(0x02, &large), frame(0x80, &large)].concat(),
        bomb(1_000_000),
    ] {
        echo(&mut socket, &bytes);
        assert!(socket.buffer_bytes() <= 2 * IDLE_BUFFER_BYTES_MAX);
        assert!(socket.deflate.as_ref().unwrap().is_idle());
    }
}

#[test]
fn with_takeover_the_states_of_compression_stay() {
    let mut socket = socket(1024 * 1024, true);
    echo(&mut socket, &bomb(100_000));
    assert!(!socket.deflate.as_ref().unwrap().is_idle());
}

#[test]
fn a_refused_bomb_leaves_nothing_behind() {
    for takeover in [false, true] {
        let mut socket = socket(100_000, takeover);
        socket.receive(NOW, &bomb(50_000_000));
        let event = socket.next_event(NOW);
        assert!(matches!(event, WsEvent::Closed { code: 1009, .. }));
        assert!(socket.deflate.is_none());
        assert!(socket.buffer_bytes() <= 2 * IDLE_BUFFER_BYTES_MAX);
    }
}

#[test]
fn memory_grows_with_what_has_come_not_with_what_was_announced() {
    let mut socket = socket(16 * 1024 * 1024, false);
    let announced = frame(0x82, &vec![7; 10_000_000]);
    assert!(echo(&mut socket, &announced[..100_000]) < 500_000);
}
