//! The tree against a reference that tries one route after another, over random routes and paths.

use proptest::prelude::*;
use proptest::sample::select;

use super::convertor::Fit;
use super::{Convertor, OrderedFound, OrderedRoutes, RouteSegment, SEGMENTS_MAX};

fn literal(text: &str) -> RouteSegment {
    RouteSegment::Literal(text.into())
}

#[derive(Clone, Debug)]
struct Entry {
    segments: Vec<RouteSegment>,
    methods: Vec<&'static str>,
}

/// How a route and a path go together, segment by segment.
enum Match {
    Whole(Vec<String>),
    Unknown,
    No,
}

fn matched(segments: &[RouteSegment], path: &str) -> Match {
    let mut left: Option<&str> = path.strip_prefix('/');
    let mut params = Vec::new();
    let mut unsure = false;
    for (at, segment) in segments.iter().enumerate() {
        if *segment == RouteSegment::Unknown {
            // The path itself need not begin with a slash where no segment stands before.
            return Match::Unknown;
        }
        let Some(rest) = left else { return Match::No };
        if *segment == RouteSegment::Rest {
            params.push(rest.to_owned());
            assert_eq!(at + 1, segments.len());
            left = None;
            break;
        }
        let (own, behind) = rest
            .split_once('/')
            .map_or((rest, None), |(own, behind)| (own, Some(behind)));
        match segment {
            RouteSegment::Literal(text) if **text == *own => {}
            RouteSegment::Parameter(convertor) => match convertor.fit(own) {
                Fit::Yes => params.push(own.to_owned()),
                Fit::Unsure => unsure = true,
                Fit::No => return Match::No,
            },
            _ => return Match::No,
        }
        left = behind;
    }
    // A path without segments is no route's.
    if left.is_some() || !path.starts_with('/') {
        return Match::No;
    }
    if unsure {
        Match::Unknown
    } else {
        Match::Whole(params)
    }
}

/// The first route that matches, or may.
fn scan(entries: &[Entry], method: &str, path: &str) -> (OrderedFound, Vec<String>) {
    let mut has_other_methods = false;
    for (ordinal, entry) in entries.iter().enumerate() {
        match matched(&entry.segments, path) {
            Match::Unknown => return (OrderedFound::Unknown, Vec::new()),
            Match::Whole(params) if entry.methods.is_empty() || entry.methods.contains(&method) => {
                return (OrderedFound::Route(ordinal), params);
            }
            Match::Whole(_) => has_other_methods = true,
            Match::No => {}
        }
    }
    match has_other_methods {
        true => (OrderedFound::OtherMethods, Vec::new()),
        false => (OrderedFound::Nothing, Vec::new()),
    }
}

fn table_of(entries: &[Entry]) -> OrderedRoutes {
    let mut routes = OrderedRoutes::new();
    for (ordinal, entry) in entries.iter().enumerate() {
        let added = routes.add(&entry.segments, entry.methods.iter().copied());
        assert_eq!(added, Ok(ordinal));
    }
    routes
}

fn inner_segment() -> impl Strategy<Value = RouteSegment> {
    prop_oneof![
        3 => select(vec!["", "a", "b", "7", "ä"]).prop_map(literal),
        2 => select(Convertor::ALL.to_vec()).prop_map(RouteSegment::Parameter),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let last = prop_oneof![
        4 => Just(None),
        1 => Just(Some(RouteSegment::Rest)),
        1 => Just(Some(RouteSegment::Unknown)),
    ];
    let methods = select(vec![vec![], vec!["GET"], vec!["POST"], vec!["PUT", "GET"]]);
    (prop::collection::vec(inner_segment(), 0..4), last, methods).prop_map(
        |(mut segments, last, methods)| {
            segments.extend(last);
            Entry { segments, methods }
        },
    )
}

fn path() -> impl Strategy<Value = String> {
    let piece = select(vec![
        "",
        "a",
        "b",
        "7",
        "7.5",
        "ä",
        "x",
        "123e4567e89b12d3a456426614174000",
    ]);
    let pieces = prop::collection::vec(piece, 0..5);
    (pieces, prop::bool::weighted(0.95)).prop_map(|(pieces, is_rooted)| {
        let path = pieces.join("/");
        if is_rooted { format!("/{path}") } else { path }
    })
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_scan_does(
        entries in prop::collection::vec(entry(), 0..12),
        paths in prop::collection::vec(path(), 1..12),
        method in select(vec!["GET", "POST", "DELETE"]),
    ) {
        let routes = table_of(&entries);
        for path in paths {
            let (expected, params) = scan(&entries, method, &path);
            prop_assert_eq!(routes.find(method, &path), expected, "{:?} of {:?}", path, entries);
            if let OrderedFound::Route(ordinal) = expected {
                prop_assert_eq!(routes.params(ordinal, &path).collect::<Vec<_>>(), params);
            }
        }
    }
}

#[test]
fn a_long_number_is_left_to_those_who_read_it() {
    let int = RouteSegment::Parameter(Convertor::Int);
    let mut routes = OrderedRoutes::new();
    let first = [literal("a"), int.clone(), literal("x")];
    routes.add(&first, ["GET"]).unwrap();
    routes
        .add(&[literal("a"), RouteSegment::Rest], ["GET"])
        .unwrap();
    assert_eq!(routes.find("GET", "/a/1/x"), OrderedFound::Route(0));
    let digits = "9".repeat(1000);
    assert_eq!(
        routes.find("GET", &format!("/a/{digits}/x")),
        OrderedFound::Unknown
    );
    assert_eq!(
        routes.find("GET", &format!("/a/{digits}z/x")),
        OrderedFound::Route(1)
    );
}

#[test]
fn the_order_of_the_routes_is_what_counts() {
    let any = || RouteSegment::Parameter(Convertor::Str);
    let mut routes = OrderedRoutes::new();
    for (segments, methods) in [
        (vec![any(), literal("b")], vec!["PUT"]),
        (vec![literal("a"), any()], vec!["GET"]),
        (vec![literal("a"), literal("b")], vec!["GET", "POST"]),
        (vec![literal("s"), RouteSegment::Unknown], vec![]),
        (vec![literal("s"), literal("b")], vec!["GET"]),
        (vec![RouteSegment::Rest], vec!["GET"]),
    ] {
        routes.add(&segments, methods).unwrap();
    }
    let found = |method, path| routes.find(method, path);
    assert_eq!(found("GET", "/a/b"), OrderedFound::Route(1));
    assert_eq!(found("PUT", "/a/b"), OrderedFound::Route(0));
    assert_eq!(found("POST", "/a/b"), OrderedFound::Route(2));
    assert_eq!(found("DELETE", "/a/b"), OrderedFound::OtherMethods);
    assert_eq!(found("PUT", "/s/b"), OrderedFound::Route(0));
    assert_eq!(found("GET", "/s/b"), OrderedFound::Unknown);
    assert_eq!(found("GET", "/s"), OrderedFound::Unknown);
    assert_eq!(found("GET", "/"), OrderedFound::Route(5));
    assert_eq!(routes.params(5, "/x//y/").collect::<Vec<_>>(), ["x//y/"]);
    assert_eq!(found("GET", ""), OrderedFound::Nothing);
    assert_eq!(found("GET", "*"), OrderedFound::Nothing);
    assert_eq!(routes.len(), 6);
}

#[test]
fn a_route_that_cannot_be_is_refused() {
    let mut routes = OrderedRoutes::new();
    let none: [&str; 0] = [];
    for segments in [
        vec![RouteSegment::Rest, literal("a")],
        vec![RouteSegment::Unknown, RouteSegment::Unknown],
        vec![literal("a/b")],
        vec![literal("a"); SEGMENTS_MAX + 1],
    ] {
        assert!(routes.add(&segments, none).is_err(), "{segments:?}");
    }
    assert!(routes.is_empty());
}
