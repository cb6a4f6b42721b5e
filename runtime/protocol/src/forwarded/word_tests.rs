//! Tests of `word.rs`, besides the table of cases in the crate's tests.

use super::*;

#[test]
fn hosts_are_split_from_their_ports() {
    let split = |host: &'static str| split_port(host.as_bytes());
    assert_eq!(split("a.b"), Some((&b"a.b"[..], None)));
    assert_eq!(split("a.b:80"), Some((&b"a.b"[..], Some(80))));
    assert_eq!(split("[::1]"), Some((&b"[::1]"[..], None)));
    assert_eq!(split("[::1]:80"), Some((&b"[::1]"[..], Some(80))));
    assert_eq!(split("a.b:"), None);
    assert_eq!(split("a.b:65536"), None);
}

#[test]
fn prefixes_are_paths_without_a_slash_at_the_end() {
    let usable = |part: &'static str| usable_prefix(part.as_bytes());
    assert_eq!(usable("/a/b/"), Some("/a/b"));
    assert_eq!(usable("/"), Some(""));
    assert_eq!(usable("/a%2Fb"), Some("/a%2Fb"));
    for bad in [
        "", "a", "//a", "/a//", "/a b", "/a\\b", "/a%", "/a%2g", "/é", "/a#b",
    ] {
        assert_eq!(usable(bad), None, "{bad}");
    }
}
