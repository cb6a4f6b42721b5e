//! Looks at lines that were pushed before, and changes them: for what recodes an answer's body. Knows no codings.

use super::HeaderLines;
use crate::misuse::Misuse;
use crate::syntax::trim_ows;

impl HeaderLines {
    /// The values of the stored lines with this name, whatever the case of its letters.
    pub fn values<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        // No value holds a line end.
        let lines = self.bytes.split(|&byte| byte == b'\n');
        lines.filter_map(move |line| {
            let (start, rest) = line.split_at_checked(name.len())?;
            let value = rest.strip_prefix(b":")?;
            let value = value.strip_suffix(b"\r")?;
            start.eq_ignore_ascii_case(name).then(|| trim_ows(value))
        })
    }

    /// Puts one line in the place of all with this name. After an error they are gone.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), Misuse> {
        self.remove(name);
        self.push(name, value)
    }

    /// Forgets the length that was pushed: another one will be true.
    pub fn forget_content_length(&mut self) {
        self.content_length = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_replaced() {
        let mut lines = HeaderLines::new();
        for (name, value) in [
            (&b"Vary"[..], &b"cookie"[..]),
            (b"x-vary", b"no"),
            (b"vary", b" origin "),
            (b"varying", b"no"),
            (b"content-length", b"5"),
        ] {
            lines.push(name, value).unwrap();
        }
        let found: Vec<_> = lines.values(b"vary").collect();
        assert_eq!(found, [&b"cookie"[..], b"origin"]);
        lines.set(b"VARY", b"*").unwrap();
        assert_eq!(
            lines.as_bytes(),
            b"x-vary: no\r\nvarying: no\r\nVARY: *\r\n"
        );
        lines.forget_content_length();
        assert_eq!(lines.content_length(), None);
        assert_eq!(lines.values(b"gone").next(), None);
    }
}
