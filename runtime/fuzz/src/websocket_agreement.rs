//! What we take for messages, tungstenite takes for the same ones. Without compression, which it does not have.

use std::io::{self, ErrorKind, Read, Write};

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Message, WebSocket};

use crate::websocket_session::{Heard, limits, talk};

pub(crate) fn check(input: &[u8]) {
    let ours = talk(None, &[input]);
    let (messages, end) = read(input);
    // It may read on where we have refused, but not the other way round.
    let common = messages.get(..ours.messages().len());
    assert_eq!(common, Some(ours.messages()), "{end:?}");
    // A close frame that both understand says the same.
    if let (Some((code, reason)), Some((their_code, their_reason))) = (ours.end(), &end)
        && ours.messages().len() == messages.len()
        && is_of_the_peer(code, reason)
    {
        assert_eq!((code, reason), (*their_code, &their_reason[..]));
    }
}

/// Our own refusals have reasons of ours; the codes are those that a peer may send as well. 1014 is registered with IANA
/// like 1012 and 1013, but tungstenite 0.30 takes it for reserved and refuses it.
fn is_of_the_peer(code: u16, reason: &str) -> bool {
    let is_ours = matches!(code, 1002 | 1007 | 1008 | 1009) && !reason.is_empty();
    !is_ours && code != 1014
}

/// Messages, and the close frame if one came.
fn read(input: &[u8]) -> (Vec<Heard>, Option<(u16, String)>) {
    let limits = limits();
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.message_bytes_max))
        .max_frame_size(Some(limits.frame_bytes_max));
    let pipe = Pipe { input };
    let mut socket = WebSocket::from_raw_socket(pipe, Role::Server, Some(config));
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => messages.push(Heard::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => messages.push(Heard::Binary(bytes.to_vec())),
            Ok(Message::Close(frame)) => {
                let frame =
                    frame.map(|frame| (frame.code.into(), frame.reason.as_str().to_owned()));
                return (messages, Some(frame.unwrap_or((1005, String::new()))));
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(_) => return (messages, None),
        }
    }
}

/// A peer that has sent this, and no more.
struct Pipe<'i> {
    input: &'i [u8],
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.is_empty() {
            true => Err(ErrorKind::WouldBlock.into()),
            false => self.input.read(buffer),
        }
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
