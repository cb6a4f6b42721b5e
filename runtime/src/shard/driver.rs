//! The connection driver: a conversation on a transport. Sans-IO: bytes, time and a waker are handed in; it knows neither
//! sockets nor engines.

use std::task::Waker;

use turbo_shard_protocol::{Closing, Tick};

use crate::connection_info::ConnectionInfo;
use crate::service::Service;
use crate::shard::advance::Advance;
use crate::shard::conversation::Conversation;
use crate::shard::transport::Transport;
use crate::shard::workbench::Workbench;

pub(crate) struct Driver {
    transport: Transport,
    conversation: Conversation,
}

impl Driver {
    pub(crate) fn new<S: Service>(bench: &Workbench<S>, info: ConnectionInfo, now: Tick) -> Driver {
        Driver {
            transport: Transport::new(bench, &info, now),
            conversation: Conversation::new(bench, info, now),
        }
    }

    /// Answers 503 before anything was read: the shard has all the connections it may have.
    pub(crate) fn refuse_overload<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        self.transport
            .refuse_overload(&mut self.conversation, bench, now);
    }

    /// Takes in what the peer has sent; `advance` answers it.
    pub(crate) fn receive<S: Service>(&mut self, bench: &Workbench<S>, now: Tick, chunk: &[u8]) {
        bench.counters.received_bytes.add(chunk.len() as u64);
        self.transport
            .receive(&mut self.conversation, bench, now, chunk);
    }

    /// The peer will send no more; it may still read.
    pub(crate) fn receive_eof<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) {
        self.transport
            .receive_eof(&mut self.conversation, bench, now);
    }

    /// Moves the connection on: requests to the service, answers to the output.
    pub(crate) fn advance<S: Service>(
        &mut self,
        bench: &Workbench<S>,
        now: Tick,
        waker: &Waker,
    ) -> Advance {
        self.transport
            .advance(&mut self.conversation, bench, now, waker)
    }

    /// The bytes to send.
    pub(crate) fn output(&self) -> &[u8] {
        self.transport.output(&self.conversation)
    }

    pub(crate) fn consume_output(&mut self, now: Tick, n: usize) {
        self.transport
            .consume_output(&mut self.conversation, now, n);
    }

    /// Takes all output away with its memory, leaving an empty buffer, and counts it as sent. Returns where it begins; None
    /// where there is only [`output`](Driver::output) to copy from.
    pub(crate) fn swap_output(&mut self, now: Tick, buffer: &mut Vec<u8>) -> Option<usize> {
        self.transport
            .swap_output(&mut self.conversation, now, buffer)
    }

    /// Output that was counted as sent before is leaving only now.
    pub(crate) fn output_leaves_late(&mut self, now: Tick) {
        self.transport
            .output_leaves_late(&mut self.conversation, now);
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.transport.wants_read(&self.conversation)
    }

    /// Nothing is in flight; the peer may ask next.
    pub(crate) fn awaits_request(&self) -> bool {
        self.conversation.awaits_request()
    }

    /// Requests that were taken in and are not fully answered. An open WebSocket is one.
    pub(crate) fn exchanges_in_flight(&self) -> u64 {
        self.conversation.exchanges_in_flight()
    }

    /// The connection ends with what is in flight.
    pub(crate) fn abandon<S: Service>(&mut self, bench: &Workbench<S>) {
        self.conversation.abandon(bench);
    }

    pub(crate) fn closing(&self) -> Closing {
        self.transport.closing(&self.conversation)
    }

    pub(crate) fn next_deadline(&self) -> Option<Tick> {
        self.transport.next_deadline(&self.conversation)
    }

    /// A deadline may have passed. Returns whether the connection must go at once.
    pub(crate) fn expire<S: Service>(&mut self, bench: &Workbench<S>, now: Tick) -> bool {
        self.transport.expire(&mut self.conversation, bench, now)
    }

    /// Lets what is in flight finish, then closes.
    pub(crate) fn drain(&mut self, now: Tick) {
        self.transport.drain(&mut self.conversation, now);
    }

    /// Gives the buffers back to the thread's pool when nothing is unfinished.
    pub(crate) fn rest<S: Service>(&mut self, bench: &Workbench<S>) {
        self.transport.rest(&mut self.conversation, bench);
    }
}
