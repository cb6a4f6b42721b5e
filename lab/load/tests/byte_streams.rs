//! Bytes in every size and order that a socket allows, over both ways to move bytes; and a kernel that refuses one of
//! the two.

mod server;
mod ways;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use server::{Action, SHORT, USERS, command, run, serve, users};

const UNHURRIED: [&str; 4] = ["--seconds", "60", "--warm-up-seconds", "0"];
/// More than all buffers of a ring with two connections.
const LARGE_BODY_BYTES: usize = 3 << 20;

/// Serves with a function that has the connection to itself, on a thread for each.
fn serve_raw(converse: fn(TcpStream) -> std::io::Result<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            // Ends with an error when the client has gone.
            std::thread::spawn(move || converse(stream));
        }
    });
    address
}

/// The number in the path of the next request, which has no body.
fn next_number(reader: &mut impl BufRead) -> std::io::Result<String> {
    let (mut first, mut line) = (String::new(), String::new());
    reader.read_line(&mut first)?;
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1);
    let number = path.and_then(|path| path.rsplit('/').next());
    number
        .map(str::to_owned)
        .ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

fn answer(body: &str) -> String {
    let bytes = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n{body}")
}

fn byte_by_byte(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let number = next_number(&mut reader)?;
        for byte in answer(&format!("{{\"id\":{number}}}")).bytes() {
            stream.write_all(&[byte])?;
        }
    }
}

fn an_answer_may_come_byte_by_byte() {
    let count = ["--requests-max", "200", "--connections", "8"];
    let (status, report) = run(serve_raw(byte_by_byte), &[&USERS, &UNHURRIED, &count]);
    assert_eq!(
        (status, report["answers_checked"].as_u64()),
        (Some(0), Some(200)),
        "{report}"
    );
}

fn large(number: &str) -> String {
    number.repeat(LARGE_BODY_BYTES / number.len())
}

/// The options that expect a large body, which is in a file of this name.
fn large_expected(name: &str) -> [String; 4] {
    let file = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, "{n}".repeat(LARGE_BODY_BYTES / 4)).unwrap();
    let expected = format!("@{file}");
    ["--path", "/large/{n}", "--expect-body", &expected].map(String::from)
}

fn answers_may_be_larger_than_all_buffers_together() {
    let address =
        serve(|_, request, _| Action::Answer(200, large(request.rsplit('/').next().unwrap())));
    let asked = large_expected("larger");
    let count = ["--requests-max", "12", "--connections", "2"];
    let options: [&[&str]; 3] = [&asked.each_ref().map(String::as_str), &UNHURRIED, &count];
    let (status, report) = run(address, &options);
    assert_eq!(
        (status, report["answers_checked"].as_u64()),
        (Some(0), Some(12)),
        "{report}"
    );
}

fn the_last_byte_of_a_large_answer_is_checked() {
    let address = serve(|_, request, _| {
        let mut body = large(request.rsplit('/').next().unwrap());
        body.replace_range(LARGE_BODY_BYTES - 1.., "x");
        Action::Answer(200, body)
    });
    let asked = large_expected("last_byte");
    let (status, report) = run(address, &[&asked.each_ref().map(String::as_str)]);
    assert_eq!(status, Some(3), "{report}");
    let place = format!("from byte {} on", LARGE_BODY_BYTES - 1);
    assert!(
        report["message"].as_str().unwrap().contains(&place),
        "{report}"
    );
}

/// More than fits into a socket, so it does not go out in one piece.
fn large_requests_go_out_whole_however_little_the_socket_takes() {
    let echo = |_: usize, _: &str, body: &str| Action::Answer(200, body.to_owned());
    let body = LARGE_BODY_BYTES.to_string();
    let post = ["--method", "POST", "--path", "/echo", "--echo-bytes", &body];
    let count = ["--requests-max", "12", "--connections", "2"];
    let (status, report) = run(serve(echo), &[&post, &UNHURRIED, &count]);
    assert_eq!(
        (status, report["answers_checked"].as_u64()),
        (Some(0), Some(12)),
        "{report}"
    );
}

/// Megabytes of requests on a connection, which a server answers from the first on: no answer is held to be early.
fn long_pipelines_are_answered_while_they_still_go_out() {
    let echo = |_: usize, _: &str, body: &str| Action::Answer(200, body.to_owned());
    let post = [
        "--method",
        "POST",
        "--path",
        "/echo",
        "--echo-bytes",
        "20000",
    ];
    let count = ["--requests-max", "3000", "--connections", "2"];
    let options: [&[&str]; 4] = [&post, &UNHURRIED, &count, &["--pipeline", "300"]];
    let (status, report) = run(serve(echo), &options);
    assert_eq!(
        (status, report["answers_checked"].as_u64()),
        (Some(0), Some(3000)),
        "{report}"
    );
}

fn wrong_and_gone(mut stream: TcpStream) -> std::io::Result<()> {
    next_number(&mut BufReader::new(stream.try_clone()?))?;
    stream.write_all(answer("wrong").as_bytes())
}

fn a_wrong_answer_counts_before_the_end_that_follows_it() {
    let (status, report) = run(serve_raw(wrong_and_gone), &[&USERS, &SHORT]);
    assert_eq!(status, Some(3), "{report}");
}

fn half_and_gone(mut stream: TcpStream) -> std::io::Result<()> {
    let number = next_number(&mut BufReader::new(stream.try_clone()?))?;
    let answer = answer(&format!("{{\"id\":{number}}}"));
    stream.write_all(&answer.as_bytes()[..answer.len() / 2])
}

/// At once, and not when the rest is overdue.
fn half_an_answer_breaks_the_run() {
    let (status, report) = run(serve_raw(half_and_gone), &[&USERS, &SHORT]);
    assert_eq!(status, Some(4), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(
        message.contains("closed a connection that waited for GET /users/"),
        "{message}"
    );
}

/// An answer to a request that was not sent.
fn talkative(mut stream: TcpStream) -> std::io::Result<()> {
    stream.write_all(answer("unasked").as_bytes())?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn what_comes_unasked_is_wrong() {
    // Requests are due seconds apart, so the answer comes before the first.
    let rarely = ["--rate", "0.5", "--arrivals", "constant", "--seconds", "4"];
    let (status, report) = run(serve_raw(talkative), &[&USERS, &rarely]);
    assert_eq!(status, Some(3), "{report}");
}

/// The numbers that were asked for, in order, and what was counted.
fn asked_and_counted(more: &[&str]) -> (Vec<String>, Value) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let address = serve(move |count, request, body| {
        noted.lock().unwrap().push(request.to_owned());
        users(count, request, body)
    });
    let count = ["--requests-max", "1000", "--threads", "2"];
    let (status, report) = run(address, &[&USERS, &UNHURRIED, &count, more]);
    assert_eq!(status, Some(0), "{report}");
    let mut asked = std::mem::take(&mut *asked.lock().unwrap());
    asked.sort();
    (asked, report)
}

#[test]
fn both_ways_ask_and_count_the_same() {
    for loops in [&["--pipeline", "3"][..], &["--rate", "5000"]] {
        let [one, other] = ["epoll", "auto"].map(|io| {
            let (asked, report) = asked_and_counted(&[loops, &["--io", io]].concat());
            let counted = ["requests", "answers_checked", "bytes_received", "errors"]
                .map(|name| report[name].clone());
            (asked, counted)
        });
        assert_eq!(one.0.len(), 1000);
        assert_eq!(one, other);
    }
}

/// Lets no ring be made, as containers do.
fn forbid_rings() -> std::io::Result<()> {
    let statement = |code: u32, k: u32| libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k,
    };
    // The number of the system call is the first thing that a filter sees.
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            jf: 1,
            ..statement(
                libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
                libc::SYS_io_uring_setup as u32,
            )
        },
        statement(
            libc::BPF_RET | libc::BPF_K,
            libc::SECCOMP_RET_ERRNO | libc::EPERM as u32,
        ),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: both calls only read their arguments, which live through them.
    let refused = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) != 0
    };
    if refused {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

fn run_without_rings(io: &str) -> (Option<i32>, Value) {
    let mut command = command(serve(users), &[&USERS, &SHORT, &["--io", io]]);
    // SAFETY: two system calls are all that happens between fork and exec.
    unsafe { command.pre_exec(forbid_rings) };
    let output = command.output().unwrap();
    (
        output.status.code(),
        serde_json::from_slice(&output.stdout).unwrap(),
    )
}

#[test]
fn where_rings_are_forbidden_a_run_takes_epoll_or_says_why_not() {
    let (status, report) = run_without_rings("auto");
    assert_eq!(
        (status, report["io"].as_str()),
        (Some(0), Some("epoll")),
        "{report}"
    );
    let (status, report) = run_without_rings("uring");
    assert_eq!(status, Some(4), "{report}");
    let message = report["message"].as_str().unwrap();
    assert!(
        message.starts_with("--io uring: io_uring is forbidden here (Operation not permitted"),
        "{message}"
    );
}

ways::both_ways! {
    an_answer_may_come_byte_by_byte,
    answers_may_be_larger_than_all_buffers_together,
    the_last_byte_of_a_large_answer_is_checked,
    large_requests_go_out_whole_however_little_the_socket_takes,
    long_pipelines_are_answered_while_they_still_go_out,
    a_wrong_answer_counts_before_the_end_that_follows_it,
    half_an_answer_breaks_the_run,
    what_comes_unasked_is_wrong,
}
