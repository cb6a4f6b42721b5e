//! Reads the file of --mix: a JSON list of routes. Knows nothing of what is done with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;

use crate::answer::BODY_BYTES_MAX;
use crate::exchange::Exchange;
use crate::mix::{Mix, ROUTES_MAX, Route};
use crate::option_values::{ECHO_BYTES_MIN, header, method, request_target};
use crate::request::{ExpectedBody, Numbers, RequestParts, RequestPlan};
use crate::template::{ALL_BYTES, Template};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    weight: f64,
    path: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    #[serde(default = "ok")]
    expect_status: u16,
    expect_body: Option<String>,
    #[serde(default)]
    expect_any_body: bool,
    echo_bytes: Option<usize>,
}

/// By name, or as lines where a name may come twice.
#[derive(Deserialize)]
#[serde(untagged)]
enum Headers {
    Named(BTreeMap<String, String>),
    Lines(Vec<String>),
}

impl Default for Headers {
    fn default() -> Headers {
        Headers::Lines(Vec::new())
    }
}

impl Headers {
    fn checked(self) -> Result<Vec<(String, String)>, String> {
        match self {
            Headers::Lines(lines) => lines.iter().map(|line| header(line)).collect(),
            Headers::Named(pairs) => pairs
                .iter()
                .map(|(name, value)| header(&format!("{name}: {value}")))
                .collect(),
        }
    }
}

fn get() -> String {
    String::from("GET")
}

fn ok() -> u16 {
    200
}

/// The mix that `text` describes.
pub fn read(text: &str, target: SocketAddr, numbers: Numbers) -> Result<Mix, String> {
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut routes = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        let place = format!("route {} ({})", index + 1, entry.path);
        routes.push(route(entry, target, numbers).map_err(|text| format!("{place}: {text}"))?);
    }
    Mix::new(routes)
        .ok_or_else(|| format!("a mix has 1 to {ROUTES_MAX} routes, and weights above 0"))
}

fn route(entry: Entry, target: SocketAddr, numbers: Numbers) -> Result<Route, String> {
    if !(100..=599).contains(&entry.expect_status) {
        return Err(format!("{} is no status", entry.expect_status));
    }
    let mut parts = RequestParts {
        method: method(&entry.method)?,
        path: request_target(&entry.path)?,
        headers: entry.headers.checked()?,
        body: entry.body.map(Template::new),
        expected_status: entry.expect_status,
        expected_body: ExpectedBody::Any,
    };
    parts.expected_body = match (entry.expect_body, entry.expect_any_body, entry.echo_bytes) {
        (Some(body), false, None) => ExpectedBody::Text(Template::new(body)),
        (None, true, None) => ExpectedBody::Any,
        (None, false, Some(bytes)) if parts.body.is_none() => {
            if !(ECHO_BYTES_MIN..=BODY_BYTES_MAX).contains(&bytes) {
                return Err(format!(
                    "echo_bytes is not from {ECHO_BYTES_MIN} to {BODY_BYTES_MAX}"
                ));
            }
            let body = Template::of_size(bytes, numbers.first(), &ALL_BYTES);
            parts.body = Some(body.clone());
            ExpectedBody::Text(body)
        }
        (None, false, Some(_)) => {
            return Err(String::from("echo_bytes stands for the body; leave it out"));
        }
        _ => {
            return Err(String::from(
                "one of expect_body, expect_any_body and echo_bytes is needed",
            ));
        }
    };
    Ok(Route {
        path: entry.path,
        weight: entry.weight,
        exchange: Exchange::Http(RequestPlan::new(target, parts)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mix(text: &str) -> Result<Mix, String> {
        let target = SocketAddr::from(([127, 0, 0, 1], 80));
        read(text, target, Numbers::new(1000, 9999).unwrap())
    }

    fn complaint(text: &str) -> String {
        mix(text)
            .err()
            .unwrap_or_else(|| panic!("{text} was accepted"))
    }

    #[test]
    fn routes_are_read_whole() {
        let mix = mix(r#"[
            {"weight": 7, "path": "/users/{n}", "expect_body": "{\"id\":{n}}"},
            {"weight": 0.5, "path": "/echo", "method": "POST", "headers": {"X-A": "b"}, "echo_bytes": 64,
             "expect_status": 201},
            {"weight": 1, "path": "/now", "expect_any_body": true, "headers": ["X-A: b", "X-A: c"]}
        ]"#)
        .unwrap();
        let routes = mix.routes();
        assert_eq!(routes.len(), 3);
        assert_eq!((routes[1].weight, routes[1].path.as_str()), (0.5, "/echo"));
        let Exchange::Http(echo) = &routes[1].exchange else {
            panic!()
        };
        let mut sent = Vec::new();
        echo.encode(1234, &mut sent);
        assert!(sent.ends_with(&echo.expected_body(1234)));
        assert!(String::from_utf8_lossy(&sent).contains("\r\nX-A: b\r\n"));
        let Exchange::Http(now) = &routes[2].exchange else {
            panic!()
        };
        sent.clear();
        now.encode(1234, &mut sent);
        assert!(String::from_utf8_lossy(&sent).contains("\r\nX-A: b\r\nX-A: c\r\n"));
        assert!(now.accepts(1, 200, b"anything") && !now.accepts(1, 404, b"anything"));
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_place() {
        let cases = [
            ("{}", "expected a sequence"),
            ("[]", "1 to 256 routes"),
            (r#"[{"path": "/", "expect_body": ""}]"#, "weight"),
            (
                r#"[{"weight": 0, "path": "/", "expect_body": ""}]"#,
                "above 0",
            ),
            (r#"[{"weight": 1, "path": "/"}]"#, "route 1 (/): one of"),
            (
                r#"[{"weight": 1, "path": "/", "expect_body": "", "echo_bytes": 64}]"#,
                "one of",
            ),
            (
                r#"[{"weight": 1, "path": "/", "body": "x", "echo_bytes": 64}]"#,
                "leave it out",
            ),
            (
                r#"[{"weight": 1, "path": "/", "echo_bytes": 1}]"#,
                "not from 32",
            ),
            (
                r#"[{"weight": 1, "path": "x", "expect_body": ""}]"#,
                "request line",
            ),
            (
                r#"[{"weight": 1, "path": "/", "expect_body": "", "expect_status": 7}]"#,
                "no status",
            ),
            (
                r#"[{"weight": 1, "path": "/", "expect_body": "", "headers": {"Host": "x"}}]"#,
                "Host",
            ),
            (
                r#"[{"weight": 1, "path": "/", "expected_body": ""}]"#,
                "unknown field",
            ),
        ];
        for (text, expected) in cases {
            let found = complaint(text);
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
