//! Takes a request target and a `Host` apart and checks their bytes. Knows no fields and no other part of a message.

use memchr::{memchr, memchr2};

use crate::request_line::Method;
use crate::syntax::alphanumeric_and;
use crate::violation::Violation;

/// A target in its parts (RFC 9112 section 3.2).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// The raw path; empty if an absolute-form target has none.
    pub(crate) path: &'a [u8],
    /// The raw query without `?`; empty if there is none. Like every part it is a slice of the target.
    pub(crate) query: &'a [u8],
    /// `host[:port]` of an absolute-form target.
    pub(crate) authority: Option<&'a [u8]>,
}

/// Splits a target that holds no blanks or control bytes (httparse has seen to that).
///
/// Bytes above 0x7F and `#` are refused: no URI holds them, and servers disagree about what they mean. Other bytes that
/// RFC 3986 does not allow but browsers send (`|`, `"`, `{`) pass.
pub(crate) fn split_target(method: Method, target: &[u8]) -> Result<Target<'_>, Violation> {
    if method == Method::Connect {
        return Err(Violation::ConnectUnsupported);
    }
    if !target.is_ascii() {
        return Err(Violation::TargetInvalid);
    }
    if target.first() == Some(&b'/') {
        let (path, query) = split_query(target)?;
        return Ok(Target {
            path,
            query,
            authority: None,
        });
    }
    if target == b"*" && method == Method::Options {
        return Ok(Target {
            path: target,
            query: &target[target.len()..],
            authority: None,
        });
    }
    split_absolute(target)
}

/// `http://authority path ?query`; the path may be missing, the authority may not (RFC 9110 section 4.2).
fn split_absolute(target: &[u8]) -> Result<Target<'_>, Violation> {
    let rest = [&b"http://"[..], b"https://"]
        .into_iter()
        .find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        })
        .ok_or(Violation::TargetInvalid)?;
    let authority_len = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(authority_len);
    if matches!(authority.first(), None | Some(b':')) || !is_host(authority) {
        return Err(Violation::TargetInvalid);
    }
    let (path, query) = split_query(rest)?;
    Ok(Target {
        path,
        query,
        authority: Some(authority),
    })
}

/// Path and query of `path [?query]`.
fn split_query(target: &[u8]) -> Result<(&[u8], &[u8]), Violation> {
    let (path, query) = match memchr2(b'?', b'#', target) {
        None => return Ok((target, &target[target.len()..])),
        Some(mark) => (&target[..mark], &target[mark..]),
    };
    match query.split_first() {
        Some((b'?', query)) if !query.contains(&b'#') => Ok((path, query)),
        _ => Err(Violation::TargetInvalid),
    }
}

/// `value` is `uri-host [":" port]` or empty (RFC 9112 section 3.2, RFC 3986 section 3.2.2).
pub(crate) fn is_host(value: &[u8]) -> bool {
    let port = match value {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|&byte| byte == b']') else {
                return false;
            };
            let address = &rest[..end];
            let is_address_byte =
                |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            if !address.contains(&b':') || !address.iter().all(is_address_byte) {
                return false;
            }
            &rest[end + 1..]
        }
        _ => {
            let end = memchr(b':', value).unwrap_or(value.len());
            if !is_reg_name(&value[..end]) {
                return false;
            }
            &value[end..]
        }
    };
    match port {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// `unreserved` and `sub-delims` of RFC 3986 section 2.2 and 2.3.
static REG_NAME: [bool; 256] = alphanumeric_and(b"-._~!$&'()*+,;=");

/// `value` is a `reg-name` of RFC 3986 section 3.2.2: unreserved, sub-delims and percent-encoded bytes.
fn is_reg_name(mut value: &[u8]) -> bool {
    loop {
        let plain_len = value
            .iter()
            .take_while(|&&byte| REG_NAME[byte as usize])
            .count();
        value = match &value[plain_len..] {
            [] => return true,
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest
            }
            _ => return false,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(target: &[u8]) -> Result<Target<'_>, Violation> {
        split_target(Method::Get, target)
    }

    #[test]
    fn origin_form_splits_at_the_first_question_mark() {
        let target = split(b"/a%20b?x=1?y").unwrap();
        assert_eq!((target.path, target.query), (&b"/a%20b"[..], &b"x=1?y"[..]));
        let target = split(b"//a//?").unwrap();
        assert_eq!((target.path, target.query), (&b"//a//"[..], &b""[..]));
    }

    #[test]
    fn absolute_form_is_reduced_to_its_path() {
        let target = split(b"HTTP://example.org:80/a?b").unwrap();
        assert_eq!((target.path, target.query), (&b"/a"[..], &b"b"[..]));
        assert_eq!(target.authority, Some(&b"example.org:80"[..]));
        let target = split(b"https://example.org?b").unwrap();
        assert_eq!((target.path, target.query), (&b""[..], &b"b"[..]));
    }

    #[test]
    fn asterisk_form_is_for_options_only() {
        assert_eq!(split_target(Method::Options, b"*").unwrap().path, b"*");
        assert_eq!(split(b"*"), Err(Violation::TargetInvalid));
    }

    #[test]
    fn other_targets_are_refused() {
        for target in [
            &b"relative"[..],
            b"example.org:80",
            b"ftp://example.org/",
            b"http:/example.org/",
            b"http:///path",
            b"http://:80/",
            b"http://user@example.org/",
            b"/a#b",
            b"/a?b#c",
            b"/\xc3\xa4",
            b"http://example.org#a",
        ] {
            assert_eq!(split(target), Err(Violation::TargetInvalid), "{target:?}");
        }
        assert_eq!(
            split_target(Method::Connect, b"example.org:80"),
            Err(Violation::ConnectUnsupported)
        );
    }

    #[test]
    fn hosts_follow_the_uri_grammar() {
        for host in [
            &b""[..],
            b"example.org",
            b"example.org:8000",
            b"example.org:",
            b"127.0.0.1:80",
            b"[::1]",
            b"[2001:db8::1]:443",
            b"[::ffff:1.2.3.4]",
            b"a_b-c.local",
            b"%41.example",
        ] {
            assert!(is_host(host), "{host:?}");
        }
        for host in [
            &b"a b"[..],
            b"a/b",
            b"user@example.org",
            b"a?b",
            b"a#b",
            b"a:b",
            b"a:80:80",
            b"a:123456",
            b"[::1",
            b"[]",
            b"[::1]x",
            b"[12]",
            b"::1",
            b"a\\b",
            b"a%4",
            b"%zz",
            b"\xc3\xa4.example",
            b"a\"b",
            b"<a>",
        ] {
            assert!(!is_host(host), "{host:?}");
        }
    }
}
