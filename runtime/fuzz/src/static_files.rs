//! Files below a mount, through everything that a server has between its socket and them: no path leads out, and what
//! comes is the file that was asked for, or the part of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use turbo_shard_runtime::protocol::HeaderLines;
use turbo_shard_runtime::{
    Address, App, Exchange, FileMount, FileMountSettings, LocalShard, Outcome, Place, ServerConfig,
    Service, StartError,
};

use crate::answers::{Answer, read_answers, split_at};

/// What may be had, by its name below the mount.
const FILES: [(&str, &[u8]); 10] = [
    ("index.html", include_bytes!("../site/root/index.html")),
    ("empty", b""),
    ("plain.txt", PLAIN),
    ("plain.txt.gz", GZIP),
    ("plain.txt.br", BROTLI),
    ("in.txt", PLAIN),
    (
        "sub/index.html",
        include_bytes!("../site/root/sub/index.html"),
    ),
    ("sub/deep.txt", include_bytes!("../site/root/sub/deep.txt")),
    (
        ".well-known/known",
        include_bytes!("../site/root/.well-known/known"),
    ),
    ("a b.txt", include_bytes!("../site/root/a b.txt")),
];
const PLAIN: &[u8] = include_bytes!("../site/root/plain.txt");
const GZIP: &[u8] = include_bytes!("../site/root/plain.txt.gz");
const BROTLI: &[u8] = include_bytes!("../site/root/plain.txt.br");
/// Stands in every file that may not be had.
const SECRET: &[u8] = b"SECRET";
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Nothing is the app's here.
struct NoApp;

impl App for NoApp {
    type Service = NoApp;

    fn service(&self, _place: Place) -> Result<NoApp, StartError> {
        Ok(NoApp)
    }
}

impl Service for NoApp {
    fn call(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let answered = exchange.response.whole(404, &HeaderLines::new(), b"");
        answered.expect("a plain answer is well formed");
        Outcome::Answered
    }
}

thread_local! {
    static SHARD: LocalShard<NoApp> = shard();
}

fn shard() -> LocalShard<NoApp> {
    let mount = FileMount::open(FileMountSettings {
        prefix: "/static".into(),
        directory: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/site/root")),
        is_single_page: false,
        passes: false,
        cache_control: String::new(),
        shows_hidden: false,
        links_may_leave: false,
    });
    let mut config = ServerConfig::sample();
    config.edge.mounts = vec![Arc::new(mount.expect("the directory is there"))];
    LocalShard::new(Arc::new(NoApp), &config).expect("it starts")
}

/// What a client asks for: the first line is the rest of the path, empty or from its slash on, the others are fields.
struct Asked<'i> {
    path: &'i [u8],
    fields: Vec<&'i [u8]>,
}

pub(crate) fn check(input: &[u8]) {
    let mut lines = input.split(|&byte| byte == b'\n');
    let path = lines.next().unwrap_or_default();
    if !matches!(path.first(), None | Some(b'/' | b'?')) {
        return;
    }
    let asked = Asked {
        path,
        fields: lines.filter(|line| !line.is_empty()).collect(),
    };
    let output = SHARD.with(|shard| output(shard, &asked));
    let answers = read_answers(&output, &[b"GET", b"HEAD"]);
    // Of bodies: a redirect repeats the query, whatever that says.
    for answer in &answers {
        let has_secret = answer.body.windows(SECRET.len()).any(|at| at == SECRET);
        assert!(!has_secret, "a file that may not be had");
    }
    let Some(answer) = answers.first() else {
        panic!("nothing was answered");
    };
    check_answer(&asked, answer);
    // What is left of a head that breaks off is its own story.
    if let [get, head] = &answers[..]
        && get.status != 400
        && head.status != 400
    {
        check_head(get, head);
    }
}

/// GET and HEAD of the same.
fn output(shard: &LocalShard<NoApp>, asked: &Asked<'_>) -> Vec<u8> {
    let end = |port| Address::Tcp(([127, 0, 0, 1], port).into());
    let mut connection = shard.connect(end(1), end(2));
    for method in ["GET", "HEAD"] {
        connection.send(&[method.as_bytes(), b" /static", asked.path, b" HTTP/1.1\r\n"].concat());
        connection.send(b"Host: a\r\n");
        for field in &asked.fields {
            connection.send(&[field, &b"\r\n"[..]].concat());
        }
        connection.send(b"\r\n");
    }
    connection.finish();
    while !connection.is_write_shut() {
        while shard.turn(&mut connection) {}
        if !connection.is_write_shut() {
            shard.pause(&connection, LONGEST_WAIT).wait();
        }
    }
    let output = connection.take_output();
    connection.leave(shard);
    output
}

fn check_answer(asked: &Asked<'_>, answer: &Answer) {
    let file = asked
        .name()
        .and_then(|name| FILES.into_iter().find(|file| file.0 == name));
    match answer.status {
        200 => {
            let content = content(asked, answer, file);
            assert_eq!(answer.body, content);
            assert!(
                asked.simple_range(content.len()).is_none(),
                "a range is not followed"
            );
        }
        206 => check_part(asked, answer, content(asked, answer, file)),
        301 | 302 | 307 | 308 => {
            let location = answer.header("location").expect("a redirect says where");
            assert!(location.starts_with(b"./"), "it stays on this host");
        }
        304 => assert!(asked.has("if-none-match") || asked.has("if-modified-since")),
        412 => assert!(asked.has("if-match") || asked.has("if-unmodified-since")),
        416 => {
            let range = answer
                .header("content-range")
                .expect("it says how long the file is");
            assert!(range.starts_with(b"bytes */") && asked.has("range"));
        }
        400..=431 | 501 | 505 => {
            let is_refused = answer.says_close || answer.status != 404;
            assert!(file.is_none() || is_refused, "{file:?} is not found");
        }
        status => panic!("a {status}"),
    }
}

/// What the answer has to be made of.
fn content(
    asked: &Asked<'_>,
    answer: &Answer,
    file: Option<(&str, &'static [u8])>,
) -> &'static [u8] {
    let (name, plain) = file.expect("a file that is not there");
    let Some(coding) = answer.header("content-encoding") else {
        return plain;
    };
    assert_eq!(name, "plain.txt");
    assert!(asked.has("accept-encoding"));
    match coding {
        b"gzip" => GZIP,
        b"br" => BROTLI,
        other => panic!("{other:?} of a file that there is not"),
    }
}

fn check_part(asked: &Asked<'_>, answer: &Answer, content: &[u8]) {
    assert!(asked.has("range"));
    let range = answer.header("content-range").expect("a part says which");
    let range = std::str::from_utf8(range).expect("digits");
    let (part, length) = range
        .strip_prefix("bytes ")
        .and_then(|range| range.split_once('/'))
        .expect("its form");
    let (first, last) = part.split_once('-').expect("its form");
    let (first, last): (usize, usize) = (
        first.parse().expect("digits"),
        last.parse().expect("digits"),
    );
    assert_eq!(length.parse(), Ok(content.len()));
    assert_eq!(answer.body, content[first..=last]);
    if let Some(expected) = asked.simple_range(content.len()) {
        assert_eq!((first, last), expected);
    }
}

/// HEAD is GET without the body, and without ranges.
fn check_head(get: &Answer, head: &Answer) {
    let whole = |answer: &Answer| (answer.status, answer.header("etag").map(<[u8]>::to_vec));
    match get.status {
        206 | 416 => assert_eq!(head.status, 200),
        _ => {
            assert_eq!(whole(head), whole(get));
            assert_eq!(head.header("content-length"), get.header("content-length"));
        }
    }
}

impl Asked<'_> {
    fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let fields = self.fields.iter().filter_map(|field| split_at(field, b":"));
        fields
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.trim_ascii())
    }

    /// The name below the mount: decoded once. None where a path could be read in two ways.
    fn name(&self) -> Option<String> {
        let path = self.path.split(|byte| matches!(byte, b'?' | b'#')).next()?;
        let name = String::from_utf8(decoded(path.strip_prefix(b"/")?)).ok()?;
        let slashes = path.iter().filter(|&&byte| byte == b'/').count();
        if name.matches('/').count() + 1 != slashes {
            return None;
        }
        match &name[..] {
            "" => Some("index.html".into()),
            "sub/" => Some("sub/index.html".into()),
            _ => Some(name),
        }
    }

    /// First and last byte of the one range that the request asks for without a condition, if it is of the plainest kind.
    fn simple_range(&self, length: usize) -> Option<(usize, usize)> {
        let mut ranges = self.values("range");
        let (range, None) = (ranges.next()?, ranges.next()) else {
            return None;
        };
        let is_conditional = ["if-range", "if-match", "if-none-match"]
            .iter()
            .any(|name| self.has(name));
        let (first, last) = std::str::from_utf8(range)
            .ok()?
            .strip_prefix("bytes=")?
            .split_once('-')?;
        let digits = |text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse::<usize>().ok(),
            false => None,
        };
        let (first, last) = (digits(first)?, digits(last)?);
        (!is_conditional && first <= last && first < length).then(|| (first, last.min(length - 1)))
    }
}

/// `%` and two hexadecimal digits are a byte; another `%` is itself.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let byte = escaped
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes
}
