//! Opens many keep-alive connections, asks one checked question on each, and holds them: what does a server pay for
//! connections that do nothing? Knows nothing of options or output.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::channel::{self, Channel, connect};
use crate::checker::Checker;
use crate::failure::Failure;
use crate::flow::Question;
use crate::http2;
use crate::idle_plan::IdlePlan;
use crate::link::{Link, READ_BYTES_MAX};

/// Connections from one source address; the kernel has some 28,000 ports for each, those just closed among them.
const CONNECTIONS_PER_SOURCE: usize = 5_000;
/// Most connections that are held.
pub const CONNECTIONS_MAX: usize = 250_000;

/// Connections that have had their answer and stay open.
pub struct HeldConnections {
    plan: IdlePlan,
    held: Held,
}

enum Held {
    Http1(Vec<Channel<TcpStream>>),
    Http2(http2::held::Held),
}

impl HeldConnections {
    /// Opens them one after another.
    pub fn open(plan: IdlePlan) -> Result<HeldConnections, Failure> {
        let mut checker = Checker::new([&plan.exchange]);
        let mut scratch = vec![0; READ_BYTES_MAX];
        let mut number = plan.numbers.first();
        let mut held = match plan.is_http2 {
            true => Held::Http2(http2::held::Held::new()?),
            false => Held::Http1(Vec::with_capacity(plan.connections)),
        };
        for index in 0..plan.connections {
            let source = source(plan.target, index);
            let connected = connect(plan.target, source, None, plan.answer_timeout);
            let stream = connected
                .and_then(without_time_wait)
                .map_err(|error| Failure::io(format!("connection {index}"), &error))?;
            match &mut held {
                Held::Http1(channels) => {
                    let channel = channel::open(stream, plan.tls.as_ref(), plan.answer_timeout)?;
                    channels.push(ask_once(
                        channel,
                        &plan,
                        &mut checker,
                        &mut scratch,
                        number,
                    )?);
                }
                Held::Http2(connections) => connections.add(stream, &plan, number)?,
            }
            number = plan.numbers.after(number);
        }
        Ok(HeldConnections { plan, held })
    }

    /// Asks once more on each: they are still of use.
    pub fn ask_again(&mut self) -> Result<(), Failure> {
        let plan = &self.plan;
        let mut checker = Checker::new([&plan.exchange]);
        let mut scratch = vec![0; READ_BYTES_MAX];
        let mut number = plan.numbers.first();
        match &mut self.held {
            Held::Http1(channels) => {
                for channel in std::mem::take(channels) {
                    channels.push(ask_once(channel, plan, &mut checker, &mut scratch, number)?);
                    number = plan.numbers.after(number);
                }
            }
            Held::Http2(connections) => {
                for place in 0..connections.count() {
                    connections.ask_again(place, plan, number)?;
                    number = plan.numbers.after(number);
                }
            }
        }
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match &self.held {
            Held::Http1(channels) => channels.len(),
            Held::Http2(connections) => connections.count(),
        }
    }

    /// How many of them the server has left open, and silent as they should be.
    pub fn still_open(&self) -> usize {
        match &self.held {
            Held::Http1(channels) => channels
                .iter()
                .filter(|channel| is_open_and_silent(channel.stream()))
                .count(),
            Held::Http2(connections) => connections.still_open(),
        }
    }
}

/// Lets the end of a connection be a reset. With a usual end, ten thousand of them hold their ports for a minute, and
/// the next run's connections take seconds to find free ones.
fn without_time_wait(stream: TcpStream) -> std::io::Result<TcpStream> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

/// Spreads connections over 127.0.0.1, 127.0.0.2 and so on, which IPv4 loopback allows; otherwise the kernel chooses.
fn source(target: SocketAddr, index: usize) -> Option<IpAddr> {
    let last = u8::try_from(1 + index / CONNECTIONS_PER_SOURCE).unwrap_or(u8::MAX);
    target
        .is_ipv4()
        .then_some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
}

fn ask_once(
    channel: Channel<TcpStream>,
    plan: &IdlePlan,
    checker: &mut Checker<'_>,
    scratch: &mut [u8],
    number: u64,
) -> Result<Channel<TcpStream>, Failure> {
    let mut link = Link::new(channel);
    let question = Question {
        route: 0,
        number,
        since: Instant::now(),
    };
    link.flow_mut().put(&plan.exchange, question);
    link.flush()?;
    // A read times out as if the socket were empty. A server that sends byte by byte ends at the size limits.
    let (mut answers, mut received) = (Vec::new(), 0);
    loop {
        link.receive(checker, scratch, &mut answers)?;
        if !answers.is_empty() {
            return Ok(link.into_stream());
        }
        let now = link.flow().bytes_received();
        if now == received {
            let line = plan.exchange.line(number);
            return Err(Failure::Broken(format!(
                "no answer to {line} within {:?}",
                plan.answer_timeout
            )));
        }
        received = now;
    }
}

fn is_open_and_silent(stream: &TcpStream) -> bool {
    let silent = stream
        .set_nonblocking(true)
        .and_then(|()| stream.peek(&mut [0]));
    silent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_change_before_their_ports_run_out() {
        let target = SocketAddr::from(([127, 0, 0, 1], 80));
        let last = |index| source(target, index).map(|address| address.to_string());
        assert_eq!(last(0).as_deref(), Some("127.0.0.1"));
        assert_eq!(last(CONNECTIONS_PER_SOURCE).as_deref(), Some("127.0.0.2"));
        assert_eq!(last(CONNECTIONS_MAX * 100).as_deref(), Some("127.0.0.255"));
    }

    #[test]
    fn ipv6_loopback_has_one_address() {
        assert_eq!(source("[::1]:80".parse().unwrap(), 9_999), None);
    }
}
