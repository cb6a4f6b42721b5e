//! Routes by their segments. A node knows the least number of the routes below it, so a search leaves out all that come
//! after what it has found. It visits a node once at most. Knows routes by number only.

use super::convertor::{Convertor, Fit};
use super::route::{Methods, OrderedFound, RouteSegment, cut};

const NONE: usize = usize::MAX;

/// A route that ends at a node.
#[derive(Debug)]
struct End {
    ordinal: usize,
    methods: Methods,
}

/// What lies behind the same segments.
#[derive(Debug)]
pub(super) struct SegmentTree {
    /// Of all routes here and below.
    least: usize,
    /// Sorted by text.
    literals: Vec<(Box<str>, SegmentTree)>,
    parameters: Vec<(Convertor, SegmentTree)>,
    /// Routes without a further segment, in order.
    ends: Vec<End>,
    /// Routes whose last parameter is the rest, in order.
    rests: Vec<End>,
    /// The first route that may match anything from here on.
    unknown: usize,
}

impl Default for SegmentTree {
    fn default() -> SegmentTree {
        SegmentTree {
            least: NONE,
            literals: Vec::new(),
            parameters: Vec::new(),
            ends: Vec::new(),
            rests: Vec::new(),
            unknown: NONE,
        }
    }
}

impl SegmentTree {
    /// Adds a route whose number is greater than all others.
    pub(super) fn add(&mut self, segments: &[RouteSegment], ordinal: usize, methods: Methods) {
        self.least = self.least.min(ordinal);
        let Some((first, rest)) = segments.split_first() else {
            return self.ends.push(End { ordinal, methods });
        };
        match first {
            RouteSegment::Literal(text) => {
                let place = (self.literals).binary_search_by(|(own, _)| own.cmp(text));
                let place = place.unwrap_or_else(|place| {
                    let fresh = (text.clone(), SegmentTree::default());
                    self.literals.insert(place, fresh);
                    place
                });
                self.literals[place].1.add(rest, ordinal, methods);
            }
            RouteSegment::Parameter(convertor) => {
                let known = self.parameters.iter().position(|(own, _)| own == convertor);
                let place = known.unwrap_or_else(|| {
                    self.parameters.push((*convertor, SegmentTree::default()));
                    self.parameters.len() - 1
                });
                self.parameters[place].1.add(rest, ordinal, methods);
            }
            RouteSegment::Rest => self.rests.push(End { ordinal, methods }),
            RouteSegment::Unknown => self.unknown = self.unknown.min(ordinal),
        }
    }

    /// Searches for a path. One that does not begin with a slash has no segments, and is nobody's own.
    pub(super) fn search(&self, path: &str, search: &mut Search<'_>) {
        match path.strip_prefix('/') {
            Some(rest) => self.visit(Some(rest), search),
            None => search.note_unknown(self.unknown),
        }
    }

    /// Goes on behind a node: `rest` begins with a segment; None if there is none left.
    fn visit(&self, rest: Option<&str>, search: &mut Search<'_>) {
        if search.is_past(self.least) {
            return;
        }
        search.note_unknown(self.unknown);
        let Some(rest) = rest else {
            return search.note_ends(&self.ends);
        };
        search.note_ends(&self.rests);
        let (segment, behind) = cut(rest);
        if let Ok(place) = (self.literals).binary_search_by(|(own, _)| (**own).cmp(segment)) {
            self.literals[place].1.visit(behind, search);
        }
        for (convertor, below) in &self.parameters {
            if search.is_past(below.least) {
                continue;
            }
            match convertor.fit(segment) {
                Fit::Yes => below.visit(behind, search),
                Fit::Unsure => search.note_unknown(below.least),
                Fit::No => {}
            }
        }
    }
}

/// One search: what it looks for, and the first route found so far.
pub(super) struct Search<'m> {
    method: &'m str,
    least: usize,
    is_unknown: bool,
    has_other_methods: bool,
}

impl<'m> Search<'m> {
    pub(super) fn new(method: &'m str) -> Search<'m> {
        Search {
            method,
            least: NONE,
            is_unknown: false,
            has_other_methods: false,
        }
    }

    pub(super) fn found(&self) -> OrderedFound {
        match self.least {
            NONE if self.has_other_methods => OrderedFound::OtherMethods,
            NONE => OrderedFound::Nothing,
            _ if self.is_unknown => OrderedFound::Unknown,
            ordinal => OrderedFound::Route(ordinal),
        }
    }

    /// Whether a route that comes before this one, or is this one, has been found.
    fn is_past(&self, ordinal: usize) -> bool {
        ordinal >= self.least
    }

    fn note_unknown(&mut self, ordinal: usize) {
        if !self.is_past(ordinal) {
            self.least = ordinal;
            self.is_unknown = true;
        }
    }

    /// Routes that match the path.
    fn note_ends(&mut self, ends: &[End]) {
        for end in ends {
            if self.is_past(end.ordinal) {
                return;
            }
            if end.methods.has(self.method) {
                self.least = end.ordinal;
                self.is_unknown = false;
                return;
            }
            self.has_other_methods = true;
        }
    }
}
