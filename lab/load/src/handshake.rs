//! Opens a WebSocket on a stream that blocks until its time-out. Knows nothing of what is sent afterwards.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::difference::excerpt;
use crate::failure::Failure;
use crate::websocket::{Malformed, MessagePlan, is_handshake_answer};

/// What one read takes; an answer is a few hundred bytes.
const CHUNK_BYTES: usize = 4096;

/// Returns when the server has agreed, or with what it said or did instead.
pub fn perform(
    stream: &mut (impl Read + Write),
    target: SocketAddr,
    plan: &MessagePlan,
    timeout: Duration,
) -> Result<(), Failure> {
    stream
        .write_all(&plan.handshake(target))
        .map_err(|error| Failure::io("a handshake could not be sent", &error))?;
    let deadline = Instant::now() + timeout;
    let mut answer = Vec::new();
    while !is_whole(&answer)? {
        if Instant::now() > deadline {
            return Err(silent(timeout));
        }
        let mut chunk = [0; CHUNK_BYTES];
        match stream.read(&mut chunk) {
            Ok(0) => {
                let text = excerpt(&answer, 0);
                return Err(Failure::Broken(format!(
                    "the server closed a connection during the handshake, after {text}"
                )));
            }
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(silent(timeout)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(Failure::io(
                    "a handshake's answer could not be read",
                    &error,
                ));
            }
        }
    }
    Ok(())
}

/// A server that does not speak WebSocket has not answered wrongly; one that agrees must do so in the right way.
fn is_whole(answer: &[u8]) -> Result<bool, Failure> {
    is_handshake_answer(answer).map_err(|error| {
        let text = format!("{error}: {}", excerpt(answer, 0));
        match error {
            Malformed::Status => Failure::Broken(text),
            _ => Failure::WrongAnswer(text),
        }
    })
}

fn silent(timeout: Duration) -> Failure {
    Failure::Broken(format!("no answer to the handshake within {timeout:?}"))
}
