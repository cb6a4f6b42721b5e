//! Reads answers as a client does. Shares no code with the server.

/// An answer that is complete, as its framing says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) says_close: bool,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| &value[..]);
        assert!(found.next().is_none(), "{name} comes twice");
        value
    }
}

/// Reads all answers in `bytes`, without interim ones. `methods` are those of the requests; an answer beyond them is one
/// to something that was no request. Panics if a client could not tell where an answer ends.
pub(crate) fn read_answers(mut bytes: &[u8], methods: &[&[u8]]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = split_at(bytes, b"\r\n\r\n").expect("a head ends");
        let mut answer = read_head(head);
        bytes = rest;
        if answer.status < 200 {
            assert!(answer.status != 101, "nobody asked for another protocol");
            continue;
        }
        let is_to_head = methods.get(answers.len()) == Some(&&b"HEAD"[..]);
        if !is_to_head && !matches!(answer.status, 204 | 304) {
            (answer.body, bytes) = read_body(&answer, bytes);
        }
        answers.push(answer);
    }
    answers
}

fn read_head(head: &[u8]) -> Answer {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_plain = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        assert!(
            line.iter().all(is_plain),
            "a control byte in a line of ours"
        );
        line
    });
    let status_line = lines.next().expect("there is a status line");
    let status = status_line
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok())
        .expect("it begins with the version");
    assert_eq!(
        status_line.get(12),
        Some(&b' '),
        "a space follows the status"
    );
    let headers: Vec<_> = lines
        .map(|line| {
            let (name, value) = split_at(line, b": ").expect("a field has a colon");
            let name = std::str::from_utf8(name).expect("a name is ASCII");
            (name.to_ascii_lowercase(), value.to_vec())
        })
        .collect();
    let mut answer = Answer {
        status: status.parse().expect("a status is three digits"),
        headers,
        body: Vec::new(),
        says_close: false,
    };
    answer.says_close = answer.header("connection") == Some(b"close");
    answer
}

fn read_body<'b>(answer: &Answer, bytes: &'b [u8]) -> (Vec<u8>, &'b [u8]) {
    let length = answer.header("content-length");
    match (length, answer.header("transfer-encoding")) {
        (Some(_), Some(_)) => panic!("both lengths"),
        (Some(length), None) => {
            let length = std::str::from_utf8(length).expect("digits");
            let length = length.parse().expect("a length is a number");
            let (body, rest) = bytes.split_at_checked(length).expect("the body is there");
            (body.to_vec(), rest)
        }
        (None, Some(coding)) => {
            assert_eq!(coding, b"chunked");
            read_chunks(bytes)
        }
        // To its end, which the end of the connection tells.
        (None, None) => {
            assert!(answer.says_close, "an answer without an end");
            (bytes.to_vec(), &[])
        }
    }
}

fn read_chunks(mut bytes: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut body = Vec::new();
    loop {
        let (size, rest) = split_at(bytes, b"\r\n").expect("a chunk has a size");
        let size = std::str::from_utf8(size).expect("hexadecimal digits");
        let size = usize::from_str_radix(size, 16).expect("hexadecimal digits");
        if size == 0 {
            // Trailers, if any, and the empty line.
            let mut rest = rest;
            loop {
                let (line, after) = split_at(rest, b"\r\n").expect("the last chunk ends");
                rest = after;
                if line.is_empty() {
                    return (body, rest);
                }
            }
        }
        let (data, rest) = rest.split_at_checked(size).expect("a chunk is there");
        body.extend_from_slice(data);
        bytes = rest.strip_prefix(b"\r\n").expect("a chunk ends with CRLF");
    }
}

/// What stands before and after the first `separator`.
pub(crate) fn split_at<'b>(bytes: &'b [u8], separator: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = bytes
        .windows(separator.len())
        .position(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}
