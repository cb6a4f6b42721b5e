//! The command line. Everything that cannot work is refused here, with one line that says what to change.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use lexopt::prelude::*;

use crate::answer::BODY_BYTES_MAX;
use crate::closed_loop::LoopPlan;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::idle::{self, IdlePlan};
use crate::option_values::{
    header, loopback, method, numbers, one_line, opcode, seconds, text_or_file, within,
};
use crate::request::{Numbers, RequestParts, RequestPlan};
use crate::template::Template;
use crate::websocket::{MessagePlan, Opcode};

/// What `--help` prints.
pub const HELP: &str = "\
turbo-load: asks a server on this machine as fast as it answers, and checks every answer

    turbo-load --target 127.0.0.1:8000 --path /users/{n} --expect-body '{\"user_id\":{n}}'

In path and bodies, {n} is a number that changes with every request.

  --target ADDRESS:PORT      the server; loopback only
  --path PATH                path and query [/]
  --method METHOD            [GET]
  --header 'NAME: VALUE'     may be given several times
  --body TEXT                body of the request; @FILE reads it from a file
  --expect-status CODE       [200]
  --expect-body TEXT         body of every right answer; @FILE reads it from a file
  --echo-bytes N             instead of both bodies: one of N bytes with {n} all over it, which has to come back
  --websocket KIND           asks with WebSocket messages, text or binary: --body is sent, --expect-body must come back
  --numbers FIRST-LAST       what {n} runs through, again and again [1000-9999]
  --connections N            keep-alive connections with one request in flight each [32]
  --seconds S                time in which answers are counted [2]
  --warm-up-seconds S        time before that [0.3]
  --requests-max N           ends the run early [1000000000]
  --answer-timeout-seconds S silence that breaks the run [10]
  --cpu N                    keeps the generator on this core
  --idle N                   instead: opens N connections, asks once on each, prints a line and holds them until
                             standard input ends
  --hold-seconds S           longest time that --idle holds them [60]

Prints one JSON object per line. Exit status: 0 all answers were right, 2 wrong usage, 3 a wrong answer (the first
difference is printed), 4 a broken run (no connection, no answer).";

/// Most connections of a closed loop from one source address.
const CONNECTIONS_MAX: usize = 20_000;
/// Smallest body that has room for its number.
const ECHO_BYTES_MIN: u64 = 32;
/// What text is filled with; everything else has bytes that are no text between its numbers.
const TEXT_FILLER: &[u8] = b"the quick brown fox jumps over the lazy dog ";

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Job {
    /// Print the help.
    Help,
    /// Run a closed loop.
    Loop {
        /// What to run.
        plan: LoopPlan,
        /// Core to stay on.
        cpu: Option<usize>,
    },
    /// Hold idle connections.
    Idle {
        /// What to hold.
        plan: IdlePlan,
        /// Core to stay on.
        cpu: Option<usize>,
        /// For how long at most.
        hold: Duration,
    },
}

struct Given {
    target: Option<SocketAddr>,
    parts: RequestParts,
    expected_body: Option<Template>,
    echo_bytes: Option<usize>,
    websocket: Option<Opcode>,
    numbers: Numbers,
    connections: usize,
    measured: Duration,
    warm_up: Duration,
    requests_max: u64,
    answer_timeout: Duration,
    cpu: Option<usize>,
    idle: Option<usize>,
    hold: Duration,
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
                expected_body: Template::new(""),
            },
            expected_body: None,
            echo_bytes: None,
            websocket: None,
            numbers: Numbers::new(1000, 9999).expect("a range that is not empty"),
            connections: 32,
            measured: Duration::from_secs(2),
            warm_up: Duration::from_millis(300),
            requests_max: 1_000_000_000,
            answer_timeout: Duration::from_secs(10),
            cpu: None,
            idle: None,
            hold: Duration::from_secs(60),
        }
    }

    fn job(mut self) -> Result<Job, Failure> {
        let target = self
            .target
            .ok_or_else(|| usage("--target is missing; --help shows how it goes"))?;
        if self.websocket.is_some() && self.idle.is_some() {
            return Err(usage(
                "--idle holds HTTP connections; leave out --websocket",
            ));
        }
        self.fill_echo()?;
        let exchange = self.exchange(target)?;
        let (cpu, numbers, answer_timeout) = (self.cpu, self.numbers, self.answer_timeout);
        if let Some(connections) = self.idle {
            let plan = IdlePlan {
                target,
                exchange,
                numbers,
                connections,
                answer_timeout,
            };
            return Ok(Job::Idle {
                plan,
                cpu,
                hold: self.hold,
            });
        }
        let Given {
            connections,
            warm_up,
            measured,
            requests_max,
            ..
        } = self;
        let plan = LoopPlan {
            target,
            exchange,
            numbers,
            connections,
            warm_up,
            measured,
            requests_max,
            answer_timeout,
        };
        Ok(Job::Loop { plan, cpu })
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
        let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
        let filler = match self.websocket {
            Some(Opcode::Text) => TEXT_FILLER,
            _ => &all_bytes,
        };
        let body = Template::of_size(bytes, self.numbers.first(), filler);
        self.parts.body = Some(body.clone());
        self.expected_body = Some(body);
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
        if !HELP.contains(&format!("  --{name} ")) {
            return Err(unclear(Long(&name).unexpected()));
        }
        let value = parser
            .value()
            .and_then(|value| value.string())
            .map_err(unclear)?;
        set(&mut given, &name, &value).map_err(|problem| usage(format!("--{name}: {problem}")))?;
    }
    given.job()
}

fn set(given: &mut Given, name: &str, value: &str) -> Result<(), String> {
    match name {
        "target" => given.target = Some(loopback(value)?),
        "path" => {
            given.parts.path = one_line(value, |text| text.starts_with('/') && !text.contains(' '))?
        }
        "method" => given.parts.method = method(value)?,
        "header" => given.parts.headers.push(header(value)?),
        "body" => given.parts.body = Some(text_or_file(value)?),
        "expect-status" => given.parts.expected_status = within(value, 100, 599)? as u16,
        "expect-body" => given.expected_body = Some(text_or_file(value)?),
        "echo-bytes" => {
            given.echo_bytes = Some(within(value, ECHO_BYTES_MIN, BODY_BYTES_MAX as u64)? as usize)
        }
        "websocket" => given.websocket = Some(opcode(value)?),
        "numbers" => given.numbers = numbers(value)?,
        "connections" => given.connections = within(value, 1, CONNECTIONS_MAX as u64)? as usize,
        "seconds" => given.measured = seconds(value)?,
        "warm-up-seconds" => given.warm_up = seconds(value)?,
        "requests-max" => given.requests_max = within(value, 1, u64::MAX)?,
        "answer-timeout-seconds" => {
            given.answer_timeout = seconds(value)?.max(Duration::from_millis(1))
        }
        "cpu" => given.cpu = Some(within(value, 0, 1 << 16)? as usize),
        "idle" => given.idle = Some(within(value, 1, idle::CONNECTIONS_MAX as u64)? as usize),
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
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<Job, Failure> {
        parse(arguments.split_whitespace().map(OsString::from))
    }

    fn complaint(arguments: &str) -> String {
        let Err(Failure::Usage(text)) = parsed(arguments) else {
            panic!("{arguments} was accepted")
        };
        text
    }

    #[test]
    fn every_option_of_the_help_is_understood() {
        let mut given = Given::defaults();
        for line in HELP.lines().filter_map(|line| line.strip_prefix("  --")) {
            let name = line.split(' ').next().unwrap();
            let value = ["127.0.0.1:1", "/", "GET", "a: b", "200", "1-2", "text"];
            assert!(
                value
                    .iter()
                    .any(|value| set(&mut given, name, value).is_ok()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_loop_has_sensible_defaults() {
        let Ok(Job::Loop { plan, cpu: None }) = parsed("--target localhost:1 --expect-body x")
        else {
            panic!()
        };
        assert_eq!(
            (plan.connections, plan.exchange.line(1)),
            (32, String::from("GET /"))
        );
    }

    #[test]
    fn idle_needs_no_loop_options() {
        let job = parsed("--target [::1]:1 --expect-body x --idle 10 --cpu 1");
        assert!(matches!(job, Ok(Job::Idle { cpu: Some(1), .. })));
    }

    #[test]
    fn other_machines_are_refused() {
        assert!(complaint("--target 192.0.2.1:80 --expect-body x").contains("loopback"));
        assert!(complaint("--target server.example:80").contains("no ADDRESS:PORT"));
    }

    #[test]
    fn unchecked_bodies_are_refused() {
        assert!(complaint("--target 127.0.0.1:1").contains("--expect-body is missing"));
    }

    #[test]
    fn what_would_break_the_request_is_refused() {
        let breaking = [
            ("path", "users"),
            ("path", "/a b"),
            ("path", "/a\r\nX: y"),
            ("method", "HEAD"),
            ("method", "get"),
            ("header", "X: a\r\nY: b"),
            ("header", "Content-Length: 5"),
            ("header", "novalue"),
            ("numbers", "5-1"),
            ("connections", "0"),
            ("seconds", "-1"),
            ("seconds", "NaN"),
            ("expect-status", "99"),
        ];
        for (name, value) in breaking {
            assert!(
                set(&mut Given::defaults(), name, value).is_err(),
                "{name} {value:?}"
            );
        }
    }

    #[test]
    fn an_echo_has_its_size_and_comes_back() {
        let Ok(Job::Loop { plan, .. }) =
            parsed("--target localhost:1 --method POST --echo-bytes 10240")
        else {
            panic!()
        };
        let Exchange::Http(request) = &plan.exchange else {
            panic!()
        };
        let (body, mut sent) = (request.expected_body(1234), Vec::new());
        request.encode(1234, &mut sent);
        assert!(body.len() == 10_240 && sent.ends_with(&body));
        assert!(complaint("--target localhost:1 --echo-bytes 64 --body x").contains("leave them"));
    }

    #[test]
    fn websocket_needs_a_message_and_one_path() {
        let given = "--target localhost:1 --websocket text";
        let Ok(Job::Loop { plan, .. }) = parsed(&format!("{given} --echo-bytes 64")) else {
            panic!()
        };
        let Exchange::WebSocket(messages) = &plan.exchange else {
            panic!()
        };
        assert!(String::from_utf8(messages.message.text(1000)).is_ok());
        let given = format!("{given} --expect-body x");
        assert!(complaint(&given).contains("--body is missing"));
        assert!(complaint(&format!("{given} --body x --path /{{n}}")).contains("once per"));
        assert!(complaint(&format!("{given} --body x --idle 1")).contains("--idle"));
        assert!(complaint("--websocket other").contains("neither text nor binary"));
    }

    #[test]
    fn unknown_options_are_named() {
        assert!(complaint("--targets 1").contains("--targets"));
        assert!(complaint("--path").contains("path"));
        assert!(complaint("somewhere").contains("somewhere"));
    }
}
