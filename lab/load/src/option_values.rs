//! Reads the values of options. Refuses what cannot work, with a text that says why. Knows no option by name.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::arrivals::Spacing;
use crate::io_choice::IoChoice;
use crate::request::Numbers;
use crate::template::Template;
use crate::tls::Handshakes;
use crate::websocket::Opcode;

/// Longest time that any option takes.
const SECONDS_MAX: f64 = 3600.0;
/// Smallest body that has room for its number.
pub const ECHO_BYTES_MIN: usize = 32;
/// Requests per second; more than the upper one no thread could even count.
const RATE_MIN: f64 = 0.01;
const RATE_MAX: f64 = 10_000_000.0;
const CORE_MAX: usize = 1 << 16;

/// An address on this machine.
pub fn loopback(value: &str) -> Result<SocketAddr, String> {
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

/// Path and query: nothing that would end them on the request line.
pub fn request_target(value: &str) -> Result<Template, String> {
    let good =
        value.starts_with('/') && !value.contains(|char: char| char.is_control() || char == ' ');
    good.then(|| Template::new(value))
        .ok_or_else(|| format!("{value:?} cannot stand in a request line"))
}

/// A method whose answers have bodies.
pub fn method(value: &str) -> Result<String, String> {
    // The answer to HEAD tells a length and has none.
    let good =
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_uppercase()) && value != "HEAD";
    good.then(|| value.to_owned())
        .ok_or_else(|| format!("{value:?} is not supported"))
}

/// How a connection's TLS session begins.
pub fn handshakes(value: &str) -> Result<Handshakes, String> {
    match value {
        "full" => Ok(Handshakes::Full),
        "resumed" => Ok(Handshakes::Resumed),
        _ => Err(format!("{value:?} is neither full nor resumed")),
    }
}

/// A header that turbo-load does not set itself.
pub fn header(value: &str) -> Result<(String, String), String> {
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

/// The text itself, or after an @ the file that has it.
pub fn text_or_file(value: &str) -> Result<Template, String> {
    match value.strip_prefix('@') {
        Some(path) => std::fs::read(path)
            .map(Template::new)
            .map_err(|error| format!("{path}: {error}")),
        None => Ok(Template::new(value)),
    }
}

/// `FIRST-LAST`.
pub fn numbers(value: &str) -> Result<Numbers, String> {
    let read = || -> Option<Numbers> {
        let (first, last) = value.split_once('-')?;
        Numbers::new(first.parse().ok()?, last.parse().ok()?)
    };
    read().ok_or_else(|| format!("{value:?} is not FIRST-LAST"))
}

/// A whole number within bounds.
pub fn within(value: &str, least: u64, most: u64) -> Result<u64, String> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{value:?} is not a number from {least} to {most}"))
}

/// A time that ends.
pub fn seconds(value: &str) -> Result<Duration, String> {
    let number = value
        .parse::<f64>()
        .ok()
        .filter(|number| (0.0..=SECONDS_MAX).contains(number));
    number
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{value:?} is not 0 to {SECONDS_MAX} seconds"))
}

/// Numbers of cores, with commas between.
pub fn cores(value: &str) -> Result<Vec<usize>, String> {
    let cores = value.split(',').map(|core| {
        let number = core.trim().parse().ok();
        number.filter(|core| *core <= CORE_MAX)
    });
    cores
        .collect::<Option<_>>()
        .ok_or_else(|| format!("{value:?} is no list of cores such as 2,3"))
}

/// Requests per second.
pub fn rate(value: &str) -> Result<f64, String> {
    let number = value
        .parse::<f64>()
        .ok()
        .filter(|rate| (RATE_MIN..=RATE_MAX).contains(rate));
    number.ok_or_else(|| format!("{value:?} is not a rate from {RATE_MIN} to {RATE_MAX}"))
}

/// How bytes are moved.
pub fn io(value: &str) -> Result<IoChoice, String> {
    match value {
        "auto" => Ok(IoChoice::Auto),
        "uring" => Ok(IoChoice::Uring),
        "epoll" => Ok(IoChoice::Epoll),
        _ => Err(format!("{value:?} is none of auto, uring and epoll")),
    }
}

/// How arrivals are spaced.
pub fn spacing(value: &str) -> Result<Spacing, String> {
    match value {
        "poisson" => Ok(Spacing::Poisson),
        "constant" => Ok(Spacing::Constant),
        _ => Err(format!("{value:?} is neither poisson nor constant")),
    }
}

/// What WebSocket messages are.
pub fn opcode(value: &str) -> Result<Opcode, String> {
    match value {
        "text" => Ok(Opcode::Text),
        "binary" => Ok(Opcode::Binary),
        _ => Err(format!("{value:?} is neither text nor binary")),
    }
}
