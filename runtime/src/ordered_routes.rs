//! Finds which of several routes serves a request where the order in which they were added decides, as in Starlette and
//! FastAPI: the first that matches path and method. Knows nothing of handlers, connections or Python.
//!
//! The path is one that has been decoded as a whole: an escaped slash separates segments as any other does, which is how
//! these frameworks see it. Nothing else is made equal: no slashes are added or merged.
//!
//! The routes lie in a tree of segments (`segment_tree.rs`), so a search looks at those few that share the path's
//! beginning, however many there are.

mod convertor;
mod route;
mod segment_tree;
#[cfg(test)]
mod tests;

use route::{Methods, after_segment, cut};
use segment_tree::{Search, SegmentTree};

pub use convertor::Convertor;
pub use route::{OrderedFound, RouteSegment};

/// Most segments of one route: a search goes one level deeper with each.
pub const SEGMENTS_MAX: usize = 64;

/// Routes in their order.
#[derive(Debug, Default)]
pub struct OrderedRoutes {
    tree: SegmentTree,
    /// Where the parameters of each route lie.
    parameters: Vec<Parameters>,
}

#[derive(Debug)]
struct Parameters {
    /// Numbers of the segments that are one.
    segments: Box<[usize]>,
    /// The last of them goes on to the path's end.
    has_rest: bool,
}

impl OrderedRoutes {
    /// No routes.
    #[must_use]
    pub fn new() -> OrderedRoutes {
        OrderedRoutes::default()
    }

    /// Adds a route behind all others and returns its number: they count from 0. `methods` are in upper case; none means
    /// any. An error says what is wrong with the route.
    pub fn add(
        &mut self,
        segments: &[RouteSegment],
        methods: impl IntoIterator<Item = impl Into<Box<str>>>,
    ) -> Result<usize, &'static str> {
        if segments.len() > SEGMENTS_MAX {
            return Err("it has too many segments");
        }
        let is_last_only =
            |segment: &RouteSegment| matches!(segment, RouteSegment::Rest | RouteSegment::Unknown);
        if segments.iter().rev().skip(1).any(is_last_only) {
            return Err("what stands for the rest of a path is its last segment");
        }
        let has_slash = |segment: &RouteSegment| matches!(segment, RouteSegment::Literal(text) if text.contains('/'));
        if segments.iter().any(has_slash) {
            return Err("a segment has no slash");
        }
        let ordinal = self.parameters.len();
        let methods = Methods::new(methods);
        self.tree.add(segments, ordinal, methods);
        let is_parameter = |segment: &RouteSegment| {
            matches!(segment, RouteSegment::Parameter(_) | RouteSegment::Rest)
        };
        self.parameters.push(Parameters {
            segments: (0..segments.len())
                .filter(|&number| is_parameter(&segments[number]))
                .collect(),
            has_rest: segments.last() == Some(&RouteSegment::Rest),
        });
        Ok(ordinal)
    }

    /// Finds the route for a method in upper case and a decoded path.
    ///
    /// ```
    /// use turbo_shard_runtime::{Convertor, OrderedFound, OrderedRoutes, RouteSegment};
    ///
    /// let users = || RouteSegment::Literal("users".into());
    /// let mut routes = OrderedRoutes::new();
    /// routes.add(&[users(), RouteSegment::Parameter(Convertor::Str)], ["GET"])?;
    /// routes.add(&[users(), RouteSegment::Literal("me".into())], ["GET"])?;
    /// // The one that was there first.
    /// assert_eq!(routes.find("GET", "/users/me"), OrderedFound::Route(0));
    /// assert_eq!(routes.params(0, "/users/me").collect::<Vec<_>>(), ["me"]);
    /// assert_eq!(routes.find("PUT", "/users/me"), OrderedFound::OtherMethods);
    /// assert_eq!(routes.find("GET", "/users"), OrderedFound::Nothing);
    /// # Ok::<(), &'static str>(())
    /// ```
    #[must_use]
    pub fn find(&self, method: &str, path: &str) -> OrderedFound {
        let mut search = Search::new(method);
        self.tree.search(path, &mut search);
        search.found()
    }

    /// The values of the parameters of route `ordinal`, which was found for this path.
    pub fn params<'p>(
        &self,
        ordinal: usize,
        path: &'p str,
    ) -> impl ExactSizeIterator<Item = &'p str> {
        let Parameters { segments, has_rest } = &self.parameters[ordinal];
        let mut left = path.strip_prefix('/');
        let mut number = 0;
        segments.iter().enumerate().map(move |(at, &wanted)| {
            while number < wanted {
                left = left.and_then(after_segment);
                number += 1;
            }
            let rest = left.unwrap_or_default();
            if *has_rest && at + 1 == segments.len() {
                return rest;
            }
            cut(rest).0
        })
    }

    /// How many routes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parameters.len()
    }

    /// There are no routes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }
}
