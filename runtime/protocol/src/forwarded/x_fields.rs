//! The `X-Forwarded-*` fields: lists that each proxy adds to at their right end, one field for each fact. No standard
//! describes them. Knows no trust.

use crate::request_head::RequestHead;
use crate::syntax::trim_ows;

pub(super) const FOR: &[u8] = b"x-forwarded-for";
pub(super) const PROTO: &[u8] = b"x-forwarded-proto";
pub(super) const HOST: &[u8] = b"x-forwarded-host";
pub(super) const PORT: &[u8] = b"x-forwarded-port";
pub(super) const PREFIX: &[u8] = b"x-forwarded-prefix";

/// `Forwarded`, or `X-Forwarded-` and what it is about: proxies say something of the client.
#[inline]
pub fn is_proxy_field(name: &[u8]) -> bool {
    match name.first().map_or(0, |first| first | 0x20) {
        b'f' => name.eq_ignore_ascii_case(b"forwarded"),
        b'x' => name.len() > 12 && name[..12].eq_ignore_ascii_case(b"x-forwarded-"),
        _ => false,
    }
}

/// The values of the lines of this name, from the last line to the first.
pub(super) fn lines_from_right<'h>(
    head: RequestHead<'h>,
    name: &'static [u8],
) -> impl Iterator<Item = &'h [u8]> {
    let fields = head.headers().rev();
    fields.filter_map(move |(field, value)| field.eq_ignore_ascii_case(name).then_some(value))
}

/// The parts of the lists of this name, from the right, without those that are empty.
pub(super) fn from_right<'h>(
    head: RequestHead<'h>,
    name: &'static [u8],
) -> impl Iterator<Item = &'h [u8]> {
    lines_from_right(head, name)
        .flat_map(|line| line.rsplit(|&byte| byte == b','))
        .map(trim_ows)
        .filter(|part| !part.is_empty())
}

/// The part that the proxy `depth` hops away has written, where each one adds its own. Where proxies pass a list on as it
/// is, it is shorter, and its first part is from the outermost one that they believe.
pub(super) fn at_depth<'h>(
    head: RequestHead<'h>,
    name: &'static [u8],
    depth: usize,
) -> Option<&'h [u8]> {
    from_right(head, name).take(depth + 1).last()
}
