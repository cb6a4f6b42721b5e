//! One WebSocket over pieces of input, with an app that sends every message back.

use std::sync::Arc;

use turbo_shard_protocol::websocket::{
    CLOSE_ABNORMAL, Compression, DeflateParams, MessageKind, WebSocket, WebSocketLimits, WsEvent,
};
use turbo_shard_protocol::{Closing, Expiry, Tick};

const NOW: Tick = Tick::from_millis(0);

/// What the app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Closed(u16, String),
}

/// All that became of the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Talk {
    pub(crate) heard: Vec<Heard>,
    pub(crate) output: Vec<u8>,
}

/// Bounds low enough to be passed by inputs of this size.
pub(crate) fn limits() -> WebSocketLimits {
    WebSocketLimits {
        message_bytes_max: 1000,
        frame_bytes_max: 800,
        compression: Compression {
            context_takeover: true,
            ..Compression::new(true)
        },
        ..WebSocketLimits::sample()
    }
}

/// Runs a fresh WebSocket over `pieces`; at the end the peer leaves.
pub(crate) fn talk(deflate: Option<DeflateParams>, pieces: &[&[u8]]) -> Talk {
    let limits = limits();
    let mut socket = WebSocket::new(Arc::new(limits.clone()), deflate, NOW);
    let mut talk = Talk::default();
    for piece in pieces {
        let was_over = socket.closing() != Closing::Open;
        socket.receive(NOW, piece);
        let before = (talk.heard.len(), talk.output.len());
        hear(&mut socket, &limits, &mut talk);
        if was_over {
            let after = (talk.heard.len(), talk.output.len());
            assert_eq!(after, before, "something after the end");
        } else if socket.closing() == Closing::Open {
            assert!(socket.wants_read(), "it waits for nothing");
            assert_eq!(socket.expire(NOW), Expiry::NotYet);
        }
    }
    socket.receive_eof(NOW);
    hear(&mut socket, &limits, &mut talk);
    assert_eq!(socket.closing(), Closing::Now, "it never ends");
    let ends = talk
        .heard
        .iter()
        .filter(|heard| matches!(heard, Heard::Closed(..)));
    assert_eq!(ends.count(), 1, "it ends once");
    assert!(
        matches!(talk.heard.last(), Some(Heard::Closed(..))),
        "it ends at its end"
    );
    talk
}

impl Talk {
    /// How it ended; None if the peer just left.
    pub(crate) fn end(&self) -> Option<(u16, &str)> {
        match self.heard.last() {
            Some(Heard::Closed(code, reason)) if *code != CLOSE_ABNORMAL => Some((*code, reason)),
            _ => None,
        }
    }

    /// The messages, without the end.
    pub(crate) fn messages(&self) -> &[Heard] {
        &self.heard[..self.heard.len() - 1]
    }
}

fn hear(socket: &mut WebSocket, limits: &WebSocketLimits, talk: &mut Talk) {
    loop {
        let event = socket.next_event(NOW);
        let message = socket.message();
        assert!(
            message.len() <= limits.message_bytes_max,
            "a message beyond its bound"
        );
        match event {
            WsEvent::NeedMore => break,
            WsEvent::Message(MessageKind::Text) => {
                let text = String::from_utf8(message.to_vec()).expect("a text is UTF-8");
                socket.send_text(&text).expect("it is open");
                talk.heard.push(Heard::Text(text));
            }
            WsEvent::Message(MessageKind::Binary) => {
                let message = socket.take_message();
                socket.send_binary(&message).expect("it is open");
                talk.heard.push(Heard::Binary(message));
            }
            WsEvent::Closed { code, reason } => {
                assert!(socket.send_text("late").is_err(), "it is over");
                talk.heard.push(Heard::Closed(code, reason));
            }
        }
    }
    let count = socket.output().len();
    talk.output.extend_from_slice(socket.output());
    socket.consume_output(NOW, count);
}
