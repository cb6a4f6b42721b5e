//! Puts the messages of an ASGI app together into an answer: gathered while the app's first call lasts, sent piece by
//! piece after that. Knows no Python; an impossible step is the app's fault and becomes its exception.

use std::mem;

use turbo_shard_runtime::protocol::{BodyLength, HeaderLines, Misuse};
use turbo_shard_runtime::{Flow, HeldBytes, HttpReply, REPLY_QUEUED_BYTES_HIGH, Response};

use super::http_phase::{Lent, Phase, Refused, Swallowed};

/// Where the pieces go.
enum Way {
    /// The app's first call lasts: they are kept for its end.
    Gathering {
        body: Vec<u8>,
        /// Behind that: a large piece that is not copied.
        held: Option<HeldBytes>,
        interim: Vec<(u16, HeaderLines)>,
    },
    Sending(HttpReply),
    /// Answered, or the peer is gone.
    Closed,
}

/// One answer in the making.
pub(super) struct HttpAnswer {
    phase: Phase,
    /// Taken when the head goes out.
    head: Option<(u16, HeaderLines)>,
    has_trailers: bool,
    trailers: HeaderLines,
    /// Body bytes that are still owed to the app's own `content-length`.
    owed: Option<u64>,
    /// The answer has no body, whatever the app sends.
    is_bodiless: bool,
    swallowed: Swallowed,
    /// A piece of the body has come from the app.
    has_body: bool,
    way: Way,
    lacks_room: bool,
    /// What is known of the body's length when the head goes out.
    length: BodyLength,
}

impl HttpAnswer {
    /// Keep it until [`write`](HttpAnswer::write) or [`attach`](HttpAnswer::attach).
    pub(super) fn gathering(is_to_head: bool) -> HttpAnswer {
        HttpAnswer {
            phase: Phase::Start,
            head: None,
            has_trailers: false,
            trailers: HeaderLines::new(),
            owed: None,
            is_bodiless: is_to_head,
            swallowed: Swallowed::default(),
            has_body: false,
            way: Way::Gathering {
                body: Vec::new(),
                held: None,
                interim: Vec::new(),
            },
            lacks_room: false,
            length: BodyLength::Unknown,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// The app has sent a head.
    pub(super) fn is_started(&self) -> bool {
        self.phase != Phase::Start
    }

    /// The head is on its way to the peer.
    pub(super) fn has_gone_out(&self) -> bool {
        self.is_started() && self.head.is_none()
    }

    /// The app has sent all of it.
    pub(super) fn is_complete(&self) -> bool {
        self.phase == Phase::Complete
    }

    /// It was gathered as a whole and can be written at once.
    pub(super) fn is_gathered(&self) -> bool {
        self.is_complete() && !matches!(self.way, Way::Gathering { held: Some(_), .. })
    }

    /// More is to come of a body that is never sent: the answer to a HEAD, or a status without a body.
    pub(super) fn is_bodiless_stream(&self) -> bool {
        self.is_bodiless && self.phase == Phase::Body
    }

    /// Whether a message of this type may come next.
    pub(super) fn expects(&self, kind: &str) -> bool {
        self.phase.allows(kind)
    }

    /// The app should wait before it sends more.
    pub(super) fn lacks_room(&self) -> bool {
        self.lacks_room
    }

    /// The peer has read.
    pub(super) fn note_room(&mut self) {
        self.lacks_room = false;
    }

    /// Whether the connection that it is sent to is gone.
    pub(super) fn has_peer_left(&self) -> bool {
        self.handle().is_some_and(HttpReply::peer_left)
    }

    pub(super) fn handle(&self) -> Option<&HttpReply> {
        match &self.way {
            Way::Sending(handle) => Some(handle),
            Way::Gathering { .. } | Way::Closed => None,
        }
    }

    /// The head; it waits for the first piece of the body, which may be all of it.
    pub(super) fn start(
        &mut self,
        status: u16,
        lines: HeaderLines,
        has_trailers: bool,
    ) -> Result<(), Refused> {
        if self.phase != Phase::Start {
            return Err(Refused::OutOfOrder(self.phase));
        }
        self.is_bodiless |= matches!(status, 204 | 205 | 304);
        self.owed = lines.content_length().filter(|_| !self.is_bodiless);
        self.has_trailers = has_trailers;
        self.head = Some((status, lines));
        self.phase = Phase::FirstBody;
        Ok(())
    }

    /// An interim answer, before the head.
    pub(super) fn interim(&mut self, status: u16, lines: HeaderLines) -> Result<(), Refused> {
        if self.is_complete() || self.phase == Phase::Trailers || self.phase == Phase::Body {
            return Err(Refused::OutOfOrder(self.phase));
        }
        match &mut self.way {
            Way::Gathering { interim, .. } => interim.push((status, lines)),
            Way::Sending(handle) => handle.interim(status, lines),
            Way::Closed => {}
        }
        Ok(())
    }

    /// A piece of the body.
    pub(super) fn body(&mut self, data: &[u8], more: bool) -> Result<(), Refused> {
        if !matches!(self.phase, Phase::FirstBody | Phase::Body) {
            return Err(Refused::OutOfOrder(self.phase));
        }
        self.pay(data.len() as u64, more)?;
        if self.is_bodiless_stream() && more {
            self.swallowed.add(data.len())?;
        }
        self.has_body = true;
        let is_first = self.phase == Phase::FirstBody;
        let is_whole = is_first && !more && !self.has_trailers;
        self.phase = Phase::after_body(more, self.has_trailers);
        match &mut self.way {
            Way::Gathering { body, held, .. } => {
                // More follows it after all.
                held.take()
                    .into_iter()
                    .for_each(|held| body.extend_from_slice(held.rest()));
                match body.is_empty() {
                    // Mostly all there is: no more room is made than it takes.
                    true => *body = data.to_vec(),
                    false => body.extend_from_slice(data),
                }
                self.lacks_room = body.len() >= REPLY_QUEUED_BYTES_HIGH && more;
            }
            Way::Sending(_) if is_whole => self.send_whole(data.to_vec()),
            Way::Sending(_) => {
                if is_first {
                    self.send_head();
                }
                if self.is_bodiless {
                    // All that the peer gets: its next request need not wait for the end of the app's stream.
                    self.end();
                } else {
                    self.send_chunk(data.to_vec());
                    self.end_if_complete();
                }
            }
            Way::Closed => {}
        }
        Ok(())
    }

    /// A large piece of the body, which is copied only as the peer reads.
    pub(super) fn body_held(&mut self, data: HeldBytes, more: bool) -> Result<(), Refused> {
        if self.is_bodiless || !matches!(self.phase, Phase::FirstBody | Phase::Body) {
            let nothing = [];
            return self.body(&nothing, more);
        }
        let length = data.rest().len() as u64;
        self.pay(length, more)?;
        self.has_body = true;
        let is_first = self.phase == Phase::FirstBody;
        if is_first && !more && !self.has_trailers {
            self.length = BodyLength::Known(length);
        }
        self.phase = Phase::after_body(more, self.has_trailers);
        match &mut self.way {
            Way::Gathering { body, held, .. } => {
                if let Some(before) = held.replace(data) {
                    body.extend_from_slice(before.rest());
                }
                self.lacks_room = more;
            }
            Way::Sending(_) => {
                if is_first {
                    self.send_head();
                }
                self.send_held(data);
                self.end_if_complete();
            }
            Way::Closed => {}
        }
        Ok(())
    }

    /// A file will be the body: from here on it is the answer's only piece.
    pub(super) fn file(&mut self) -> Result<(), Refused> {
        if self.phase != Phase::FirstBody || self.has_trailers {
            return Err(Refused::OutOfOrder(self.phase));
        }
        self.phase = Phase::Complete;
        Ok(())
    }

    /// Handle and head for the file's sender; there is no handle while the app's first call lasts.
    pub(super) fn lend(&mut self) -> Option<Lent> {
        if !matches!(self.way, Way::Sending(_)) {
            return None;
        }
        let (status, lines) = self.head.take()?;
        match mem::replace(&mut self.way, Way::Closed) {
            Way::Sending(handle) => Some(Lent {
                handle,
                status,
                lines,
                is_bodiless: self.is_bodiless,
            }),
            Way::Gathering { .. } | Way::Closed => None,
        }
    }

    /// The file could not be opened: the app may send something else instead.
    pub(super) fn give_back(&mut self, lent: Lent) {
        self.head = Some((lent.status, lent.lines));
        self.way = Way::Sending(lent.handle);
        self.phase = Phase::FirstBody;
    }

    /// Trailers; the answer ends with the last of them.
    pub(super) fn trailers(&mut self, lines: HeaderLines, more: bool) -> Result<(), Refused> {
        if self.phase != Phase::Trailers {
            return Err(Refused::OutOfOrder(self.phase));
        }
        self.trailers.append(&lines).map_err(Refused::Misuse)?;
        if !more {
            self.phase = Phase::Complete;
            self.end_if_complete();
        }
        Ok(())
    }

    /// What was gathered, written at once. For a complete answer.
    pub(super) fn write(&mut self, response: &mut Response<'_>) -> Result<(), Misuse> {
        let Way::Gathering { body, interim, .. } = mem::replace(&mut self.way, Way::Closed) else {
            return Ok(());
        };
        let Some((status, lines)) = self.head.take() else {
            return Ok(());
        };
        for (status, lines) in interim {
            response.interim(status, &lines)?;
        }
        if self.has_trailers {
            let length = BodyLength::Unknown;
            response.start(status, &lines, length)?;
            response.chunk(&body)?;
            return response.end_with_trailers(&self.trailers);
        }
        response.whole(status, &lines, &body)
    }

    /// What was gathered goes out through `handle`, and so does all that follows.
    pub(super) fn attach(&mut self, handle: HttpReply) {
        let way = mem::replace(&mut self.way, Way::Sending(handle));
        let Way::Gathering {
            body,
            held,
            interim,
        } = way
        else {
            return;
        };
        if let Way::Sending(handle) = &self.way {
            for (status, lines) in interim {
                handle.interim(status, lines);
            }
        }
        self.lacks_room = false;
        // The head waits for the first piece of the body, which may be a file.
        let is_file = self.is_complete() && !self.has_body;
        if matches!(self.phase, Phase::Start | Phase::FirstBody) || is_file {
            return;
        }
        self.send_head();
        if self.is_bodiless {
            self.end();
        } else {
            self.send_chunk(body);
            if let Some(held) = held {
                self.send_held(held);
            }
            self.end_if_complete();
        }
    }

    /// The peer has left; what the app may send next is still known. Returns where the answer went.
    pub(super) fn leave(&mut self) -> Option<HttpReply> {
        let phase = self.phase;
        let handle = self.give_up();
        self.phase = phase;
        handle
    }

    /// The app can send no more. Returns the handle, if the answer is not complete.
    pub(super) fn give_up(&mut self) -> Option<HttpReply> {
        self.phase = Phase::Complete;
        self.lacks_room = false;
        match mem::replace(&mut self.way, Way::Closed) {
            Way::Sending(handle) => Some(handle),
            Way::Gathering { .. } | Way::Closed => None,
        }
    }

    /// Counts body bytes against the app's own `content-length`.
    fn pay(&mut self, length: u64, more: bool) -> Result<(), Refused> {
        let Some(owed) = self.owed else { return Ok(()) };
        if length > owed {
            return Err(Refused::TooLong {
                excess: length - owed,
            });
        }
        if !more && length < owed {
            return Err(Refused::TooShort {
                missing: owed - length,
            });
        }
        self.owed = Some(owed - length);
        Ok(())
    }

    fn send_whole(&mut self, body: Vec<u8>) {
        if let (Way::Sending(handle), Some((status, lines))) =
            (mem::replace(&mut self.way, Way::Closed), self.head.take())
        {
            handle.whole(status, lines, body);
        }
    }

    fn send_head(&mut self) {
        if let (Way::Sending(handle), Some((status, lines))) = (&self.way, self.head.take()) {
            handle.start(status, lines, self.length);
        }
    }

    fn send_chunk(&mut self, data: Vec<u8>) {
        if let Way::Sending(handle) = &self.way
            && !data.is_empty()
        {
            self.lacks_room = handle.chunk(data) == Flow::Wait;
        }
    }

    fn send_held(&mut self, data: HeldBytes) {
        if let Way::Sending(handle) = &self.way {
            self.lacks_room = handle.held(data) == Flow::Wait;
        }
    }

    fn end_if_complete(&mut self) {
        if self.is_complete() {
            self.end();
        }
    }

    fn end(&mut self) {
        // Room is not reported once the handle is gone.
        self.lacks_room = false;
        if let Way::Sending(_) = &self.way
            && let Way::Sending(handle) = mem::replace(&mut self.way, Way::Closed)
        {
            if self.has_trailers {
                handle.end_with_trailers(mem::take(&mut self.trailers));
            } else {
                handle.end();
            }
        }
    }
}
