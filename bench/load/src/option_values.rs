//! Reads the values of options. What cannot work is refused with a text that says why. Knows no option by name.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::request::Numbers;
use crate::template::Template;
use crate::websocket::Opcode;

/// Longest of any time that can be asked for.
const SECONDS_MAX: f64 = 3600.0;

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

/// Nothing that would end the request line.
pub fn one_line(value: &str, is_good: impl Fn(&str) -> bool) -> Result<Template, String> {
    let good = is_good(value) && !value.contains(char::is_control);
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

/// What WebSocket messages are.
pub fn opcode(value: &str) -> Result<Opcode, String> {
    match value {
        "text" => Ok(Opcode::Text),
        "binary" => Ok(Opcode::Binary),
        _ => Err(format!("{value:?} is neither text nor binary")),
    }
}
