//! Finds the empty line that ends a head or a trailer section, however slowly it drips in. Knows no fields.

use memchr::memchr_iter;

use crate::limits::HEAD_BYTES_CEILING;

/// What a scan has found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    /// The section ends with an empty line after this many bytes, the line included.
    Complete(usize),
    /// More bytes are needed.
    Partial,
    /// The section does not end within its limit; `in_first_line` if not even its first line does.
    TooLong {
        /// No line has ended yet.
        in_first_line: bool,
    },
    /// A line feed without a carriage return.
    BareLineFeed,
}

/// Remembers how far a section has been searched: a peer that drips single bytes must not make the search quadratic.
///
/// It also refuses bare line feeds: the parser behind it (httparse) takes them for line ends, which is how a request
/// hides inside another one (RFC 9112 section 2.2).
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct LineScan {
    searched: u32,
    line_start: u32,
}

impl LineScan {
    /// Searches on in `section`, which must begin where it began the last time. `bytes_max` is its limit.
    #[inline(always)]
    pub(crate) fn search(&mut self, section: &[u8], bytes_max: usize) -> Scan {
        // Unchecked limits must not overflow our 32 bits.
        let bytes_max = bytes_max.min(HEAD_BYTES_CEILING);
        let within = &section[..section.len().min(bytes_max)];
        let searched = self.searched as usize;
        let mut line_start = self.line_start as usize;
        for found in memchr_iter(b'\n', &within[searched..]) {
            let line_feed = searched + found;
            if line_feed == 0 || within[line_feed - 1] != b'\r' {
                return Scan::BareLineFeed;
            }
            if line_feed == line_start + 1 {
                return Scan::Complete(line_feed + 1);
            }
            line_start = line_feed + 1;
        }
        if within.len() == bytes_max {
            return Scan::TooLong {
                in_first_line: line_start == 0,
            };
        }
        self.searched = within.len() as u32;
        self.line_start = line_start as u32;
        Scan::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_dripping(section: &[u8], bytes_max: usize) -> Scan {
        let mut scan = LineScan::default();
        for end in 1..=section.len() {
            match scan.search(&section[..end], bytes_max) {
                Scan::Partial => {}
                found => return found,
            }
        }
        Scan::Partial
    }

    fn assert_scan(section: &[u8], bytes_max: usize, expected: Scan) {
        assert_eq!(
            LineScan::default().search(section, bytes_max),
            expected,
            "whole"
        );
        assert_eq!(scan_dripping(section, bytes_max), expected, "dripping");
    }

    #[test]
    fn the_first_empty_line_ends_the_section() {
        assert_scan(b"a\r\nb\r\n\r\nrest\r\n\r\n", 100, Scan::Complete(8));
        assert_scan(b"\r\nrest", 100, Scan::Complete(2));
        assert_scan(b"a\r\nb\r\n\r", 100, Scan::Partial);
    }

    #[test]
    fn bare_line_feeds_are_found() {
        assert_scan(b"\n", 100, Scan::BareLineFeed);
        assert_scan(b"a\nb\r\n\r\n", 100, Scan::BareLineFeed);
        assert_scan(b"a\r\nb\r\n\n", 100, Scan::BareLineFeed);
        assert_scan(b"a\r\n\n", 100, Scan::BareLineFeed);
    }

    #[test]
    fn a_carriage_return_inside_a_line_does_not_end_the_section() {
        assert_scan(b"a\r\r\n\r\n", 100, Scan::Complete(6));
    }

    #[test]
    fn a_section_of_exactly_the_limit_passes_and_one_more_byte_does_not() {
        assert_scan(b"abc\r\n\r\n", 7, Scan::Complete(7));
        assert_scan(
            b"abcd\r\n\r\n",
            7,
            Scan::TooLong {
                in_first_line: false,
            },
        );
        assert_scan(
            b"abcdefghijk",
            7,
            Scan::TooLong {
                in_first_line: true,
            },
        );
    }

    #[test]
    fn what_lies_beyond_the_limit_is_not_looked_at() {
        assert_scan(
            b"abcdefg\nx",
            7,
            Scan::TooLong {
                in_first_line: true,
            },
        );
    }
}
