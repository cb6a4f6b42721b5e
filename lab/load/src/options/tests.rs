//! Tests of the command line: what is understood, and what is refused with which words.

use super::*;

fn parsed(arguments: &str) -> Result<Job, Failure> {
    parse(arguments.split_whitespace().map(OsString::from))
}

fn load(arguments: &str) -> LoadPlan {
    match parsed(arguments) {
        Ok(Job::Load(plan)) => plan,
        other => panic!("{arguments}: {other:?}"),
    }
}

fn complaint(arguments: &str) -> String {
    let Err(Failure::Usage(text)) = parsed(arguments) else {
        panic!("{arguments} was accepted")
    };
    text
}

#[test]
fn every_option_of_the_help_is_understood() {
    let mut given = Given::defaults();
    for line in HELP.lines().filter_map(|line| line.strip_prefix("  --")) {
        let name = line.split(' ').next().unwrap();
        let value = [
            "127.0.0.1:1",
            "/",
            "GET",
            "a: b",
            "200",
            "1-2",
            "text",
            "poisson",
            "epoll",
            "full",
            "Cargo.toml",
        ];
        assert!(
            value
                .iter()
                .any(|value| set(&mut given, name, value).is_ok()),
            "{name}"
        );
    }
}

#[test]
fn a_loop_has_sensible_defaults() {
    let plan = load("--target localhost:1 --expect-body x");
    assert_eq!(
        (plan.connections, plan.mix.first().line(1)),
        (32, String::from("GET /"))
    );
    assert_eq!(plan.pacing, Pacing::Closed { pipeline: 1 });
}

#[test]
fn idle_needs_no_loop_options() {
    let job = parsed("--target [::1]:1 --expect-body x --idle 10 --cpu 1");
    assert!(matches!(job, Ok(Job::Idle { cores, .. }) if cores == [1]));
}

#[test]
fn other_machines_are_refused() {
    assert!(complaint("--target 192.0.2.1:80 --expect-body x").contains("loopback"));
    assert!(complaint("--target server.example:80").contains("no ADDRESS:PORT"));
}

#[test]
fn unchecked_bodies_are_refused() {
    assert!(complaint("--target 127.0.0.1:1").contains("--expect-body is missing"));
}

#[test]
fn what_would_break_the_request_is_refused() {
    let breaking = [
        ("path", "users"),
        ("path", "/a b"),
        ("path", "/a\r\nX: y"),
        ("method", "HEAD"),
        ("method", "get"),
        ("header", "X: a\r\nY: b"),
        ("header", "Content-Length: 5"),
        ("header", "novalue"),
        ("numbers", "5-1"),
        ("connections", "0"),
        ("seconds", "-1"),
        ("seconds", "NaN"),
        ("expect-status", "99"),
        ("rate", "0"),
        ("rate", "1e9"),
        ("rate", "NaN"),
        ("arrivals", "sometimes"),
        ("io", "kqueue"),
        ("pipeline", "0"),
        ("threads", "0"),
        ("cpu", "1,x"),
        ("cpu", ""),
        ("slow-read-bytes-per-second", "0"),
        ("mix", "no such file"),
    ];
    for (name, value) in breaking {
        assert!(
            set(&mut Given::defaults(), name, value).is_err(),
            "{name} {value:?}"
        );
    }
}

#[test]
fn an_echo_has_its_size_and_comes_back() {
    let plan = load("--target localhost:1 --method POST --echo-bytes 10240");
    let Exchange::Http(request) = plan.mix.first() else {
        panic!()
    };
    let (body, mut sent) = (request.expected_body(1234), Vec::new());
    request.encode(1234, &mut sent);
    assert!(body.len() == 10_240 && sent.ends_with(&body));
    assert!(complaint("--target localhost:1 --echo-bytes 64 --body x").contains("leave them"));
}

#[test]
fn websocket_needs_a_message_and_one_path() {
    let given = "--target localhost:1 --websocket text";
    let plan = load(&format!("{given} --echo-bytes 64"));
    let Exchange::WebSocket(messages) = plan.mix.first() else {
        panic!()
    };
    assert!(String::from_utf8(messages.message.text(1000)).is_ok());
    let given = format!("{given} --expect-body x");
    assert!(complaint(&given).contains("--body is missing"));
    assert!(complaint(&format!("{given} --body x --path /{{n}}")).contains("once per"));
    assert!(complaint(&format!("{given} --body x --idle 1")).contains("idle connections"));
    assert!(complaint("--websocket other").contains("neither text nor binary"));
}

#[test]
fn unknown_options_are_named() {
    assert!(complaint("--targets 1").contains("--targets"));
    assert!(complaint("--path").contains("path"));
    assert!(complaint("somewhere").contains("somewhere"));
}

#[test]
fn a_rate_makes_the_loop_an_open_one() {
    let plan = load("--target localhost:1 --expect-body x --rate 2500 --seed 7");
    let expected = Schedule {
        rate: 2500.0,
        spacing: Spacing::Poisson,
        seed: 7,
    };
    assert_eq!(plan.pacing, Pacing::Open(expected));
}

#[test]
fn threads_and_their_cores_are_lists() {
    let plan = load("--target localhost:1 --expect-any-body --threads 2 --cpu 2,3");
    assert_eq!((plan.threads, plan.cores), (2, vec![2, 3]));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let given = "--target localhost:1 --expect-body x";
    let cases = [
        ("--rate 10 --pipeline 2", "closed loop"),
        ("--arrivals constant", "give it a --rate"),
        ("--threads 2 --connections 1", "one of the --connections"),
        (
            "--io uring --slow-read-bytes-per-second 100",
            "needs --io epoll",
        ),
        ("--rate 10000000 --seconds 200", "can be scheduled"),
        ("--websocket text --body x --pipeline 2", "for HTTP"),
        (
            "--websocket text --body x --idle-connections 2",
            "over HTTP",
        ),
        ("--mix Cargo.toml", "--expect-body is said by the file"),
    ];
    for (more, expected) in cases {
        let found = complaint(&format!("{given} {more}"));
        assert!(found.contains(expected), "{more}: {found}");
    }
    assert!(complaint("--target localhost:1 --mix Cargo.toml").contains("--mix: "));
}

#[test]
fn tls_and_http2_go_together_with_what_they_can() {
    let asks = "--target 127.0.0.1:1 --expect-body x ";
    let plan = load(&format!(
        "{asks}--tls --http2 --streams 100 --connections 1"
    ));
    assert_eq!((plan.tls.is_some(), plan.http2_streams), (true, Some(100)));
    for (options, words) in [
        ("--tls --io uring", "--io uring has no TLS"),
        ("--handshakes full", "add --tls"),
        (
            "--tls --handshakes full --pipeline 2",
            "one request on each connection",
        ),
        ("--tls --handshakes some", "neither full nor resumed"),
        ("--streams 2", "add --http2"),
        ("--http2 --rate 10", "a closed loop of --streams"),
    ] {
        let text = complaint(&format!("{asks}{options}"));
        assert!(text.contains(words), "{options}: {text}");
    }
}
