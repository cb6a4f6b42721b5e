//! What tells the loops of turbo-load apart, and what they have in common: schedules, mixes, pipelines, slow readers,
//! threads, and the refusal of latencies that are not the server's.

mod server;
mod ways;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use server::{Action, SHORT, USERS, command, run, serve, users};

const STALL: Duration = Duration::from_millis(200);
/// On a busy machine a latency may be refused. This many tries give one all the same.
const TRIES_MAX: usize = 20;
const SECOND: [&str; 4] = ["--seconds", "1", "--warm-up-seconds", "0"];

/// A server that does nothing at all for a while, once.
fn stalling() -> SocketAddr {
    let gate = Mutex::new(());
    serve(move |count, request, body| {
        let guard = gate.lock().unwrap_or_else(PoisonError::into_inner);
        if count == 100 {
            thread::sleep(STALL);
        }
        drop(guard);
        users(count, request, body)
    })
}

/// A run whose latency is not refused.
fn measured(server: impl Fn() -> SocketAddr, options: &[&[&str]]) -> Value {
    let mut reports = (0..TRIES_MAX).map(|_| {
        let (status, report) = run(server(), options);
        assert_eq!(status, Some(0), "{report}");
        report
    });
    reports
        .find(|report| !report["latency_us"].is_null())
        .expect("a latency in one of the runs")
}

fn number(report: &Value, pointer: &str) -> f64 {
    let value = report.pointer(pointer).and_then(Value::as_f64);
    value.unwrap_or_else(|| panic!("{pointer} in {report}"))
}

fn a_stall_is_seen_by_the_open_loop_and_hidden_by_the_closed_one() {
    let open = [
        "--rate",
        "500",
        "--arrivals",
        "constant",
        "--connections",
        "8",
    ];
    let open = measured(stalling, &[&USERS, &SECOND, &open]);
    // A hundred of 500 requests were due in the 200 ms; evenly, so that one in twenty of all was late by three quarters.
    assert!(number(&open, "/latency_us/p99") > 150_000.0, "{open}");
    assert!(number(&open, "/requests_waited") > 50.0, "{open}");
    let closed = measured(stalling, &[&USERS, &SECOND, &["--connections", "1"]]);
    // One request of thousands.
    assert!(number(&closed, "/latency_us/max") > 150_000.0, "{closed}");
    assert!(
        number(&closed, "/latency_us/p99") < number(&open, "/latency_us/p99"),
        "{closed}"
    );
}

fn a_rate_beyond_the_server_is_offered_and_not_achieved() {
    let one_at_a_time = || {
        let gate = Mutex::new(());
        serve(move |count, request, body| {
            let guard = gate.lock().unwrap_or_else(PoisonError::into_inner);
            thread::sleep(Duration::from_millis(5));
            drop(guard);
            users(count, request, body)
        })
    };
    let report = measured(
        one_at_a_time,
        &[&USERS, &SECOND, &["--rate", "2000", "--connections", "4"]],
    );
    let of = |name| number(&report, name);
    // 200 a second at most, however fast the machine is.
    assert!(
        of("/offered_per_second") > 1_800.0 && of("/achieved_per_second") < 210.0,
        "{report}"
    );
    assert!(
        of("/requests_unsent") > 1_500.0 && of("/latency_us/p99") > 500_000.0,
        "{report}"
    );
    // Requests that were never sent are in the latencies as well.
    assert_eq!(
        of("/latency_us/count"),
        of("/offered_per_second"),
        "{report}"
    );
}

fn arrivals_are_those_of_the_seed() {
    let offered = |seed| {
        let (status, report) = run(
            serve(users),
            &[&USERS, &SHORT, &["--rate", "1000", "--seed", seed]],
        );
        assert_eq!(status, Some(0), "{report}");
        number(&report, "/offered_per_second")
    };
    assert_eq!(offered("5"), offered("5"));
    assert_ne!(offered("5"), offered("6"));
}

fn a_generator_that_was_held_up_reports_no_latency() {
    let generator = Arc::new(AtomicI32::new(0));
    let pid = Arc::clone(&generator);
    let address = serve(move |count, request, body| {
        if count == 100 {
            let pid = Pid::from_raw(pid.load(Relaxed)).expect("the generator has a pid");
            kill_process(pid, Signal::STOP).unwrap();
            thread::spawn(move || {
                thread::sleep(STALL);
                kill_process(pid, Signal::CONT).unwrap();
            });
        }
        users(count, request, body)
    });
    let options = [
        "--rate",
        "500",
        "--arrivals",
        "constant",
        "--connections",
        "200",
    ];
    let child = command(address, &[&USERS, &SECOND, &options])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    generator.store(child.id().cast_signed(), Relaxed);
    let output = child.wait_with_output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    assert!(
        report["latency_us"].is_null() && report["histogram"].is_null(),
        "{report}"
    );
    assert!(
        report["latency_refused"]
            .as_str()
            .unwrap()
            .contains("bottleneck"),
        "{report}"
    );
    assert!(number(&report, "/send_lag_us/p99") > 100_000.0, "{report}");
    // Throughput is reported all the same.
    assert!(number(&report, "/requests_per_second") > 0.0, "{report}");
}

fn silence_and_lost_connections_break_an_open_loop_too() {
    let open = ["--rate", "1000", "--answer-timeout-seconds", "0.2"];
    let silent = |_: usize, _: &str, _: &str| Action::Silence;
    assert_eq!(run(serve(silent), &[&USERS, &SHORT, &open]).0, Some(4));
    let closing = |count: usize, request: &str, body: &str| match count {
        20 => Action::Close,
        _ => users(count, request, body),
    };
    let (status, report) = run(serve(closing), &[&USERS, &SHORT, &open]);
    assert_eq!(status, Some(4), "{report}");
}

fn threads_share_connections_and_count_together() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = serve(move |number, request, body| {
        count.fetch_add(1, Relaxed);
        users(number, request, body)
    });
    for more in [
        &["--threads", "3"][..],
        &["--threads", "3", "--rate", "1000"],
    ] {
        asked.store(0, Relaxed);
        let (status, report) = run(address, &[&USERS, &SHORT, more, &["--connections", "5"]]);
        assert_eq!(
            (status, report["threads"].as_u64()),
            (Some(0), Some(3)),
            "{report}"
        );
        assert_eq!(report["answers_checked"], asked.load(Relaxed), "{report}");
    }
}

fn idle_connections_answer_before_and_after_the_load() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = serve(move |number, request, body| {
        count.fetch_add(1, Relaxed);
        users(number, request, body)
    });
    let (status, report) = run(address, &[&USERS, &SHORT, &["--idle-connections", "30"]]);
    assert_eq!(status, Some(0), "{report}");
    let load = report["answers_checked"].as_u64().unwrap();
    assert_eq!(asked.load(Relaxed) as u64, load + 2 * 30, "{report}");
}

fn pipelined_requests_are_answered_in_their_order() {
    let pipeline = [
        "--pipeline",
        "16",
        "--requests-max",
        "2000",
        "--seconds",
        "60",
    ];
    let options: [&[&str]; 3] = [&USERS, &pipeline, &["--warm-up-seconds", "0"]];
    let (status, report) = run(serve(users), &options);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(number(&report, "/answers_checked"), 2000.0, "{report}");
    // Two answers in each other's place.
    let swapping = |count: usize, request: &str, body: &str| match count {
        500 => Action::Answer(200, String::from(r#"{"id":0}"#)),
        _ => users(count, request, body),
    };
    assert_eq!(run(serve(swapping), &options).0, Some(3));
}

#[test]
fn a_slow_reader_is_no_faster_than_asked() {
    let large = |_: usize, request: &str, _: &str| {
        let number = request.rsplit('/').next().unwrap();
        Action::Answer(200, number.repeat(2_000))
    };
    let expected = "{n}".repeat(2_000);
    let slow = [
        "--slow-read-bytes-per-second",
        "100000",
        "--connections",
        "3",
    ];
    let asked = ["--path", "/large/{n}", "--expect-body", &expected];
    let (status, report) = run(serve(large), &[&asked, &SECOND, &slow]);
    assert_eq!(
        (status, report["io"].as_str()),
        (Some(0), Some("epoll")),
        "{report}"
    );
    // 8,000 bytes each, ten times a second, and what began before the second did.
    assert!(
        number(&report, "/bytes_received") <= 3.0 * 100_000.0 * 1.02,
        "{report}"
    );
    assert!(number(&report, "/requests") > 0.0, "{report}");
}

/// Writes the file of a mix, whose name is the test's.
fn mix_file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    std::fs::write(&path, text).unwrap();
    path
}

fn shop(_: usize, request: &str, body: &str) -> Action {
    let number = request.rsplit('/').next().unwrap();
    match request.split('/').nth(1) {
        Some("items") => Action::Answer(200, format!("item {number}")),
        Some("orders") => Action::Answer(201, body.to_owned()),
        _ => Action::Answer(404, format!("no {number}")),
    }
}

const SHOP: &str = r#"[
    {"weight": 8, "path": "/items/{n}", "expect_body": "item {n}"},
    {"weight": 1, "path": "/orders", "method": "POST", "echo_bytes": 100, "expect_status": 201},
    {"weight": 1, "path": "/nothing/{n}", "expect_any_body": true, "expect_status": 404}
]"#;

fn a_mix_asks_each_route_by_its_weight_and_the_same_again_with_its_seed() {
    let file = mix_file("shop", SHOP);
    let mix = ["--mix", file.to_str().unwrap(), "--requests-max", "2000"];
    let counts = |more: &[&str]| {
        let (status, report) = run(
            serve(shop),
            &[&mix, &["--seconds", "60", "--warm-up-seconds", "0"], more],
        );
        assert_eq!(status, Some(0), "{report}");
        let routes = report["by_route"].as_array().unwrap().clone();
        let counts = routes.iter().map(|route| number(route, "/requests"));
        counts.collect::<Vec<f64>>()
    };
    let seven = counts(&["--seed", "7"]);
    assert!((seven[0] - 1600.0).abs() < 100.0, "{seven:?}");
    assert!(
        (seven[1] - 200.0).abs() < 75.0 && (seven[2] - 200.0).abs() < 75.0,
        "{seven:?}"
    );
    assert_eq!(seven, counts(&["--seed", "7"]));
    assert_ne!(seven, counts(&["--seed", "8"]));
}

fn a_wrong_body_on_one_route_of_a_mix_ends_the_run() {
    let file = mix_file("wrong", &SHOP.replace(r#""item {n}""#, r#""item  {n}""#));
    let (status, report) = run(serve(shop), &[&["--mix", file.to_str().unwrap()], &SHORT]);
    assert_eq!(
        (status, report["failure"].as_str()),
        (Some(3), Some("wrong_answer"))
    );
    let message = report["message"].as_str().unwrap();
    assert!(
        message.contains("GET /items/") && message.contains("bodies differ from byte 5 on"),
        "{message}"
    );
}

ways::both_ways! {
    a_stall_is_seen_by_the_open_loop_and_hidden_by_the_closed_one,
    a_rate_beyond_the_server_is_offered_and_not_achieved,
    arrivals_are_those_of_the_seed,
    a_generator_that_was_held_up_reports_no_latency,
    silence_and_lost_connections_break_an_open_loop_too,
    threads_share_connections_and_count_together,
    idle_connections_answer_before_and_after_the_load,
    pipelined_requests_are_answered_in_their_order,
    a_mix_asks_each_route_by_its_weight_and_the_same_again_with_its_seed,
    a_wrong_body_on_one_route_of_a_mix_ends_the_run,
}
