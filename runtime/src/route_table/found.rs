//! What a look-up in the route table found: a route with the values of its parameters, or why there is none.

use std::fmt;

use super::path_tree::Spans;

/// What [`RouteTable::find`](super::RouteTable::find) found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a, T> {
    /// A route, and what its parameters stand for.
    Route {
        /// What was given to [`RouteTable::add`](super::RouteTable::add).
        value: T,
        /// The parameters' values.
        params: Params<'a>,
    },
    /// No method has such a path.
    NotFound,
    /// Other methods have such a path.
    MethodNotAllowed {
        /// The value of the `Allow` field.
        allow: &'a str,
    },
}

/// The values of a route's parameters, percent-decoded, in the order of its template. They need not be UTF-8.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    pub(super) names: &'a [Box<str>],
    pub(super) spans: Spans,
    pub(super) text: &'a [u8],
}

impl<'a> Params<'a> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The value of the template's parameter number `index`; empty if it has none of that number.
    #[must_use]
    pub fn value(&self, index: usize) -> &'a [u8] {
        let (from, to) = self.spans.get(index).copied().unwrap_or_default();
        &self.text[from as usize..to as usize]
    }

    /// Names and values, in the order of the template.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + '_ {
        self.names
            .iter()
            .enumerate()
            .map(|(index, name)| (&**name, self.value(index)))
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(name, value)| (name, value.escape_ascii().to_string())),
            )
            .finish()
    }
}

impl PartialEq for Params<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Params<'_> {}
