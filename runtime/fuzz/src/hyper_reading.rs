//! What hyper, an HTTP/1 server that many trust, makes of the same bytes.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};

/// A request as hyper reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The method, as it was sent.
    pub(crate) method: String,
    /// The path, as it was sent.
    pub(crate) path: String,
    /// The query without its `?`; empty if there is none.
    pub(crate) query: String,
    /// What an absolute target names.
    pub(crate) authority: Option<String>,
    /// The version.
    pub(crate) version: Version,
    /// Names in lower case; by name, each in the order of its lines.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// None if its end did not come, or if it was refused.
    pub(crate) body: Option<Vec<u8>>,
}

/// Everything that hyper reads from a connection with these bytes, up to where it refuses them.
pub(crate) fn read(input: &[u8], headers_max: usize) -> Vec<Reading> {
    let readings = Rc::new(RefCell::new(Vec::new()));
    let service = service_fn(|request: Request<Incoming>| {
        let readings = Rc::clone(&readings);
        async move {
            let (parts, body) = request.into_parts();
            readings.borrow_mut().push(Reading::of(&parts));
            let body = body.collect().await.ok();
            let body = body.map(|body| body.to_bytes().to_vec());
            if let Some(reading) = readings.borrow_mut().last_mut() {
                reading.body = body;
            }
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(headers_max)
        .serve_connection(
            Pipe {
                input: input.to_vec(),
            },
            service,
        );
    // How it ends is of no interest: a refusal shows in what was not read.
    let _ = futures_lite::future::block_on(connection);
    readings.take()
}

impl Reading {
    fn of(parts: &hyper::http::request::Parts) -> Reading {
        let headers = parts.headers.iter();
        let mut headers: Vec<_> = headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        headers.sort_by(|a, b| a.0.cmp(&b.0));
        Reading {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            authority: parts.uri.authority().map(|known| known.as_str().to_owned()),
            version: parts.version,
            headers,
            body: None,
        }
    }
}

/// A peer that has sent everything and reads nothing.
struct Pipe {
    input: Vec<u8>,
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let count = buffer.remaining().min(self.input.len());
        buffer.put_slice(&self.input[..count]);
        self.input.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
