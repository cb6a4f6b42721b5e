//! The header lines that the server itself puts on answers, and which answer gets them. Knows no clock: the caller formats
//! the date, and makes the lines once a second.

use crate::header_list::HeaderLines;

const DATE_NAME: &[u8] = b"date: ";
const DATE_VALUE_BYTES: usize = 29;
const DATE_LINE_BYTES: usize = DATE_NAME.len() + DATE_VALUE_BYTES + 2;

/// The server's own lines, ready to send, as they are in the current second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLines {
    date: [u8; DATE_LINE_BYTES],
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
    /// A 101.
    Switch,
}

impl ServerLines {
    /// Lines with the date of an IMF-fixdate such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7). `None` if the
    /// text has another length or holds anything but printable ASCII.
    pub fn new(imf_fixdate: &str) -> Option<ServerLines> {
        let value = imf_fixdate.as_bytes();
        if value.len() != DATE_VALUE_BYTES || !value.iter().all(|b| (b' '..=b'~').contains(b)) {
            return None;
        }
        let mut date = [0; DATE_LINE_BYTES];
        date[..DATE_NAME.len()].copy_from_slice(DATE_NAME);
        date[DATE_NAME.len()..DATE_LINE_BYTES - 2].copy_from_slice(value);
        date[DATE_LINE_BYTES - 2..].copy_from_slice(b"\r\n");
        Some(ServerLines { date })
    }

    /// Writes those that belong on this answer.
    ///
    /// Every final answer has a date, an app's own goes before ours. A 1xx need not have one (RFC 9110 section 6.6.1), and
    /// has none: it says nothing about the answer that a cache could count from.
    #[inline]
    pub(crate) fn write(&self, recipient: Recipient<'_>, output: &mut Vec<u8>) {
        match recipient {
            Recipient::Answer(own) if own.has_date() => {}
            Recipient::Answer(_) | Recipient::Refusal => output.extend_from_slice(&self.date),
            Recipient::Interim | Recipient::Switch => {}
        }
    }
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
        assert_eq!(written(Recipient::Switch), "");
    }

    #[test]
    fn a_date_is_an_imf_fixdate_or_nothing() {
        assert!(ServerLines::new(DATE).is_some());
        assert_eq!(ServerLines::new("Sun, 6 Nov 1994 08:49:37 GMT"), None);
        assert_eq!(ServerLines::new("Sun, 06 Nov 1994 08:49:37 G\r\n"), None);
    }
}
