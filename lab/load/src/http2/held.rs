//! HTTP/2 connections that have had one answer and stay open. What the server sends meanwhile is read when they are counted.

use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, LocalSet};

use super::asking::{TRIED, answer_to, broken, http_of};
use super::{connection, runtime};
use crate::checker::Checker;
use crate::failure::Failure;
use crate::idle_plan::IdlePlan;

/// Time in which the end of a connection is noticed.
const LOOK: Duration = Duration::from_millis(50);

/// Connections, and what moves their bytes.
pub struct Held {
    connections: Vec<Connection>,
    tasks: LocalSet,
    /// Goes last.
    runtime: Runtime,
}

struct Connection {
    sender: SendRequest<Bytes>,
    moving: JoinHandle<()>,
}

impl Held {
    /// None yet.
    pub fn new() -> Result<Held, Failure> {
        Ok(Held {
            runtime: runtime()?,
            tasks: LocalSet::new(),
            connections: Vec::new(),
        })
    }

    /// Adds one, and asks once on it.
    pub fn add(&mut self, stream: TcpStream, plan: &IdlePlan, number: u64) -> Result<(), Failure> {
        let opened = self.tasks.block_on(&self.runtime, async {
            let (mut sender, moving) = connection::open(stream, plan.tls.as_ref()).await?;
            ask_once(&mut sender, plan, number).await?;
            Ok(Connection { sender, moving })
        });
        self.connections.push(opened?);
        Ok(())
    }

    /// Asks once more on the connection with this place.
    pub fn ask_again(&mut self, place: usize, plan: &IdlePlan, number: u64) -> Result<(), Failure> {
        let sender = &mut self.connections[place].sender;
        self.tasks
            .block_on(&self.runtime, ask_once(sender, plan, number))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.connections.len()
    }

    /// How many of them the server has left open.
    pub fn still_open(&self) -> usize {
        self.tasks
            .block_on(&self.runtime, async { tokio::time::sleep(LOOK).await });
        let is_open = |one: &&Connection| !one.moving.is_finished();
        self.connections.iter().filter(is_open).count()
    }
}

async fn ask_once(
    sender: &mut SendRequest<Bytes>,
    plan: &IdlePlan,
    number: u64,
) -> Result<(), Failure> {
    let request = http_of(&plan.exchange);
    let (head, body) = request.as_message(number).expect(TRIED);
    let asked = tokio::time::timeout(plan.answer_timeout, answer_to(sender, head, body)).await;
    let Ok(answer) = asked else {
        let (line, timeout) = (plan.exchange.line(number), plan.answer_timeout);
        return Err(Failure::Broken(format!(
            "no answer to {line} within {timeout:?}"
        )));
    };
    let (status, body) = answer.map_err(broken)?;
    match request.accepts(number, status, &body) {
        true => Ok(()),
        false => Err(Checker::new([&plan.exchange]).refuse(0, number, status, &body)),
    }
}
