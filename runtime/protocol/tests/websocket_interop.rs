//! A round trip with another implementation: tungstenite as the client, over pipes in memory.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::sync::Arc;

use proptest::prelude::*;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket as Client};
use turbo_shard_protocol::websocket::{
    Compression, Handshake, MessageKind, WebSocket, WebSocketLimits, WsEvent,
};
use turbo_shard_protocol::{Connection, Event, HeaderLines, Limits, ServerLines, Tick, Workspace};

/// Both directions of a connection; a client that reads too early would block.
#[derive(Clone, Debug, Default)]
struct Pipes {
    to_server: Rc<RefCell<Vec<u8>>>,
    to_client: Rc<RefCell<Vec<u8>>>,
}

impl Read for Pipes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.to_client.borrow_mut();
        if bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = buffer.len().min(bytes.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        bytes.drain(..n);
        Ok(n)
    }
}

impl Write for Pipes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to_server.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client and a server that have shaken hands.
struct Pair {
    client: Client<Pipes>,
    server: WebSocket,
    pipes: Pipes,
}

const NOW: Tick = Tick::from_millis(0);

impl Pair {
    fn new() -> Pair {
        let pipes = Pipes::default();
        let Err(HandshakeError::Interrupted(waiting)) =
            tungstenite::client("ws://localhost/chat", pipes.clone())
        else {
            panic!("the client did not wait for an answer");
        };
        let mut http = Connection::new(Arc::new(Limits::sample()), NOW);
        http.lend(Box::new(Workspace::new()));
        http.receive(NOW, &pipes.to_server.take());
        assert_eq!(http.next_event(NOW), Event::Head);
        let accepted = Handshake::check(&http.request())
            .unwrap()
            .accept(&Compression::new(true), None, &HeaderLines::new())
            .unwrap();
        let server_lines = ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        http.switch_protocols(NOW, &accepted.head, &server_lines)
            .unwrap();
        let (upgraded, _) = http.leave_http();
        pipes.to_client.borrow_mut().extend(upgraded.output);
        let Ok((client, _)) = waiting.handshake() else {
            panic!("the client did not take the answer");
        };
        let server = WebSocket::new(Arc::new(WebSocketLimits::sample()), accepted.deflate, NOW);
        Pair {
            client,
            server,
            pipes,
        }
    }

    /// Echoes everything that has arrived, read in pieces of `piece_bytes`. Yields how it ended, if it did.
    fn serve(&mut self, piece_bytes: usize) -> Option<(u16, String)> {
        let mut farewell = None;
        for piece in self.pipes.to_server.take().chunks(piece_bytes) {
            self.server.receive(NOW, piece);
            loop {
                match self.server.next_event(NOW) {
                    WsEvent::NeedMore => break,
                    WsEvent::Message(MessageKind::Text) => {
                        let text = String::from_utf8(self.server.take_message()).unwrap();
                        self.server.send_text(&text).unwrap();
                    }
                    WsEvent::Message(MessageKind::Binary) => {
                        let bytes = self.server.take_message();
                        self.server.send_binary(&bytes).unwrap();
                    }
                    WsEvent::Closed { code, reason } => farewell = Some((code, reason)),
                }
            }
        }
        self.flush();
        farewell
    }

    fn flush(&mut self) {
        let n = self.server.output().len();
        self.pipes
            .to_client
            .borrow_mut()
            .extend_from_slice(self.server.output());
        self.server.consume_output(NOW, n);
    }
}

fn messages() -> impl Strategy<Value = Message> {
    prop_oneof![
        "\\PC{0,300}".prop_map(Message::text),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Message::binary),
        (60_000..70_000usize).prop_map(|len| Message::binary(vec![len as u8; len])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_message_comes_back_as_it_was_sent(
        messages in proptest::collection::vec(messages(), 1..10),
        piece_bytes in 1..100_000usize,
    ) {
        let mut pair = Pair::new();
        for message in &messages {
            pair.client.send(message.clone()).unwrap();
        }
        prop_assert_eq!(pair.serve(piece_bytes), None);
        for message in &messages {
            prop_assert_eq!(&pair.client.read().unwrap(), message);
        }
    }
}

#[test]
fn a_close_of_the_client_is_a_clean_end_for_both() {
    let mut pair = Pair::new();
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: "later".into(),
    };
    pair.client.close(Some(frame)).unwrap();
    assert_eq!(pair.serve(1), Some((1001, "later".to_owned())));
    let Message::Close(Some(answer)) = pair.client.read().unwrap() else {
        panic!("no close frame came back");
    };
    assert_eq!(answer.code, CloseCode::Away);
}

#[test]
fn a_close_of_ours_is_a_clean_end_for_both() {
    let mut pair = Pair::new();
    pair.server.close(NOW, 4000, "bye").unwrap();
    pair.flush();
    let Message::Close(Some(frame)) = pair.client.read().unwrap() else {
        panic!("no close frame came");
    };
    assert_eq!(
        (u16::from(frame.code), frame.reason.as_str()),
        (4000, "bye")
    );
    // The client answers with its next step.
    let _ = pair.client.flush();
    assert_eq!(pair.serve(1).map(|(code, _)| code), Some(4000));
}

#[test]
fn pings_are_answered_both_ways() {
    let mut pair = Pair::new();
    pair.client.send(Message::Ping("p".into())).unwrap();
    assert_eq!(pair.serve(1), None);
    assert_eq!(pair.client.read().unwrap(), Message::Pong("p".into()));
    let due = pair.server.next_deadline().unwrap();
    pair.server.expire(due);
    pair.flush();
    assert_eq!(pair.client.read().unwrap(), Message::Ping("".into()));
    let _ = pair.client.flush();
    assert!(!pair.pipes.to_server.borrow().is_empty());
    assert_eq!(pair.serve(1), None);
}
