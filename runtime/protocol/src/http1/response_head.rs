//! The fixed parts of an answer's head: status lines and how a length is said. Knows no other lines.

/// The constant status line of each known status.
macro_rules! status_lines {
    ($($status:literal $reason:literal,)*) => {
        /// The status line of a status that has a registered reason phrase.
        fn known_status_line(status: u16) -> Option<&'static str> {
            Some(match status {
                $($status => concat!("HTTP/1.1 ", $status, " ", $reason, "\r\n"),)*
                _ => return None,
            })
        }

        #[cfg(test)]
        const KNOWN_STATUSES: &[u16] = &[$($status),*];
    };
}

status_lines! {
    100 "Continue",
    102 "Processing",
    103 "Early Hints",
    200 "OK",
    201 "Created",
    202 "Accepted",
    203 "Non-Authoritative Information",
    204 "No Content",
    205 "Reset Content",
    206 "Partial Content",
    207 "Multi-Status",
    208 "Already Reported",
    226 "IM Used",
    300 "Multiple Choices",
    301 "Moved Permanently",
    302 "Found",
    303 "See Other",
    304 "Not Modified",
    305 "Use Proxy",
    307 "Temporary Redirect",
    308 "Permanent Redirect",
    400 "Bad Request",
    401 "Unauthorized",
    402 "Payment Required",
    403 "Forbidden",
    404 "Not Found",
    405 "Method Not Allowed",
    406 "Not Acceptable",
    407 "Proxy Authentication Required",
    408 "Request Timeout",
    409 "Conflict",
    410 "Gone",
    411 "Length Required",
    412 "Precondition Failed",
    413 "Content Too Large",
    414 "URI Too Long",
    415 "Unsupported Media Type",
    416 "Range Not Satisfiable",
    417 "Expectation Failed",
    418 "I'm a teapot",
    421 "Misdirected Request",
    422 "Unprocessable Content",
    423 "Locked",
    424 "Failed Dependency",
    425 "Too Early",
    426 "Upgrade Required",
    428 "Precondition Required",
    429 "Too Many Requests",
    431 "Request Header Fields Too Large",
    451 "Unavailable For Legal Reasons",
    500 "Internal Server Error",
    501 "Not Implemented",
    502 "Bad Gateway",
    503 "Service Unavailable",
    504 "Gateway Timeout",
    505 "HTTP Version Not Supported",
    506 "Variant Also Negotiates",
    507 "Insufficient Storage",
    508 "Loop Detected",
    510 "Not Extended",
    511 "Network Authentication Required",
}

/// Writes the status line. A status without a registered reason phrase gets an empty one, as the grammar allows
/// (RFC 9112 section 4). The version is always 1.1: the highest we speak, whatever the peer speaks (RFC 9110 section 2.5).
#[inline(always)]
pub(crate) fn write_status_line(status: u16, output: &mut Vec<u8>) {
    match known_status_line(status) {
        Some(line) => output.extend_from_slice(line.as_bytes()),
        None => {
            output.extend_from_slice(b"HTTP/1.1 ");
            output.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
            output.extend_from_slice(b" \r\n");
        }
    }
}

/// Status and reason phrase, for a reader: `503 Service Unavailable`; `error` where the status has none.
pub fn status_text(status: u16) -> &'static str {
    known_status_line(status)
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .map_or("error", str::trim_end)
}

/// Writes the `content-length` line.
#[inline(always)]
pub(crate) fn write_content_length(length: u64, output: &mut Vec<u8>) {
    output.extend_from_slice(b"content-length: ");
    output.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
    output.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_line(status: u16) -> String {
        let mut output = Vec::new();
        write_status_line(status, &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn status_lines_have_version_status_and_reason() {
        assert_eq!(status_line(200), "HTTP/1.1 200 OK\r\n");
        assert_eq!(status_line(404), "HTTP/1.1 404 Not Found\r\n");
        assert_eq!(status_line(599), "HTTP/1.1 599 \r\n");
        for &status in KNOWN_STATUSES {
            assert!(status_line(status).starts_with(&format!("HTTP/1.1 {status} ")));
        }
    }

    #[test]
    fn status_texts_are_readable() {
        assert_eq!(status_text(503), "503 Service Unavailable");
        assert_eq!(status_text(599), "error");
    }
}
