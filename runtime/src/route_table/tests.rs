//! What the route table promises, case by case and over random paths.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

fn table(routes: &[(&str, &str)]) -> RouteTable<usize> {
    let mut table = RouteTable::new();
    for (value, (method, template)) in routes.iter().enumerate() {
        table
            .add(method, template, value)
            .unwrap_or_else(|error| panic!("{error}"));
    }
    table
}

/// The route's number and the parameters' values, or the status and what `Allow` says.
fn ask(table: &RouteTable<usize>, method: &str, path: &[u8]) -> String {
    let mut scratch = Vec::new();
    match table.find(method.as_bytes(), path, &mut scratch) {
        Found::Route { value, params } => {
            let text = |(name, value): (&str, &[u8])| format!(" {name}={}", value.escape_ascii());
            format!("{value}{}", params.iter().map(text).collect::<String>())
        }
        Found::NotFound => "404".to_owned(),
        Found::MethodNotAllowed { allow } => format!("405 {allow}"),
    }
}

fn refusal(routes: &[(&str, &str)]) -> String {
    let mut table = RouteTable::new();
    for (method, template) in routes {
        if let Err(error) = table.add(method, template, 0) {
            return error.to_string();
        }
    }
    panic!("{routes:?} was not refused");
}

#[test]
fn literal_text_goes_before_parameters_and_parameters_before_the_rest() {
    let table = table(&[
        ("GET", "/"),
        ("GET", "/users/me"),
        ("GET", "/users/{id}"),
        ("GET", "/users/{id}/files/{name}.txt"),
        ("GET", "/files/{*rest}"),
        ("GET", "/products/{category}/{product}"),
    ]);
    for (path, expected) in [
        ("/", "0"),
        ("/users/me", "1"),
        ("/users/mee", "2 id=mee"),
        ("/users/7", "2 id=7"),
        ("/users/7/files/a.b.txt", "3 id=7 name=a.b"),
        ("/users/me/files/a.txt", "3 id=me name=a"),
        ("/files/a/b", "4 rest=a/b"),
        ("/products/tea/green", "5 category=tea product=green"),
    ] {
        assert_eq!(ask(&table, "GET", path.as_bytes()), expected, "{path}");
    }
    for path in [
        "",
        "*",
        "users/me",
        "//",
        "/users",
        "/users/",
        "/users/7/",
        "/users/7/files/.txt",
        "/nowhere",
    ] {
        assert_eq!(ask(&table, "GET", path.as_bytes()), "404", "{path}");
    }
}

#[test]
fn specific_routes_stand_beside_the_rest_in_any_order() {
    let wiki = ["/{page}/edit", "/{rest:path}", "/{page}", "/about", "/"];
    for offset in 0..wiki.len() {
        let mut routes = wiki.map(|template| ("GET", template));
        routes.rotate_left(offset);
        let table = table(&routes);
        for (path, template, values) in [
            ("/Tea/edit", "/{page}/edit", " page=Tea"),
            ("/Tea/edit/more", "/{rest:path}", " rest=Tea/edit/more"),
            ("/Tea/", "/{rest:path}", " rest=Tea/"),
            ("/Tea", "/{page}", " page=Tea"),
            ("/about", "/about", ""),
            ("/about/edit", "/{page}/edit", " page=about"),
            ("/", "/", ""),
            ("//edit", "/{rest:path}", " rest=/edit"),
            ("/a%2Fedit", "/{page}", " page=a/edit"),
        ] {
            let number = routes.iter().position(|(_, known)| *known == template);
            let expected = format!("{}{values}", number.unwrap());
            assert_eq!(ask(&table, "GET", path.as_bytes()), expected, "{path}");
        }
    }
}

#[test]
fn the_leftmost_difference_decides_and_a_choice_in_vain_is_taken_back() {
    let table = table(&[
        ("GET", "/{page}/edit"),
        ("GET", "/new/{what}"),
        ("GET", "/new/{what}/{*rest}"),
        ("GET", "/{page}/{part}/edit"),
        ("GET", "/img-{name}"),
        ("GET", "/img-{name}.png"),
        ("GET", "/i{name}"),
        ("GET", "/{name}.png"),
        ("GET", "/img-{name}.png/{size}/x"),
        ("GET", "/{*rest}"),
    ]);
    for (path, expected) in [
        ("/new/edit", "1 what=edit"),
        ("/old/edit", "0 page=old"),
        ("/new/part/edit", "2 what=part rest=edit"),
        ("/old/part/edit", "3 page=old part=part"),
        ("/img-1.png", "5 name=1"),
        ("/img-1.gif", "4 name=1.gif"),
        ("/img-.png", "4 name=.png"),
        ("/i.png", "6 name=.png"),
        ("/a.png", "7 name=a"),
        ("/img-1.png/7/x", "8 name=1 size=7"),
        ("/img-1.png/edit", "0 page=img-1.png"),
        ("/img-1.png/7/y", "9 rest=img-1.png/7/y"),
    ] {
        assert_eq!(ask(&table, "GET", path.as_bytes()), expected, "{path}");
    }
}

#[test]
fn an_empty_rest_is_a_rest_unless_another_route_has_that_path() {
    let path_form = table(&[("GET", "/files/{rest:path}"), ("GET", "/{*all}")]);
    assert_eq!(ask(&path_form, "GET", b"/files/"), "0 rest=");
    assert_eq!(ask(&path_form, "GET", b"/"), "1 all=");
    assert_eq!(ask(&path_form, "GET", b"/files"), "1 all=files");
    for routes in [
        [("GET", "/f/{*rest}"), ("GET", "/f/")],
        [("GET", "/f/"), ("GET", "/f/{*rest}")],
    ] {
        let table = table(&routes);
        let of = |path: &str| {
            routes
                .iter()
                .position(|(_, template)| *template == path)
                .unwrap()
                .to_string()
        };
        assert_eq!(ask(&table, "GET", b"/f/"), of("/f/"));
        assert_eq!(ask(&table, "GET", b"/f/x"), of("/f/{*rest}") + " rest=x");
    }
}

#[test]
fn escapes_are_decoded_once_and_an_escaped_slash_splits_nothing() {
    let table = table(&[
        ("GET", "/a/{x}"),
        ("GET", "/a/{x}/{y}"),
        ("GET", "/caf\u{e9}/{x}"),
        ("GET", "/rest/{*rest}"),
        ("GET", "/p/img-{x}.png"),
        ("GET", "/{{literal}}"),
        ("GET", "/\u{fffd}"),
    ]);
    for (path, expected) in [
        (&b"/a/b%2Fc"[..], "0 x=b/c"),
        (b"/a/b%2fc/d", "1 x=b/c y=d"),
        (b"/%61/%62", "0 x=b"),
        (b"/a%2Fb", "404"),
        (b"/a/%252F", "0 x=%2F"),
        (b"/a/%2525", "0 x=%25"),
        (b"/a/%", "0 x=%"),
        (b"/a/%z", "0 x=%z"),
        (b"/a/%zz%4", "0 x=%zz%4"),
        (b"/a/%2%46", "0 x=%2F"),
        (b"/a/%00", "0 x=\\x00"),
        (b"/a/%c0", "0 x=\\xc0"),
        (b"/a/\xc0/%ff", "1 x=\\xc0 y=\\xff"),
        (b"/%c0", "404"),
        (b"/%EF%BF%BD", "6"),
        (b"/%FF", "404"),
        (b"/a/%2F%FF/%EF%BF%BD", "1 x=/\\xff y=\\xef\\xbf\\xbd"),
        (b"/caf%C3%A9/x", "2 x=x"),
        (b"/caf\xc3\xa9/x", "2 x=x"),
        (b"/caf%E9/x", "404"),
        (b"/rest/a%2Fb/c%20d", "3 rest=a/b/c d"),
        (b"/p/img-%31%2f2.png", "4 x=1/2"),
        (b"/p/%69mg-%C3.pn%67", "4 x=\\xc3"),
        (b"/{literal}", "5"),
        (b"/a/+", "0 x=+"),
        (b"/a/.%2e", "0 x=.."),
    ] {
        assert_eq!(
            ask(&table, "GET", path),
            expected,
            "{}",
            path.escape_ascii()
        );
    }
}

#[test]
fn methods_are_apart_and_the_others_are_told() {
    let table = table(&[
        ("GET", "/users/{id}"),
        ("PUT", "/users/{user}"),
        ("DELETE", "/users/{id}"),
        ("GET", "/users/me"),
        ("POST", "/jobs"),
        ("HEAD", "/heads"),
    ]);
    assert_eq!(ask(&table, "PUT", b"/users/me"), "1 user=me");
    assert_eq!(ask(&table, "HEAD", b"/users/me"), "3");
    assert_eq!(ask(&table, "HEAD", b"/heads"), "5");
    assert_eq!(ask(&table, "GET", b"/heads"), "405 HEAD");
    assert_eq!(
        ask(&table, "POST", b"/users/%31"),
        "405 DELETE, GET, HEAD, PUT"
    );
    assert_eq!(
        ask(&table, "get", b"/users/1"),
        "405 DELETE, GET, HEAD, PUT"
    );
    assert_eq!(ask(&table, "HEAD", b"/jobs"), "405 POST");
    assert_eq!(ask(&table, "POST", b"/nowhere"), "404");
}

#[test]
fn a_method_is_served_by_its_own_routes_however_general() {
    let table = table(&[
        ("GET", "/{*rest}"),
        ("GET", "/{page}"),
        ("PUT", "/{page}/edit"),
        ("HEAD", "/{page}"),
        ("POST", "/new"),
    ]);
    assert_eq!(ask(&table, "PUT", b"/new/edit"), "2 page=new");
    assert_eq!(ask(&table, "GET", b"/new/edit"), "0 rest=new/edit");
    assert_eq!(ask(&table, "HEAD", b"/new"), "3 page=new");
    assert_eq!(ask(&table, "HEAD", b"/new/edit"), "0 rest=new/edit");
    assert_eq!(ask(&table, "POST", b"/new/edit"), "405 GET, HEAD, PUT");
    assert_eq!(ask(&table, "DELETE", b"/new"), "405 GET, HEAD, POST");
}

#[test]
fn what_cannot_be_told_apart_is_refused_by_name() {
    assert_eq!(
        refusal(&[
            ("GET", "/users/{id}"),
            ("POST", "/users/{a}"),
            ("GET", "/users/{name}")
        ]),
        "GET \"/users/{name}\" cannot be told apart from GET \"/users/{id}\", which is there already"
    );
    for (one, other) in [
        ("/a", "/a"),
        ("/f/{*rest}", "/f/{other:path}"),
        ("/{a}-b/{c}", "/{d}-b/{e}"),
    ] {
        assert!(refusal(&[("GET", one), ("GET", other)]).contains("cannot be told apart"));
    }
}

#[test]
fn templates_of_one_shape_differ_in_names_only() {
    let shape = |text: &str| RouteTemplate::parse(text).map(|template| template.shape());
    for (text, expected) in [
        ("/", "/"),
        ("/a/{b}/", "/a/{}/"),
        ("/v{version}.x/{rest:path}", "/v{}.x/{*}"),
        ("/{*rest}", "/{*}"),
        ("/{{a}}/{b}", "/{{a}}/{}"),
    ] {
        assert_eq!(shape(text).as_deref(), Ok(expected));
    }
    let template = RouteTemplate::parse("/{a}/x{b}/{c:path}").unwrap();
    assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn templates_that_cannot_be_meant_are_refused() {
    for (template, reason) in [
        ("", "slash"),
        ("users", "slash"),
        ("/a?b", "query"),
        ("/a#b", "fragment"),
        ("/{", "no }"),
        ("/}", "no {"),
        ("/{}", "identifier"),
        ("/{a b}", "identifier"),
        ("/{1a}", "identifier"),
        ("/{a}{b}", "two parameters in one segment"),
        ("/{a}/{a}", "two parameters of one name"),
        ("/{a:int}", "unknown kind"),
        ("/{*a}/b", "after the parameter"),
        ("/x{*a}", "beside the parameter"),
        ("/{a:path}x", "beside the parameter"),
    ] {
        let refusal = refusal(&[("GET", template)]);
        assert!(refusal.contains(reason), "{template}: {refusal}");
    }
    let many: String = (0..=PARAMETERS_MAX)
        .map(|number| format!("/{{p{number}}}"))
        .collect();
    assert!(refusal(&[("GET", &many)]).contains("more than 16"));
    assert!(refusal(&[("GE T", "/")]).contains("not an HTTP method"));
    assert!(refusal(&[("", "/")]).contains("not an HTTP method"));
}

#[test]
fn as_many_parameters_as_there_may_be_are_found() {
    let template: String = (0..PARAMETERS_MAX)
        .map(|number| format!("/{{p{number}}}"))
        .collect();
    let path: String = (0..PARAMETERS_MAX)
        .map(|number| format!("/%3{}", number % 10))
        .collect();
    let table = table(&[("GET", &template)]);
    let mut scratch = Vec::new();
    let Found::Route { params, .. } = table.find(b"GET", path.as_bytes(), &mut scratch) else {
        panic!()
    };
    assert_eq!(params.len(), PARAMETERS_MAX);
    assert_eq!(params.value(PARAMETERS_MAX - 1), b"5");
    assert_eq!(params.value(PARAMETERS_MAX), b"");
}

const ESCAPED: &AsciiSet = &CONTROLS.add(b'/').add(b'%').add(b'?').add(b'#').add(b' ');

proptest! {
    /// A parameter gets back any value unchanged.
    #[test]
    fn a_value_comes_back(first in "\\PC+", second in "\\PC+") {
        let table = table(&[("GET", "/x/{a}/{b}"), ("GET", "/y/{*rest}")]);
        let escape = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
        let mut scratch = Vec::new();
        let path = format!("/x/{}/{}", escape(&first), escape(&second));
        let Found::Route { value: 0, params } = table.find(b"GET", path.as_bytes(), &mut scratch) else { panic!() };
        prop_assert_eq!((params.value(0), params.value(1)), (first.as_bytes(), second.as_bytes()));
        let path = format!("/y/{}/{}", escape(&first), escape(&second));
        let mut scratch = Vec::new();
        let Found::Route { value: 1, params } = table.find(b"GET", path.as_bytes(), &mut scratch) else { panic!() };
        prop_assert_eq!(params.value(0).to_vec(), format!("{first}/{second}").into_bytes());
    }

    /// No path does any harm.
    #[test]
    fn any_path_is_answered(path in proptest::collection::vec(any::<u8>(), 0..40), pick in 0..4usize) {
        let table = table(&[
            ("GET", "/"),
            ("GET", "/a/{x}"),
            ("GET", "/i{x}j/{y}/"),
            ("PUT", "/{*rest}"),
        ]);
        let begin = [&b""[..], b"/", b"/a/%", b"/i%2"][pick];
        let path = [begin, &path].concat();
        for method in ["GET", "HEAD", "PUT", "X"] {
            ask(&table, method, &path);
        }
    }

    /// Escaping what needs no escape changes nothing.
    #[test]
    fn needless_escapes_change_nothing(path in "/(a|i|b)/?[ab/]{0,6}") {
        let table = table(&[("GET", "/a/{x}"), ("GET", "/a/{x}/b"), ("GET", "/i/{*rest}"), ("GET", "/b")]);
        let escape = |byte: u8| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") };
        let escaped: String = path.bytes().map(escape).collect();
        prop_assert_eq!(ask(&table, "GET", path.as_bytes()), ask(&table, "GET", escaped.as_bytes()));
    }
}
