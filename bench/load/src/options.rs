//! The command line. Everything that cannot work is refused here, with one line that says what to change.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lexopt::prelude::*;

use crate::closed_loop::LoopPlan;
use crate::failure::Failure;
use crate::idle::{self, IdlePlan};
use crate::request::{Numbers, RequestParts, RequestPlan};
use crate::template::Template;

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
/// Longest of any time that can be asked for.
const SECONDS_MAX: f64 = 3600.0;

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

    fn job(self) -> Result<Job, Failure> {
        let target = self
            .target
            .ok_or_else(|| usage("--target is missing; --help shows how it goes"))?;
        let expected_body = self
            .expected_body
            .ok_or_else(|| usage("--expect-body is missing: a figure over answers that nobody checked is worth nothing"))?;
        let request = RequestPlan::new(
            target,
            RequestParts {
                expected_body,
                ..self.parts
            },
        );
        let (cpu, numbers, answer_timeout) = (self.cpu, self.numbers, self.answer_timeout);
        if let Some(connections) = self.idle {
            let plan = IdlePlan {
                target,
                request,
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
            request,
            numbers,
            connections,
            warm_up,
            measured,
            requests_max,
            answer_timeout,
        };
        Ok(Job::Loop { plan, cpu })
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

fn loopback(value: &str) -> Result<SocketAddr, String> {
    let address = match value.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .ok(),
        None => value.parse::<SocketAddr>().ok(),
    };
    let address = address.ok_or_else(|| format!("{value:?} is no ADDRESS:PORT"))?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "{address} is not on this machine; turbo-load asks loopback addresses only"
        ));
    }
    Ok(address)
}

/// Nothing that would end the request line.
fn one_line(value: &str, is_good: impl Fn(&str) -> bool) -> Result<Template, String> {
    let good = is_good(value) && !value.contains(char::is_control);
    good.then(|| Template::new(value))
        .ok_or_else(|| format!("{value:?} cannot stand in a request line"))
}

fn method(value: &str) -> Result<String, String> {
    // The answer to HEAD tells a length and has none.
    let good =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_uppercase()) && value != "HEAD";
    good.then(|| value.to_owned())
        .ok_or_else(|| format!("{value:?} is not supported"))
}

fn header(value: &str) -> Result<(String, String), String> {
    let (name, text) = value.split_once(':').ok_or("a header is NAME: VALUE")?;
    if name.is_empty() || value.contains(char::is_control) {
        return Err(format!("{value:?} is no header"));
    }
    if ["content-length", "host", "connection"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own))
    {
        return Err(format!("{name} is set by turbo-load"));
    }
    Ok((name.to_owned(), text.trim().to_owned()))
}

fn text_or_file(value: &str) -> Result<Template, String> {
    match value.strip_prefix('@') {
        Some(path) => std::fs::read(path)
            .map(Template::new)
            .map_err(|error| format!("{path}: {error}")),
        None => Ok(Template::new(value)),
    }
}

fn numbers(value: &str) -> Result<Numbers, String> {
    let read = || -> Option<Numbers> {
        let (first, last) = value.split_once('-')?;
        Numbers::new(first.parse().ok()?, last.parse().ok()?)
    };
    read().ok_or_else(|| format!("{value:?} is not FIRST-LAST"))
}

fn within(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{value:?} is not a number from {least} to {most}"))
}

fn seconds(value: &str) -> Result<Duration, String> {
    let number = value
        .parse::<f64>()
        .ok()
        .filter(|number| (0.0..=SECONDS_MAX).contains(number));
    number
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{value:?} is not 0 to {SECONDS_MAX} seconds"))
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
            let value = ["127.0.0.1:1", "/", "GET", "a: b", "200", "1-2"];
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
            (plan.connections, plan.request.line(1)),
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
    fn unknown_options_are_named() {
        assert!(complaint("--targets 1").contains("--targets"));
        assert!(complaint("--path").contains("path"));
        assert!(complaint("somewhere").contains("somewhere"));
    }
}
