//! What a route says, what is found, and how a path is cut. Plain values.

use super::convertor::Convertor;

/// What stands between two slashes of a route, or at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteSegment {
    /// This very text.
    Literal(Box<str>),
    /// A whole segment that is a parameter.
    Parameter(Convertor),
    /// A parameter that is the rest of the path, with its slashes; it may be empty. The last segment.
    Rest,
    /// Unknown: the route may match whatever lies below the segments before, and these themselves. The last segment.
    Unknown,
}

/// What serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedFound {
    /// This route: no earlier one can.
    Route(usize),
    /// An earlier route than any that surely does may do so.
    Unknown,
    /// Routes match the path, and none of them the method.
    OtherMethods,
    /// No route matches the path.
    Nothing,
}

/// A route's methods; any if there are none.
#[derive(Debug)]
pub(super) struct Methods(Box<[Box<str>]>);

impl Methods {
    pub(super) fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Methods {
        Methods(names.into_iter().map(Into::into).collect())
    }

    pub(super) fn has(&self, method: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|own| **own == *method)
    }
}

/// The first segment, and what lies behind its slash; None if it is the last.
pub(super) fn cut(rest: &str) -> (&str, Option<&str>) {
    // Segments are short: a search for a pattern costs more than this loop.
    match rest.bytes().position(|byte| byte == b'/') {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    }
}

/// What lies behind the first segment.
pub(super) fn after_segment(rest: &str) -> Option<&str> {
    cut(rest).1
}
