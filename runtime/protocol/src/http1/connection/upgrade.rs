//! How a connection leaves HTTP for another protocol. Part of `connection`; knows nothing of that protocol.

use super::{Connection, lent};
use crate::http1::workspace::Workspace;
use crate::misuse::{AnswerStep, Misuse};
use crate::server_lines::{Recipient, ServerLines};
use crate::tick::Tick;

/// What a connection leaves when it has switched to another protocol.
#[derive(Debug, Default)]
pub struct Upgraded {
    /// What came behind the request: the first bytes of the other protocol.
    pub input: Vec<u8>,
    /// What is still to be sent, the 101 at its end.
    pub output: Vec<u8>,
    /// The peer has finished sending.
    pub has_eof: bool,
    /// The server is stopping.
    pub is_draining: bool,
}

impl Connection {
    /// Answers the request in flight with `head`, a 101 up to its empty line, and ends HTTP on this connection:
    /// only [`leave_http`](Connection::leave_http) may follow. The request must have no body, and no part of an answer
    /// may have been written.
    pub fn switch_protocols(
        &mut self,
        now: Tick,
        head: &[u8],
        server_lines: &ServerLines,
    ) -> Result<(), Misuse> {
        let stage = self.answer.stage.after(AnswerStep::Whole)?;
        if !self.in_exchange() || !self.intake.has_ended() {
            return Err(Misuse::OutOfOrder {
                stage,
                step: AnswerStep::Whole,
            });
        }
        let output = lent(&mut self.workspace).output.tail();
        output.extend_from_slice(head);
        server_lines.write(Recipient::Switch(head), output);
        output.extend_from_slice(b"\r\n");
        self.answer.stage = stage;
        self.note_time(now);
        Ok(())
    }

    /// Hands over what belongs to the new protocol, and gives the workspace back.
    pub fn leave_http(&mut self) -> (Upgraded, Option<Box<Workspace>>) {
        let mut upgraded = Upgraded {
            has_eof: self.has_received_eof(),
            is_draining: self.is_draining,
            ..Upgraded::default()
        };
        let mut workspace = self.workspace.take();
        if let Some(workspace) = &mut workspace {
            upgraded.input = workspace.input.unread().to_vec();
            upgraded.output = workspace.output.unsent().to_vec();
            workspace.reset();
        }
        self.finish(false);
        (upgraded, workspace)
    }
}
