//! The tree that leads a path, segment by segment, to the most specific of the templates that match it. Knows nothing
//! of methods and escapes.
//!
//! From the left, fixed text goes before a parameter with text around it (the longest text first), then comes a
//! parameter that is the whole segment, and last one that stands for the rest of the path. A choice that leads nowhere
//! is taken back: a path finds a route if any template matches it.
//!
//! **No path makes the search long.** Only the end of a template may stand for several segments, so a path reaches a
//! node of the tree with one of its segments only, and a search visits no node twice. At worst it visits all of them,
//! which are at most as many as the templates have segments.

use super::template::{PARAMETERS_MAX, Segment};

/// From where to where the values of a route's parameters lie in the path.
pub(super) type Spans = [(u32, u32); PARAMETERS_MAX];

/// Routes, by number, below one beginning of the path.
#[derive(Debug, Default)]
pub(super) struct PathTree {
    /// Sorted.
    fixed: Vec<(FixedText, PathTree)>,
    /// In the order in which they are tried.
    parameters: Vec<(TextAround, PathTree)>,
    /// The route whose last parameter takes all from here on.
    rest: Option<u32>,
    /// The route that ends here.
    end: Option<u32>,
}

impl PathTree {
    /// Adds a route. Fails with the number of the one that matches the very same paths.
    pub(super) fn add(&mut self, segments: &[Segment], route: u32) -> Result<(), u32> {
        let place = match segments {
            [] => &mut self.end,
            [Segment::Rest, ..] => &mut self.rest,
            [Segment::Fixed(text), below @ ..] => {
                return self.fixed(FixedText::new(text)).add(below, route);
            }
            [Segment::Parameter { before, after }, below @ ..] => {
                let text = TextAround {
                    before: before.clone(),
                    after: after.clone(),
                };
                return self.parameter(text).add(below, route);
            }
        };
        match *place {
            Some(other) => Err(other),
            None => {
                *place = Some(route);
                Ok(())
            }
        }
    }

    fn fixed(&mut self, text: FixedText) -> &mut PathTree {
        let place = self.fixed.binary_search_by(|(other, _)| other.cmp(&text));
        let index = place.unwrap_or_else(|index| {
            self.fixed.insert(index, (text, PathTree::default()));
            index
        });
        &mut self.fixed[index].1
    }

    fn parameter(&mut self, text: TextAround) -> &mut PathTree {
        let known = self.parameters.iter().position(|(other, _)| *other == text);
        let index = known.unwrap_or_else(|| {
            let goes_first = |(other, _): &(TextAround, PathTree)| other.lengths() > text.lengths();
            let index = self.parameters.partition_point(goes_first);
            self.parameters.insert(index, (text, PathTree::default()));
            index
        });
        &mut self.parameters[index].1
    }

    /// The route of a path, whose escapes are decoded but for slashes. Says where its parameters lie.
    pub(super) fn find(&self, path: &[u8], spans: &mut Spans) -> Option<u32> {
        if path.first() == Some(&b'/') {
            self.descend(path, 0, spans, 0)
        } else {
            None
        }
    }

    /// Goes on at `slash`, where the next segment's slash or the path's end is, after `count` parameters.
    fn descend(&self, path: &[u8], slash: usize, spans: &mut Spans, count: usize) -> Option<u32> {
        #[cfg(test)]
        VISITS.set(VISITS.get() + 1);
        if slash == path.len() {
            return self.end;
        }
        let start = slash + 1;
        let rest = &path[start..];
        let length = rest.iter().position(|byte| *byte == b'/');
        let segment = &rest[..length.unwrap_or(rest.len())];
        let end = start + segment.len();
        if let Some(below) = self.below_fixed(segment)
            && let Some(route) = below.descend(path, end, spans, count)
        {
            return Some(route);
        }
        for (text, below) in &self.parameters {
            if text.surrounds(segment) {
                let (before, after) = text.lengths();
                spans[count] = ((start + before) as u32, (end - after) as u32);
                if let Some(route) = below.descend(path, end, spans, count + 1) {
                    return Some(route);
                }
            }
        }
        let route = self.rest?;
        spans[count] = (start as u32, path.len() as u32);
        Some(route)
    }

    fn below_fixed(&self, segment: &[u8]) -> Option<&PathTree> {
        let tail = FixedText::tail_of(segment);
        let first = self.fixed.partition_point(|(text, _)| text.tail < tail);
        self.fixed[first..]
            .iter()
            .take_while(|(text, _)| text.tail == tail)
            .find(|(text, _)| text.is(segment))
            .map(|(_, below)| below)
    }
}

/// A segment without a parameter.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FixedText {
    /// The last bytes of the text, which are all of most texts, so that one comparison tells them apart.
    tail: u64,
    text: Box<str>,
}

impl FixedText {
    const TAIL_BYTES: usize = size_of::<u64>();

    fn new(text: &str) -> FixedText {
        FixedText {
            tail: FixedText::tail_of(text.as_bytes()),
            text: text.into(),
        }
    }

    fn tail_of(text: &[u8]) -> u64 {
        match text.last_chunk() {
            Some(last) => u64::from_be_bytes(*last),
            None => text
                .iter()
                .fold(0, |tail, byte| tail << u8::BITS | u64::from(*byte)),
        }
    }

    /// Whether the segment, which has the same tail, is this text.
    fn is(&self, segment: &[u8]) -> bool {
        let text = self.text.as_bytes();
        text.len() == segment.len() && (text.len() <= Self::TAIL_BYTES || text == segment)
    }
}

/// The text that a segment has before and after its parameter.
#[derive(Debug, PartialEq, Eq)]
struct TextAround {
    before: Box<str>,
    after: Box<str>,
}

impl TextAround {
    fn lengths(&self) -> (usize, usize) {
        (self.before.len(), self.after.len())
    }

    /// Whether the segment has this text, and a value between.
    fn surrounds(&self, segment: &[u8]) -> bool {
        let (before, after) = (self.before.as_bytes(), self.after.as_bytes());
        segment.len() > before.len() + after.len()
            && (before.is_empty() || segment.starts_with(before))
            && (after.is_empty() || segment.ends_with(after))
    }
}

#[cfg(test)]
thread_local! {
    /// Nodes that this thread's searches have visited.
    pub(super) static VISITS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
