//! What an answer looks like on the wire, byte by byte, and what an app may not do.

use super::*;
use crate::body_framing::BodyFraming;
use crate::head_index::HeadIndex;
use crate::request_head::RequestHead;
use crate::request_line::Method;

const DATE: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// One answer to a request of this method and version from a peer that keeps the connection alive.
struct Case {
    answer: Answer,
    output: Vec<u8>,
    body_bytes_written: u64,
    server_lines: ServerLines,
}

impl Case {
    fn new(method: Method, version: Version) -> Case {
        let index = HeadIndex {
            method,
            version,
            framing: BodyFraming::None,
            keep_alive: true,
            ..HeadIndex::new()
        };
        Case {
            answer: Answer::due(RequestHead::new(b"", &index)),
            output: Vec::new(),
            body_bytes_written: 0,
            server_lines: ServerLines::new("Sun, 06 Nov 1994 08:49:37 GMT").unwrap(),
        }
    }

    fn get() -> Case {
        Case::new(Method::Get, Version::Http11)
    }

    fn writer(&mut self) -> ResponseWriter<'_> {
        ResponseWriter::new(
            &mut self.answer,
            &mut self.output,
            &mut self.body_bytes_written,
            &self.server_lines,
            true,
        )
    }

    #[track_caller]
    fn assert_output(&self, expected: &str) {
        let output = String::from_utf8_lossy(&self.output);
        assert_eq!(output.replace(DATE, "DATE|").replace("\r\n", "|"), expected);
    }
}

fn lines(fields: &[(&str, &str)]) -> HeaderLines {
    let mut lines = HeaderLines::new();
    for (name, value) in fields {
        lines.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    lines
}

#[test]
fn a_whole_answer_has_date_lines_length_and_body() {
    let mut case = Case::get();
    let fields = lines(&[("Content-Type", "text/plain"), ("content-length", "5")]);
    case.writer().whole(200, &fields, b"Hello").unwrap();
    case.assert_output("HTTP/1.1 200 OK|DATE|Content-Type: text/plain|content-length: 5||Hello");
    assert!(case.answer.persists);
    assert!(case.writer().is_finished());
}

#[test]
fn the_apps_date_replaces_ours() {
    let mut case = Case::get();
    let fields = lines(&[("Date", "today"), ("server", "x")]);
    case.writer().whole(200, &fields, b"").unwrap();
    case.assert_output("HTTP/1.1 200 OK|Date: today|server: x|content-length: 0||");
}

#[test]
fn a_stream_of_unknown_length_is_chunked() {
    let mut case = Case::get();
    let mut writer = case.writer();
    writer
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    assert!(writer.is_started() && !writer.is_finished());
    writer.chunk(b"Hello").unwrap();
    writer.chunk(b"").unwrap();
    writer.end().unwrap();
    case.assert_output("HTTP/1.1 200 OK|DATE|transfer-encoding: chunked||5|Hello|0||");
    assert!(case.answer.persists);
}

#[test]
fn a_stream_whose_length_the_app_announced_is_not_chunked() {
    let mut case = Case::get();
    let fields = lines(&[("content-length", "2"), ("transfer-encoding", "chunked")]);
    let mut writer = case.writer();
    writer.start(200, &fields, BodyLength::Unknown).unwrap();
    writer.chunk(b"a").unwrap();
    writer.chunk(b"b").unwrap();
    writer.end().unwrap();
    case.assert_output("HTTP/1.1 200 OK|DATE|content-length: 2||ab");
}

#[test]
fn http_1_0_gets_no_chunks_but_the_end_of_the_connection() {
    let mut case = Case::new(Method::Get, Version::Http10);
    let mut writer = case.writer();
    writer
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    writer.chunk(b"ab").unwrap();
    writer.end().unwrap();
    case.assert_output("HTTP/1.1 200 OK|DATE|connection: close||ab");
    assert!(!case.answer.persists);
}

#[test]
fn http_1_0_is_told_that_the_connection_stays() {
    let mut case = Case::new(Method::Get, Version::Http10);
    case.writer().whole(200, &HeaderLines::new(), b"a").unwrap();
    case.assert_output("HTTP/1.1 200 OK|DATE|content-length: 1|connection: keep-alive||a");
    assert!(case.answer.persists);
}

#[test]
fn the_apps_wish_to_close_is_said_and_kept() {
    let mut case = Case::get();
    let fields = lines(&[("Connection", "close")]);
    case.writer().whole(200, &fields, b"").unwrap();
    case.assert_output("HTTP/1.1 200 OK|DATE|content-length: 0|connection: close||");
    assert!(!case.answer.persists);
}

#[test]
fn head_has_the_length_of_get_and_no_body() {
    let head = || Case::new(Method::Head, Version::Http11);
    let mut whole = head();
    whole
        .writer()
        .whole(200, &HeaderLines::new(), b"Hello")
        .unwrap();
    whole.assert_output("HTTP/1.1 200 OK|DATE|content-length: 5||");

    let mut announced = head();
    let fields = lines(&[("content-length", "99")]);
    announced.writer().whole(200, &fields, b"").unwrap();
    announced.assert_output("HTTP/1.1 200 OK|DATE|content-length: 99||");

    let mut unknown = head();
    unknown
        .writer()
        .whole(200, &HeaderLines::new(), b"")
        .unwrap();
    unknown.assert_output("HTTP/1.1 200 OK|DATE||");

    let mut stream = head();
    let mut writer = stream.writer();
    writer
        .start(200, &HeaderLines::new(), BodyLength::Known(3))
        .unwrap();
    writer.chunk(b"abcdef").unwrap();
    writer.end().unwrap();
    stream.assert_output("HTTP/1.1 200 OK|DATE|content-length: 3||");
}

#[test]
fn statuses_without_a_body_have_none() {
    for (status, expected) in [
        (204, "HTTP/1.1 204 No Content|DATE||"),
        (205, "HTTP/1.1 205 Reset Content|DATE|content-length: 0||"),
        (304, "HTTP/1.1 304 Not Modified|DATE||"),
    ] {
        let mut case = Case::get();
        case.writer()
            .whole(status, &HeaderLines::new(), b"swallowed")
            .unwrap();
        case.assert_output(expected);

        let mut case = Case::get();
        let mut writer = case.writer();
        writer
            .start(status, &HeaderLines::new(), BodyLength::Unknown)
            .unwrap();
        writer.chunk(b"swallowed").unwrap();
        writer.end().unwrap();
        case.assert_output(expected);
        assert!(case.answer.persists);
    }
    let mut case = Case::get();
    let fields = lines(&[("content-length", "7")]);
    case.writer().whole(304, &fields, b"").unwrap();
    case.assert_output("HTTP/1.1 304 Not Modified|DATE|content-length: 7||");
}

#[test]
fn interim_answers_go_before_the_final_one() {
    let mut case = Case::get();
    let mut writer = case.writer();
    writer
        .interim(103, &lines(&[("link", "</a>"), ("content-length", "3")]))
        .unwrap();
    assert!(!writer.is_started());
    writer.whole(200, &HeaderLines::new(), b"").unwrap();
    case.assert_output(
        "HTTP/1.1 103 Early Hints|link: </a>||HTTP/1.1 200 OK|DATE|content-length: 0||",
    );
}

#[test]
fn http_1_0_gets_no_interim_answers() {
    let mut case = Case::new(Method::Get, Version::Http10);
    case.writer().interim(103, &HeaderLines::new()).unwrap();
    case.assert_output("");
}

#[test]
fn a_misuse_writes_nothing_and_leaves_room_for_a_500() {
    type Step = fn(&mut ResponseWriter<'_>) -> Result<(), Misuse>;
    let misuses: [Step; 8] = [
        |w| w.whole(100, &HeaderLines::new(), b""),
        |w| w.whole(1000, &HeaderLines::new(), b""),
        |w| w.start(0, &HeaderLines::new(), BodyLength::Unknown),
        |w| w.interim(101, &HeaderLines::new()),
        |w| w.interim(200, &HeaderLines::new()),
        |w| w.chunk(b"a"),
        |w| w.end(),
        |w| w.whole(200, &lines(&[("content-length", "2")]), b"a"),
    ];
    for misuse in misuses {
        let mut case = Case::get();
        assert!(misuse(&mut case.writer()).is_err());
        case.assert_output("");
        assert_eq!(case.answer.stage, AnswerStage::Due);
        case.writer().whole(500, &HeaderLines::new(), b"").unwrap();
    }
}

#[test]
fn a_length_that_differs_from_the_body_is_refused() {
    let mut case = Case::get();
    let fields = lines(&[("content-length", "2")]);
    assert_eq!(
        case.writer().start(200, &fields, BodyLength::Known(3)),
        Err(Misuse::ContentLengthDiffers {
            announced: 2,
            actual: 3
        })
    );
}

#[test]
fn an_answer_that_ends_short_is_cut() {
    let mut case = Case::get();
    let mut writer = case.writer();
    writer
        .start(200, &HeaderLines::new(), BodyLength::Known(3))
        .unwrap();
    assert_eq!(
        writer.chunk(b"abcd"),
        Err(Misuse::BodyTooLong { excess: 1 })
    );
    writer.chunk(b"ab").unwrap();
    assert_eq!(writer.end(), Err(Misuse::BodyTooShort { missing: 1 }));
    assert_eq!(case.answer.stage, AnswerStage::Cut);
}

#[test]
fn nothing_follows_a_complete_answer() {
    let mut case = Case::get();
    case.writer().whole(200, &HeaderLines::new(), b"").unwrap();
    let output = case.output.clone();
    let out_of_order = |step| {
        Err(Misuse::OutOfOrder {
            stage: AnswerStage::Complete,
            step,
        })
    };
    let none = HeaderLines::new();
    assert_eq!(
        case.writer().whole(200, &none, b""),
        out_of_order(AnswerStep::Whole)
    );
    assert_eq!(
        case.writer().start(200, &none, BodyLength::Unknown),
        out_of_order(AnswerStep::Start)
    );
    assert_eq!(case.writer().chunk(b"a"), out_of_order(AnswerStep::Chunk));
    assert_eq!(case.writer().end(), out_of_order(AnswerStep::End));
    assert_eq!(
        case.writer().interim(103, &none),
        out_of_order(AnswerStep::Interim)
    );
    assert_eq!(case.output, output);
}

#[test]
fn a_refusal_says_what_and_closes() {
    let mut output = Vec::new();
    write_refusal(&mut output, None, 503, Some(2), "busy", false);
    let expected = "HTTP/1.1 503 Service Unavailable|retry-after: 2|\
        content-type: text/plain; charset=utf-8|content-length: 4|connection: close||busy";
    assert_eq!(
        String::from_utf8(output).unwrap().replace("\r\n", "|"),
        expected
    );
}

#[test]
fn what_is_written_of_a_body_is_counted_without_its_framing() {
    let mut case = Case::get();
    let mut writer = case.writer();
    writer
        .start(200, &HeaderLines::new(), BodyLength::Unknown)
        .unwrap();
    writer.chunk(b"abc").unwrap();
    writer.chunk(b"de").unwrap();
    writer.end().unwrap();
    assert_eq!((case.answer.status, case.body_bytes_written), (200, 5));

    let mut to_head = Case::new(Method::Head, Version::Http11);
    let written = to_head.writer().whole(404, &HeaderLines::new(), b"abc");
    assert_eq!(written, Ok(()));
    assert_eq!(
        (to_head.answer.status, to_head.body_bytes_written),
        (404, 0)
    );
}
