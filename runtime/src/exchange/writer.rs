//! What writes an answer as its version of HTTP wants it. Knows no codings.

use turbo_shard_protocol::http2::StreamWriter;
use turbo_shard_protocol::{BodyLength, HeaderLines, Misuse, ResponseWriter};

/// One arm for each version that writes answers in a way of its own.
pub(crate) enum Writer<'a> {
    Http1(ResponseWriter<'a>),
    Http2(StreamWriter<'a>),
}

impl<'a> From<ResponseWriter<'a>> for Writer<'a> {
    #[inline]
    fn from(writer: ResponseWriter<'a>) -> Writer<'a> {
        Writer::Http1(writer)
    }
}

impl<'a> From<StreamWriter<'a>> for Writer<'a> {
    #[inline]
    fn from(writer: StreamWriter<'a>) -> Writer<'a> {
        Writer::Http2(writer)
    }
}

impl Writer<'_> {
    #[inline]
    pub(crate) fn whole(
        &mut self,
        status: u16,
        lines: &HeaderLines,
        body: &[u8],
    ) -> Result<(), Misuse> {
        match self {
            Writer::Http1(writer) => writer.whole(status, lines, body),
            Writer::Http2(writer) => writer.whole(status, lines, body),
        }
    }

    #[inline]
    pub(crate) fn start(
        &mut self,
        status: u16,
        lines: &HeaderLines,
        length: BodyLength,
    ) -> Result<(), Misuse> {
        match self {
            Writer::Http1(writer) => writer.start(status, lines, length),
            Writer::Http2(writer) => writer.start(status, lines, length),
        }
    }

    #[inline]
    pub(crate) fn chunk(&mut self, data: &[u8]) -> Result<(), Misuse> {
        match self {
            Writer::Http1(writer) => writer.chunk(data),
            Writer::Http2(writer) => writer.chunk(data),
        }
    }

    #[inline]
    pub(crate) fn end(&mut self) -> Result<(), Misuse> {
        match self {
            Writer::Http1(writer) => writer.end(),
            Writer::Http2(writer) => writer.end(),
        }
    }

    #[inline]
    pub(crate) fn end_with_trailers(&mut self, trailers: &HeaderLines) -> Result<(), Misuse> {
        match self {
            Writer::Http1(writer) => writer.end_with_trailers(trailers),
            Writer::Http2(writer) => writer.end_with_trailers(trailers),
        }
    }

    #[inline]
    pub(crate) fn is_started(&self) -> bool {
        match self {
            Writer::Http1(writer) => writer.is_started(),
            Writer::Http2(writer) => writer.is_started(),
        }
    }

    #[inline]
    pub(crate) fn interim(&mut self, status: u16, lines: &HeaderLines) -> Result<(), Misuse> {
        match self {
            Writer::Http1(writer) => writer.interim(status, lines),
            Writer::Http2(writer) => writer.interim(status, lines),
        }
    }

    #[inline]
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Writer::Http1(writer) => writer.is_finished(),
            Writer::Http2(writer) => writer.is_finished(),
        }
    }
}
