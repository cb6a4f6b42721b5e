//! The tree against a reference that tries every template, over random routes and paths; and what a search may cost.

use proptest::prelude::*;
use proptest::sample::select;

use super::path_tree::{PathTree, Spans, VISITS};
use super::template::{PARAMETERS_MAX, RouteTemplate, Segment};

/// Goes before another specific segment if it is less: as the tree's header says it.
type Rank = (u8, std::cmp::Reverse<(usize, usize)>);

fn rank(segment: &Segment) -> Rank {
    let (kind, text) = match segment {
        Segment::Fixed(_) => (0, (0, 0)),
        Segment::Parameter { before, after } => (1, (before.len(), after.len())),
        Segment::Rest => (2, (0, 0)),
    };
    (kind, std::cmp::Reverse(text))
}

/// The values of the template's parameters, if it matches the path.
fn values(template: &RouteTemplate, path: &str) -> Option<Vec<String>> {
    let mut left = Some(path);
    let mut values = Vec::new();
    for segment in &template.segments {
        let path = left?.strip_prefix('/')?;
        let cut = path.find('/').unwrap_or(path.len());
        let mut text = &path[..cut];
        left = Some(&path[cut..]);
        match segment {
            Segment::Fixed(fixed) if **fixed == *text => {}
            Segment::Fixed(_) => return None,
            Segment::Parameter { before, after } => {
                text = text.strip_prefix(&**before)?.strip_suffix(&**after)?;
                if text.is_empty() {
                    return None;
                }
                values.push(text.to_owned());
            }
            Segment::Rest => {
                values.push(path.to_owned());
                left = Some("");
            }
        }
    }
    (left == Some("")).then_some(values)
}

/// Tries every template.
fn expected(templates: &[RouteTemplate], path: &str) -> Option<(u32, Vec<String>)> {
    let matching = (0..).zip(templates).filter_map(|(number, template)| {
        let ranks: Vec<Rank> = template.segments.iter().map(rank).collect();
        Some((ranks, number, values(template, path)?))
    });
    let (_, number, values) = matching.min()?;
    Some((number, values))
}

fn found(tree: &PathTree, templates: &[RouteTemplate], path: &str) -> Option<(u32, Vec<String>)> {
    let mut spans: Spans = [(0, 0); PARAMETERS_MAX];
    let number = tree.find(path.as_bytes(), &mut spans)?;
    let of = |&(start, end): &(u32, u32)| path[start as usize..end as usize].to_owned();
    let count = templates[number as usize].names.len();
    Some((number, spans[..count].iter().map(of).collect()))
}

/// The tree of those templates that differ, and them.
fn tree_of(texts: &[String]) -> (PathTree, Vec<RouteTemplate>) {
    let mut tree = PathTree::default();
    let mut templates: Vec<RouteTemplate> = Vec::new();
    for text in texts {
        let template =
            RouteTemplate::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"));
        let earlier = (templates.iter()).position(|other| other.segments == template.segments);
        match tree.add(&template.segments, templates.len() as u32) {
            Ok(()) => {
                assert_eq!(earlier, None, "{text}");
                templates.push(template);
            }
            Err(other) => assert_eq!(earlier, Some(other as usize), "{text}"),
        }
    }
    (tree, templates)
}

const LONG: &str = "eight-or-more";
const AS_LONG: &str = "night-or-more";

/// Templates of few words, so that many of them match the same paths.
fn template() -> impl Strategy<Value = String> {
    let words = [
        "",
        "a",
        "b",
        "ab",
        "aab",
        LONG,
        AS_LONG,
        "more-or-more",
        "{}",
        "{}",
        "{}",
    ];
    let around = ["a{}", "{}b", "a{}b", "aa{}", "{}ab", "{}-or-more"];
    let segments = proptest::collection::vec(select([&words[..], &around[..]].concat()), 0..5);
    (segments, any::<bool>()).prop_map(|(mut segments, has_rest)| {
        if has_rest || segments.is_empty() {
            segments.push("{*}");
        }
        let mut text = String::new();
        for (number, segment) in segments.iter().enumerate() {
            text += "/";
            text += &segment.replace('}', &format!("p{number}}}"));
        }
        text
    })
}

fn path() -> impl Strategy<Value = String> {
    let words = [
        "",
        "a",
        "b",
        "ab",
        "aab",
        "aaab",
        "abb",
        LONG,
        AS_LONG,
        "fight-or-more",
        "c",
        "aab-or-more",
    ];
    proptest::collection::vec(select(words.to_vec()), 0..6).prop_map(|segments| {
        segments
            .iter()
            .map(|segment| format!("/{segment}"))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// The tree finds what trying every template finds, and visits no more nodes than there are.
    #[test]
    fn the_tree_finds_the_most_specific_match(
        texts in proptest::collection::vec(template(), 0..24),
        paths in proptest::collection::vec(path(), 1..24),
    ) {
        let (tree, templates) = tree_of(&texts);
        let nodes: usize = templates.iter().map(|template| template.segments.len() + 1).sum();
        for path in &paths {
            VISITS.set(0);
            prop_assert_eq!(found(&tree, &templates, path), expected(&templates, path), "{}", path);
            prop_assert!(VISITS.get() <= nodes.max(1));
        }
    }
}

/// Each choice but the last leads nowhere, as deep as can be.
#[test]
fn a_hostile_path_visits_no_node_twice() {
    const DEPTH: usize = PARAMETERS_MAX;
    let mut texts = Vec::new();
    for depth in 0..DEPTH {
        // Fixed text up to here, then parameters, then an end that the path does not have.
        let mut text = "/a".repeat(depth);
        for number in depth..DEPTH {
            text += &format!("/{{p{number}}}");
        }
        texts.push(text + "/end");
    }
    texts.push("/{*rest}".to_owned());
    let (tree, templates) = tree_of(&texts);
    for path in ["/a".repeat(DEPTH + 1), "/a".repeat(10_000)] {
        VISITS.set(0);
        assert_eq!(found(&tree, &templates, &path).unwrap().0 as usize, DEPTH);
        assert!(VISITS.get() > DEPTH * DEPTH / 2, "{}", VISITS.get());
        assert!(VISITS.get() <= DEPTH * (DEPTH + 1), "{}", VISITS.get());
    }
}
