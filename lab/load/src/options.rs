//! The command line. It refuses everything that cannot work, with one line that says what to change.

mod protocol;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use lexopt::prelude::*;

use crate::answer::BODY_BYTES_MAX;
use crate::arrivals::{Schedule, Spacing};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::help::HELP;
use crate::http2::connection as http2;
use crate::idle;
use crate::idle_plan::IdlePlan;
use crate::io_choice::IoChoice;
use crate::mix::{Mix, Route};
use crate::mix_file;
use crate::option_values::{
    ECHO_BYTES_MIN, cores, handshakes, header, io, loopback, method, numbers, opcode, rate,
    request_target, seconds, spacing, text_or_file, within,
};
use crate::plan::{LoadPlan, Pacing};
use crate::request::{ExpectedBody, Numbers, RequestParts, RequestPlan};
use crate::template::{ALL_BYTES, Template};
use crate::tls::{Handshakes, Tls};
use crate::websocket::{MessagePlan, Opcode};

/// Most connections under load from one source address.
const CONNECTIONS_MAX: u64 = 20_000;
/// More threads would only wait for each other on any machine of today.
const THREADS_MAX: u64 = 256;
const PIPELINE_MAX: u64 = 1024;
const STREAMS_MAX: u64 = 10_000;
/// Most requests that a schedule may have: those that were never sent are counted one by one at the end.
const SCHEDULED_MAX: f64 = 1e9;
/// The filler of texts; everything else has bytes that are not text between its numbers.
const TEXT_FILLER: &[u8] = b"the quick brown fox jumps over the lazy dog ";
/// What --mix says in its file.
const SAID_BY_MIX: [&str; 9] = [
    "path",
    "method",
    "header",
    "body",
    "expect-status",
    "expect-body",
    "expect-any-body",
    "echo-bytes",
    "websocket",
];

/// Options without a value.
const FLAGS: [&str; 3] = ["expect-any-body", "tls", "http2"];

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Job {
    /// Print the help.
    Help,
    /// Produce a load.
    Load(LoadPlan),
    /// Hold idle connections.
    Idle {
        /// What to hold.
        plan: IdlePlan,
        /// Cores to stay on.
        cores: Vec<usize>,
        /// For how long at most.
        hold: Duration,
    },
}

struct Given {
    target: Option<SocketAddr>,
    parts: RequestParts,
    expected_body: Option<ExpectedBody>,
    echo_bytes: Option<usize>,
    websocket: Option<Opcode>,
    mix_file: Option<String>,
    numbers: Numbers,
    rate: Option<f64>,
    spacing: Option<Spacing>,
    seed: u64,
    pipeline: usize,
    connections: usize,
    idle_connections: usize,
    slow_read_bytes_per_second: Option<u64>,
    io: IoChoice,
    tls: bool,
    handshakes: Option<Handshakes>,
    http2: bool,
    streams: Option<usize>,
    threads: usize,
    cores: Vec<usize>,
    measured: Duration,
    warm_up: Duration,
    requests_max: u64,
    answer_timeout: Duration,
    idle: Option<usize>,
    hold: Duration,
    /// The names of all options that were given.
    names: Vec<String>,
}

impl Given {
    fn defaults() -> Given {
        Given {
            target: None,
            parts: RequestParts {
                method: String::from("GET"),
                path: Template::new("/"),
                headers: Vec::new(),
                body: None,
                expected_status: 200,
                expected_body: ExpectedBody::Any,
            },
            expected_body: None,
            echo_bytes: None,
            websocket: None,
            mix_file: None,
            numbers: Numbers::new(1000, 9999).expect("a range that is not empty"),
            rate: None,
            spacing: None,
            seed: 1,
            pipeline: 1,
            connections: 32,
            idle_connections: 0,
            slow_read_bytes_per_second: None,
            io: IoChoice::Auto,
            tls: false,
            handshakes: None,
            http2: false,
            streams: None,
            threads: 1,
            cores: Vec::new(),
            measured: Duration::from_secs(2),
            warm_up: Duration::from_millis(300),
            requests_max: 1_000_000_000,
            answer_timeout: Duration::from_secs(10),
            idle: None,
            hold: Duration::from_secs(60),
            names: Vec::new(),
        }
    }

    fn job(mut self) -> Result<Job, Failure> {
        let target = self
            .target
            .ok_or_else(|| usage("--target is missing; --help shows how it goes"))?;
        if self.websocket.is_some() && (self.idle.is_some() || self.idle_connections > 0) {
            return Err(usage(
                "idle connections are held over HTTP; leave out --websocket",
            ));
        }
        let mix = self.mix(target)?;
        self.check_protocol(&mix)?;
        let tls = self.tls.then(|| {
            let protocol = if self.http2 { http2::ALPN } else { b"http/1.1" };
            Tls::new(protocol, self.handshakes == Some(Handshakes::Resumed))
        });
        if let Some(connections) = self.idle {
            let plan = IdlePlan {
                target,
                exchange: mix.first().clone(),
                numbers: self.numbers,
                connections,
                tls,
                is_http2: self.http2,
                answer_timeout: self.answer_timeout,
            };
            return Ok(Job::Idle {
                plan,
                cores: self.cores,
                hold: self.hold,
            });
        }
        if self.threads > self.connections {
            return Err(usage(
                "--threads: each thread needs one of the --connections",
            ));
        }
        if self.io == IoChoice::Uring && self.slow_read_bytes_per_second.is_some() {
            return Err(usage(
                "--io uring reads whatever comes; a slow reader needs --io epoll, or none of the two",
            ));
        }
        let pacing = self.pacing()?;
        Ok(Job::Load(LoadPlan {
            target,
            mix,
            numbers: self.numbers,
            pacing,
            seed: self.seed,
            connections: self.connections,
            idle_connections: self.idle_connections,
            slow_read_bytes_per_second: self.slow_read_bytes_per_second,
            io: self.io,
            tls,
            handshakes: self.handshakes,
            http2_streams: self.http2.then(|| self.streams.unwrap_or(1)),
            threads: self.threads,
            cores: self.cores,
            warm_up: self.warm_up,
            measured: self.measured,
            requests_max: self.requests_max,
            answer_timeout: self.answer_timeout,
        }))
    }

    fn pacing(&self) -> Result<Pacing, Failure> {
        let pipeline = self.pipeline;
        let Some(rate) = self.rate else {
            return match self.spacing {
                Some(_) => Err(usage("--arrivals is for an open loop; give it a --rate")),
                None if self.websocket.is_some() && pipeline > 1 => Err(usage(
                    "--pipeline is for HTTP; a WebSocket has one message in flight",
                )),
                None => Ok(Pacing::Closed { pipeline }),
            };
        };
        if pipeline > 1 {
            return Err(usage(
                "--pipeline is for a closed loop; leave out --rate, or add --connections",
            ));
        }
        if rate * (self.warm_up + self.measured).as_secs_f64() > SCHEDULED_MAX {
            return Err(usage(format!(
                "--rate: no more than {SCHEDULED_MAX:e} requests can be scheduled; lower it, or --seconds"
            )));
        }
        Ok(Pacing::Open(Schedule {
            rate,
            spacing: self.spacing.unwrap_or(Spacing::Poisson),
            seed: self.seed,
        }))
    }

    fn mix(&mut self, target: SocketAddr) -> Result<Mix, Failure> {
        if let Some(text) = &self.mix_file {
            if let Some(name) = self
                .names
                .iter()
                .find(|name| SAID_BY_MIX.contains(&name.as_str()))
            {
                return Err(usage(format!(
                    "--{name} is said by the file of --mix; leave it out"
                )));
            }
            return mix_file::read(text, target, self.numbers)
                .map_err(|text| usage(format!("--mix: {text}")));
        }
        self.fill_echo()?;
        let route = Route {
            path: String::from_utf8_lossy(&self.parts.path.pattern()).into_owned(),
            weight: 1.0,
            exchange: self.exchange(target)?,
        };
        Mix::new(vec![route]).ok_or_else(|| usage("nothing is asked"))
    }

    /// Puts the body of --echo-bytes where it is sent and where it is expected.
    fn fill_echo(&mut self) -> Result<(), Failure> {
        let Some(bytes) = self.echo_bytes else {
            return Ok(());
        };
        if self.parts.body.is_some() || self.expected_body.is_some() {
            return Err(usage(
                "--echo-bytes stands for --body and --expect-body; leave them out",
            ));
        }
        let filler = match self.websocket {
            Some(Opcode::Text) => TEXT_FILLER,
            _ => &ALL_BYTES,
        };
        let body = Template::of_size(bytes, self.numbers.first(), filler);
        self.parts.body = Some(body.clone());
        self.expected_body = Some(ExpectedBody::Text(body));
        Ok(())
    }

    fn exchange(&mut self, target: SocketAddr) -> Result<Exchange, Failure> {
        let expected = self.expected_body.take().ok_or_else(|| {
            usage("--expect-body is missing: a figure over answers that nobody checked is worth nothing")
        })?;
        let parts = self.parts.clone();
        let Some(opcode) = self.websocket else {
            let parts = RequestParts {
                expected_body: expected,
                ..parts
            };
            return Ok(Exchange::Http(RequestPlan::new(target, parts)));
        };
        if parts.path.is_varying() {
            return Err(usage(
                "a WebSocket is opened once per connection; its --path cannot have a {n}",
            ));
        }
        let ExpectedBody::Text(expected) = expected else {
            return Err(usage("--expect-any-body is for HTTP; give --expect-body"));
        };
        Ok(Exchange::WebSocket(MessagePlan {
            path: String::from_utf8_lossy(&parts.path.text(0)).into_owned(),
            headers: parts.headers,
            opcode,
            message: parts
                .body
                .ok_or_else(|| usage("--body is missing: it is what --websocket sends"))?,
            expected,
        }))
    }
}

/// Reads the arguments that follow the program's name.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Job, Failure> {
    let mut given = Given::defaults();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next().map_err(unclear)? {
        let name = match argument {
            Short('h') | Long("help") => return Ok(Job::Help),
            Long(name) => name.to_owned(),
            other => return Err(unclear(other.unexpected())),
        };
        if !is_in_help(&name) {
            return Err(unclear(Long(&name).unexpected()));
        }
        let value = if FLAGS.contains(&name.as_str()) {
            String::new()
        } else {
            parser
                .value()
                .and_then(|value| value.string())
                .map_err(unclear)?
        };
        set(&mut given, &name, &value).map_err(|problem| usage(format!("--{name}: {problem}")))?;
        given.names.push(name);
    }
    given.job()
}

fn is_in_help(name: &str) -> bool {
    let mut lines = HELP.lines().filter_map(|line| line.strip_prefix("  --"));
    lines.any(|line| line.split(' ').next() == Some(name))
}

fn set(given: &mut Given, name: &str, value: &str) -> Result<(), String> {
    let count = |least, most| within(value, least, most).map(|number| number as usize);
    match name {
        "target" => given.target = Some(loopback(value)?),
        "path" => given.parts.path = request_target(value)?,
        "method" => given.parts.method = method(value)?,
        "header" => given.parts.headers.push(header(value)?),
        "body" => given.parts.body = Some(text_or_file(value)?),
        "expect-status" => given.parts.expected_status = within(value, 100, 599)? as u16,
        "expect-body" => given.expected_body = Some(ExpectedBody::Text(text_or_file(value)?)),
        "expect-any-body" => given.expected_body = Some(ExpectedBody::Any),
        "echo-bytes" => {
            given.echo_bytes = Some(count(ECHO_BYTES_MIN as u64, BODY_BYTES_MAX as u64)?)
        }
        "websocket" => given.websocket = Some(opcode(value)?),
        "mix" => {
            let text = std::fs::read_to_string(value);
            given.mix_file = Some(text.map_err(|error| format!("{value}: {error}"))?);
        }
        "numbers" => given.numbers = numbers(value)?,
        "rate" => given.rate = Some(rate(value)?),
        "arrivals" => given.spacing = Some(spacing(value)?),
        "seed" => given.seed = within(value, 0, u64::MAX)?,
        "pipeline" => given.pipeline = count(1, PIPELINE_MAX)?,
        "connections" => given.connections = count(1, CONNECTIONS_MAX)?,
        "idle-connections" => given.idle_connections = count(0, idle::CONNECTIONS_MAX as u64)?,
        "slow-read-bytes-per-second" => {
            given.slow_read_bytes_per_second = Some(within(value, 1, u64::from(u32::MAX))?)
        }
        "io" => given.io = io(value)?,
        "tls" => given.tls = true,
        "handshakes" => given.handshakes = Some(handshakes(value)?),
        "http2" => given.http2 = true,
        "streams" => given.streams = Some(count(1, STREAMS_MAX)?),
        "threads" => given.threads = count(1, THREADS_MAX)?,
        "cpu" => given.cores = cores(value)?,
        "seconds" => given.measured = seconds(value)?,
        "warm-up-seconds" => given.warm_up = seconds(value)?,
        "requests-max" => given.requests_max = within(value, 1, u64::MAX)?,
        "answer-timeout-seconds" => {
            given.answer_timeout = seconds(value)?.max(Duration::from_millis(1))
        }
        "idle" => given.idle = Some(count(1, idle::CONNECTIONS_MAX as u64)?),
        "hold-seconds" => given.hold = seconds(value)?,
        _ => return Err(String::from("is in the help and not understood")),
    }
    Ok(())
}

fn usage(text: impl Into<String>) -> Failure {
    Failure::Usage(text.into())
}

fn unclear(error: lexopt::Error) -> Failure {
    usage(format!("{error}; --help lists the options"))
}

#[cfg(test)]
mod tests;
