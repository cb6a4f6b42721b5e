//! The header lines that the server itself puts on answers, and which answer gets them. Knows no clock: the caller formats
//! the date, and renews it once a second.

use crate::header_list::{HeaderLines, is_hop_by_hop};
use crate::syntax::{is_field_value, is_token, trim_ows};

const DATE_NAME: &[u8] = b"date: ";
const DATE_VALUE_BYTES: usize = 29;
const DATE_LINE_BYTES: usize = DATE_NAME.len() + DATE_VALUE_BYTES + 2;

/// Most bytes of lines that a person adds to every answer: many clients refuse an answer with a head above 8 KiB, whatever
/// the app's part of it is.
const CHOSEN_BYTES_MAX: usize = 8 * 1024;

/// The server's own lines, ready to send, as they are in the current second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLines {
    date: [u8; DATE_LINE_BYTES],
    /// None where the date is all: what most servers send then costs no look at more.
    chosen: Option<Box<ChosenLines>>,
}

/// What a person has chosen of the server's lines; by default the date and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChosenLines {
    has_no_date: bool,
    /// A whole line; empty without one.
    server: Vec<u8>,
    /// Whole lines, in their order.
    others: Vec<u8>,
    /// A whole line for the exchange that is answered now; empty without one.
    of_exchange: Vec<u8>,
    /// Bytes of its name, with the colon.
    of_exchange_name: usize,
}

/// Why a line cannot be on every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineRefused {
    /// The name is no token (RFC 9110 section 5.6.2).
    Name,
    /// The value holds a control character.
    Value,
    /// The field belongs to the message's framing, to its connection, or to one answer's body.
    NotOurs,
    /// All lines together are longer than 8 KiB.
    TooLong,
}

/// What the lines are wanted for.
#[derive(Clone, Copy)]
pub(crate) enum Recipient<'a> {
    /// The app's answer, with these lines of its own.
    Answer(&'a HeaderLines),
    /// The server's answer in the app's stead.
    Refusal,
    /// A 1xx but for 101. (`100 Continue` is a constant.)
    Interim,
    /// A 101, whose own lines are among these bytes.
    Switch(&'a [u8]),
    /// The 200 of a tunnel, with these lines of its own.
    Tunnel(&'a [u8]),
}

impl ChosenLines {
    /// Takes the date away; an app's own still goes out.
    pub fn leave_out_date(&mut self) {
        self.has_no_date = true;
    }

    /// Adds `server: TEXT` to every answer whose app says no `server` of its own.
    pub fn set_server(&mut self, text: &[u8]) -> Result<(), LineRefused> {
        self.server.clear();
        push_line(&mut self.server, b"server", text)
    }

    /// Adds a line to every answer, beside the app's lines of the same name.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), LineRefused> {
        if is_hop_by_hop(name) || is_of_one_answer(name) {
            return Err(LineRefused::NotOurs);
        }
        push_line(&mut self.others, name, value)
    }

    fn is_default(&self) -> bool {
        *self == ChosenLines::default()
    }
}

fn push_line(lines: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), LineRefused> {
    let value = trim_ows(value);
    if !is_token(name) {
        return Err(LineRefused::Name);
    }
    if !is_field_value(value) {
        return Err(LineRefused::Value);
    }
    if lines.len() + name.len() + value.len() + 4 > CHOSEN_BYTES_MAX {
        return Err(LineRefused::TooLong);
    }
    for part in [name, b": ", value, b"\r\n"] {
        lines.extend_from_slice(part);
    }
    Ok(())
}

/// Fields that are true of one answer alone, and those of the server's that have a setting of their own.
fn is_of_one_answer(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"content-range",
        b"date",
        b"server",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

impl ServerLines {
    /// Lines with the date of an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). `None` if the
    /// text has another length or holds anything but printable ASCII.
    pub fn new(imf_fixdate: &str) -> Option<ServerLines> {
        let mut lines = ServerLines {
            date: [0; DATE_LINE_BYTES],
            chosen: None,
        };
        lines.set_date(imf_fixdate).then_some(lines)
    }

    /// The same with what was chosen.
    pub fn with(self, chosen: ChosenLines) -> ServerLines {
        ServerLines {
            chosen: (!chosen.is_default()).then(|| Box::new(chosen)),
            ..self
        }
    }

    /// Another second has begun. Returns false, and changes nothing, where [`new`](ServerLines::new) would make none.
    pub fn set_date(&mut self, imf_fixdate: &str) -> bool {
        let value = imf_fixdate.as_bytes();
        if value.len() != DATE_VALUE_BYTES || !value.iter().all(|b| (b' '..=b'~').contains(b)) {
            return false;
        }
        self.date[..DATE_NAME.len()].copy_from_slice(DATE_NAME);
        self.date[DATE_NAME.len()..DATE_LINE_BYTES - 2].copy_from_slice(value);
        self.date[DATE_LINE_BYTES - 2..].copy_from_slice(b"\r\n");
        true
    }

    /// Puts `name: value` on every answer from now on, 101 included, whose app says no `name` of its own; None for none.
    /// The caller knows which exchange is answered. Both must be valid.
    pub fn set_of_exchange(&mut self, line: Option<(&[u8], &[u8])>) {
        if line.is_none() && self.chosen.is_none() {
            return;
        }
        let chosen = self.chosen.get_or_insert_default();
        chosen.of_exchange.clear();
        if let Some((name, value)) = line {
            for part in [name, b": ", value, b"\r\n"] {
                chosen.of_exchange.extend_from_slice(part);
            }
        }
        chosen.of_exchange_name = line.map_or(0, |(name, _)| name.len() + 1);
    }

    /// Writes those that belong on this answer.
    ///
    /// Every final answer has a date, an app's own goes before ours. A 1xx need not have one (RFC 9110 section 6.6.1), and
    /// has none: it says nothing about the answer that a cache could count from. Nor has it any other line of ours.
    #[inline(always)]
    pub(crate) fn write(&self, recipient: Recipient<'_>, output: &mut Vec<u8>) {
        let own = match recipient {
            Recipient::Answer(own) => Some(own),
            Recipient::Refusal => None,
            Recipient::Interim => return,
            Recipient::Switch(own) => return self.write_on_switch(own, output),
            Recipient::Tunnel(own) => return self.write_on_tunnel(own, output),
        };
        match &self.chosen {
            None => self.write_date(own, output),
            Some(chosen) => self.write_chosen(chosen, own, output),
        }
    }

    #[inline(always)]
    fn write_date(&self, own: Option<&HeaderLines>, output: &mut Vec<u8>) {
        if !own.is_some_and(HeaderLines::has_date) {
            output.extend_from_slice(&self.date);
        }
    }

    #[cold]
    fn write_chosen(&self, chosen: &ChosenLines, own: Option<&HeaderLines>, output: &mut Vec<u8>) {
        if !chosen.has_no_date {
            self.write_date(own, output);
        }
        if !own.is_some_and(|own| own.has_name_prefix(b"server:")) {
            output.extend_from_slice(&chosen.server);
        }
        output.extend_from_slice(&chosen.others);
        let name = &chosen.of_exchange[..chosen.of_exchange_name];
        if !own.is_some_and(|own| own.has_name_prefix(name)) {
            output.extend_from_slice(&chosen.of_exchange);
        }
    }

    #[cold]
    fn write_on_switch(&self, own: &[u8], output: &mut Vec<u8>) {
        let Some(chosen) = &self.chosen else { return };
        if !has_line(own, &chosen.of_exchange[..chosen.of_exchange_name]) {
            output.extend_from_slice(&chosen.of_exchange);
        }
    }

    #[cold]
    fn write_on_tunnel(&self, own: &[u8], output: &mut Vec<u8>) {
        let has_no_date = self.chosen.as_ref().is_some_and(|it| it.has_no_date);
        if !has_no_date && !has_line(own, b"date:") {
            output.extend_from_slice(&self.date);
        }
        if let Some(chosen) = &self.chosen {
            if !has_line(own, b"server:") {
                output.extend_from_slice(&chosen.server);
            }
            output.extend_from_slice(&chosen.others);
        }
        self.write_on_switch(own, output);
    }
}

/// Some of these lines begins with `start`, in any case.
fn has_line(lines: &[u8], start: &[u8]) -> bool {
    let begins = |line: &[u8]| {
        let begin = line.get(..start.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start))
    };
    lines.split(|&byte| byte == b'\n').any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn written(recipient: Recipient<'_>) -> String {
        let mut output = Vec::new();
        ServerLines::new(DATE)
            .unwrap()
            .write(recipient, &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn final_answers_have_one_date_and_interim_ones_none() {
        let line = format!("date: {DATE}\r\n");
        assert_eq!(written(Recipient::Answer(&HeaderLines::new())), line);
        assert_eq!(written(Recipient::Refusal), line);
        let mut own = HeaderLines::new();
        own.push(b"Date", b"Mon, 07 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(written(Recipient::Answer(&own)), "");
        assert_eq!(written(Recipient::Interim), "");
        assert_eq!(written(Recipient::Switch(b"")), "");
    }

    #[test]
    fn a_date_is_an_imf_fixdate_or_nothing() {
        assert!(ServerLines::new(DATE).is_some());
        assert_eq!(ServerLines::new("Sun, 6 Nov 1994 08:49:37 GMT"), None);
        assert_eq!(ServerLines::new("Sun, 06 Nov 1994 08:49:37 G\r\n"), None);
        let mut lines = ServerLines::new(DATE).unwrap();
        assert!(!lines.set_date("tomorrow"));
        assert_eq!(Some(lines), ServerLines::new(DATE));
    }

    fn with(chosen: &ChosenLines, recipient: Recipient<'_>) -> String {
        let mut output = Vec::new();
        let lines = ServerLines::new(DATE).unwrap().with(chosen.clone());
        lines.write(recipient, &mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn chosen_lines_are_on_final_answers_and_an_apps_server_goes_before_ours() {
        let mut chosen = ChosenLines::default();
        chosen.set_server(b" one ").unwrap();
        chosen.push(b"X-Served-By", b"a").unwrap();
        chosen.push(b"x-served-by", b"b").unwrap();
        let others = "X-Served-By: a\r\nx-served-by: b\r\n";
        let all = format!("date: {DATE}\r\nserver: one\r\n{others}");
        assert_eq!(with(&chosen, Recipient::Refusal), all);
        let mut own = HeaderLines::new();
        own.push(b"x-served-by", b"app").unwrap();
        assert_eq!(with(&chosen, Recipient::Answer(&own)), all);
        own.push(b"Server", b"app").unwrap();
        let without_server = format!("date: {DATE}\r\n{others}");
        assert_eq!(with(&chosen, Recipient::Answer(&own)), without_server);
        chosen.leave_out_date();
        assert_eq!(with(&chosen, Recipient::Answer(&own)), others);
        for recipient in [Recipient::Interim, Recipient::Switch(b"")] {
            assert_eq!(with(&chosen, recipient), "");
        }
    }

    #[test]
    fn the_line_of_an_exchange_is_on_its_answer_unless_the_app_says_it() {
        let mut lines = ServerLines::new(DATE).unwrap();
        let plain = lines.clone();
        lines.set_of_exchange(None);
        assert_eq!(lines, plain);
        let written = |lines: &ServerLines, recipient: Recipient<'_>| {
            let mut output = Vec::new();
            lines.write(recipient, &mut output);
            String::from_utf8(output).unwrap()
        };
        let date = format!("date: {DATE}\r\n");
        let mut own = HeaderLines::new();
        own.push(b"x-id-more", b"app").unwrap();
        for value in ["first", "second"] {
            lines.set_of_exchange(Some((b"X-ID", value.as_bytes())));
            let line = format!("X-ID: {value}\r\n");
            let both = format!("{date}{line}");
            assert_eq!(written(&lines, Recipient::Answer(&own)), both);
            assert_eq!(written(&lines, Recipient::Refusal), both);
            assert_eq!(written(&lines, Recipient::Interim), "");
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nx-id-more: app\r\n";
            assert_eq!(written(&lines, Recipient::Switch(switch)), line);
            let switch = b"HTTP/1.1 101 Switching Protocols\r\nx-id: app\r\n";
            assert_eq!(written(&lines, Recipient::Switch(switch)), "");
        }
        own.push(b"x-id", b"app").unwrap();
        assert_eq!(written(&lines, Recipient::Answer(&own)), date);
        lines.set_of_exchange(None);
        for recipient in [Recipient::Answer(&HeaderLines::new()), Recipient::Refusal] {
            assert_eq!(written(&lines, recipient), date);
        }
        assert_eq!(written(&lines, Recipient::Switch(b"")), "");
    }

    #[test]
    fn nothing_chosen_costs_nothing() {
        let lines = ServerLines::new(DATE).unwrap();
        assert_eq!(lines.clone().with(ChosenLines::default()), lines);
    }

    #[test]
    fn lines_that_would_break_a_message_or_lie_about_a_body_are_refused() {
        let mut chosen = ChosenLines::default();
        let mut push = |name: &[u8], value: &[u8]| chosen.push(name, value).unwrap_err();
        for name in [&b""[..], b"a b", b"a:", b"a\r\nb", b"\xe9"] {
            assert_eq!(push(name, b"v"), LineRefused::Name, "{name:?}");
        }
        for value in [&b"a\r\nb: c"[..], b"a\nb", b"a\0", b"\x7f"] {
            assert_eq!(push(b"x-a", value), LineRefused::Value, "{value:?}");
        }
        for name in [
            &b"Content-Length"[..],
            b"content-type",
            b"transfer-encoding",
            b"Connection",
            b"keep-alive",
            b"upgrade",
            b"te",
            b"date",
            b"server",
        ] {
            assert_eq!(push(name, b"v"), LineRefused::NotOurs, "{name:?}");
        }
        let long = vec![b'v'; CHOSEN_BYTES_MAX];
        assert_eq!(push(b"x-a", &long), LineRefused::TooLong);
        assert_eq!(chosen.set_server(b"a\nb"), Err(LineRefused::Value));
        assert!(chosen.is_default());
    }
}
