//! What is asked and what must be answered, as templates around a number that changes with every request: an answer
//! that ignores its request does not fit. Knows nothing of sockets.

use std::net::SocketAddr;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::template::Template;

/// The numbers that requests carry, one after another, then again from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    first: u64,
    last: u64,
}

impl Numbers {
    /// `first..=last`, or nothing if that is empty.
    pub fn new(first: u64, last: u64) -> Option<Numbers> {
        (first <= last).then_some(Numbers { first, last })
    }

    /// The number after `number`.
    pub fn after(self, number: u64) -> u64 {
        if number >= self.last {
            self.first
        } else {
            number + 1
        }
    }

    /// The number with which one of several threads begins, each elsewhere.
    pub fn part(self, thread: usize, threads: usize) -> u64 {
        let step = (self.last - self.first) / threads as u64;
        self.first + step * thread as u64
    }

    /// The number of the first request.
    pub fn first(self) -> u64 {
        self.first
    }
}

/// One kind of request, and the answer that is right.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    method: String,
    path: Template,
    head: Vec<u8>,
    /// What of it does not change, as values; none if HTTP/2 cannot say it.
    fixed: Option<Fixed>,
    body: Option<Template>,
    status: u16,
    expected: ExpectedBody,
}

#[derive(Clone, Debug)]
struct Fixed {
    method: http::Method,
    authority: Authority,
    headers: HeaderMap,
}

impl Fixed {
    fn new(target: SocketAddr, parts: &RequestParts) -> Option<Fixed> {
        let mut headers = HeaderMap::new();
        for (name, value) in &parts.headers {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_str(value).ok()?,
            );
        }
        Some(Fixed {
            method: parts.method.parse().ok()?,
            authority: target.to_string().parse().ok()?,
            headers,
        })
    }
}

/// Which bodies are right.
#[derive(Clone, Debug)]
pub enum ExpectedBody {
    /// This text, with the request's number.
    Text(Template),
    /// Any body, for answers that cannot be predicted.
    Any,
}

/// What makes up a [`RequestPlan`].
#[derive(Clone, Debug)]
pub struct RequestParts {
    /// Method, as it goes on the wire.
    pub method: String,
    /// Path and query.
    pub path: Template,
    /// Header lines besides Host and Content-Length.
    pub headers: Vec<(String, String)>,
    /// Body, if the request has one.
    pub body: Option<Template>,
    /// Status of a right answer.
    pub expected_status: u16,
    /// Body of a right answer.
    pub expected_body: ExpectedBody,
}

impl RequestPlan {
    /// Encodes once what does not change from request to request.
    pub fn new(target: SocketAddr, parts: RequestParts) -> RequestPlan {
        let mut head = format!(" HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        for (name, value) in &parts.headers {
            head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let fixed = Fixed::new(target, &parts);
        RequestPlan {
            method: parts.method,
            path: parts.path,
            head,
            fixed,
            body: parts.body,
            status: parts.expected_status,
            expected: parts.expected_body,
        }
    }

    /// Appends the request with this number.
    pub fn encode(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.as_bytes());
        out.push(b' ');
        self.path.write(number, out);
        out.extend_from_slice(&self.head);
        if let Some(body) = &self.body {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(body.length(number)).as_bytes());
            out.extend_from_slice(b"\r\n\r\n");
            body.write(number, out);
        } else {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The same as values, for what has its own way to put them on the wire; nothing if HTTP/2 cannot say it.
    pub fn as_message(&self, number: u64) -> Option<(http::Request<()>, Option<Bytes>)> {
        let fixed = self.fixed.as_ref()?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(fixed.authority.clone());
        let path = Bytes::from(self.path.text(number));
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(path).ok()?);
        let mut message = http::Request::new(());
        *message.method_mut() = fixed.method.clone();
        *message.uri_mut() = http::Uri::from_parts(parts).ok()?;
        message.headers_mut().clone_from(&fixed.headers);
        let body = self.body.as_ref();
        Some((message, body.map(|body| Bytes::from(body.text(number)))))
    }

    /// Whether this is the right answer to the request with this number.
    pub fn accepts(&self, number: u64, status: u16, body: &[u8]) -> bool {
        status == self.status
            && match &self.expected {
                ExpectedBody::Text(text) => text.matches(number, body),
                ExpectedBody::Any => true,
            }
    }

    /// Status of a right answer.
    pub fn expected_status(&self) -> u16 {
        self.status
    }

    /// Body of the right answer to the request with this number; empty if any will do.
    pub fn expected_body(&self, number: u64) -> Vec<u8> {
        match &self.expected {
            ExpectedBody::Text(text) => text.text(number),
            ExpectedBody::Any => Vec::new(),
        }
    }

    /// Method and path, for messages.
    pub fn line(&self, number: u64) -> String {
        format!(
            "{} {}",
            self.method,
            String::from_utf8_lossy(&self.path.text(number))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, body: Option<&str>) -> RequestParts {
        RequestParts {
            method: method.to_owned(),
            path: Template::new("/users/{n}"),
            headers: vec![("Accept".to_owned(), "*/*".to_owned())],
            body: body.map(Template::new),
            expected_status: 200,
            expected_body: ExpectedBody::Text(Template::new("user {n}")),
        }
    }

    fn encoded(parts: RequestParts, number: u64) -> String {
        let mut out = Vec::new();
        RequestPlan::new(SocketAddr::from(([127, 0, 0, 1], 80)), parts).encode(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_without_a_body_has_no_content_length() {
        let expected = "GET /users/12 HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\n\r\n";
        assert_eq!(encoded(parts("GET", None), 12), expected);
    }

    #[test]
    fn a_body_is_counted_after_the_number_is_filled_in() {
        let text = encoded(parts("POST", Some(r#"{"id":{n}}"#)), 123);
        assert!(
            text.ends_with("Content-Length: 10\r\n\r\n{\"id\":123}"),
            "{text}"
        );
    }

    #[test]
    fn an_answer_to_another_request_is_not_accepted() {
        let plan = RequestPlan::new(SocketAddr::from(([127, 0, 0, 1], 80)), parts("GET", None));
        assert!(plan.accepts(5, 200, b"user 5"));
        assert!(!plan.accepts(5, 200, b"user 6"));
        assert!(!plan.accepts(5, 201, b"user 5"));
    }

    #[test]
    fn numbers_go_round() {
        let numbers = Numbers::new(3, 4).unwrap();
        assert_eq!(
            (numbers.after(3), numbers.after(4), numbers.first()),
            (4, 3, 3)
        );
        assert_eq!(Numbers::new(4, 3), None);
    }
}
