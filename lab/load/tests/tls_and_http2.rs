//! turbo-load over TLS and over HTTP/2: what it accepts, and that it checks there as it does over HTTP/1 without TLS. The
//! servers are rustls and the crate h2, with a few lines around them.

#[allow(dead_code, reason = "servers of these tests have other tasks")]
mod server;
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "TLS and HTTP/2 have one way only"
)]
mod ways;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use bytes::Bytes;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};
use serde_json::Value;
use server::{USERS, command, run};
use tokio::task::LocalSet;

/// Of the requests below /refused/, every second one is refused unheard.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

const FEW: [&str; 4] = ["--requests-max", "200", "--warm-up-seconds", "0"];

fn config(protocol: &[u8], resumes: bool) -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed([String::from("localhost")]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![protocol.to_vec()];
    if resumes {
        config.ticketer = ring::Ticketer::new().unwrap();
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
    }
    Arc::new(config)
}

/// Answers every request with what `body` makes of its path.
fn serve_tls(resumes: bool, body: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = config(b"http/1.1", resumes);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = Arc::clone(&config);
            // What a client breaks off is told by the client.
            thread::spawn(move || converse(&config, stream.unwrap(), body).ok());
        }
    });
    address
}

fn converse(
    config: &Arc<ServerConfig>,
    socket: TcpStream,
    body: fn(&str) -> String,
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let session = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = rustls::StreamOwned::new(session, socket);
    let mut received = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        received.extend_from_slice(&chunk[..count]);
        while let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(received.drain(..end + 4).collect()).unwrap();
            let body = body(head.split(' ').nth(1).unwrap());
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            )?;
        }
    }
}

fn user(path: &str) -> String {
    format!("{{\"id\":{}}}", path.trim_start_matches("/users/"))
}

/// The same over HTTP/2, without TLS. Bodies come in two frames.
fn serve_http2(body: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        LocalSet::new().block_on(&runtime.unwrap(), async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(async move {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        if request.uri().path().starts_with("/refused/")
                            && REFUSED.fetch_add(1, Relaxed).is_multiple_of(2)
                        {
                            respond.send_reset(h2::Reason::REFUSED_STREAM);
                            continue;
                        }
                        let body = Bytes::from(body(request.uri().path()));
                        let mut rest = respond
                            .send_response(http::Response::new(()), false)
                            .unwrap();
                        rest.send_data(body.slice(..2), false).unwrap();
                        rest.send_data(body.slice(2..), true).unwrap();
                    }
                });
            }
        });
    });
    address
}

#[test]
fn answers_over_tls_are_checked() {
    let (status, report) = run(serve_tls(false, user), &[&USERS, &FEW, &["--tls"]]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(
        (&report["tls"], &report["protocol"]),
        (&true.into(), &"HTTP/1.1".into())
    );
    assert_eq!(report["answers_checked"], 200);
    let wrong = serve_tls(false, |_| String::from("{\"id\":0}"));
    let (status, report) = run(wrong, &[&USERS, &FEW, &["--tls"]]);
    assert_eq!(
        (status, &report["failure"]),
        (Some(3), &"wrong_answer".into()),
        "{report}"
    );
}

#[test]
fn a_server_without_tls_breaks_the_run() {
    let (status, report) = run(server::serve(server::users), &[&USERS, &FEW, &["--tls"]]);
    assert_eq!(status, Some(4), "{report}");
    assert!(
        report["message"]
            .as_str()
            .unwrap()
            .contains("TLS handshake failed"),
        "{report}"
    );
}

#[test]
fn every_request_has_a_handshake_of_the_kind_that_was_asked_for() {
    for (kind, resumes) in [("full", false), ("full", true), ("resumed", true)] {
        let options = ["--tls", "--handshakes", kind, "--connections", "4"];
        let (status, report) = run(serve_tls(resumes, user), &[&USERS, &FEW, &options]);
        assert_eq!(status, Some(0), "{kind}: {report}");
        assert_eq!(
            (&report["handshakes"], &report["answers_checked"]),
            (&kind.into(), &200.into())
        );
    }
}

#[test]
fn a_server_that_resumes_nothing_is_not_measured_as_one_that_does() {
    let options = ["--tls", "--handshakes", "resumed", "--connections", "1"];
    let (status, report) = run(serve_tls(false, user), &[&USERS, &FEW, &options]);
    assert_eq!(status, Some(4), "{report}");
    assert!(
        report["message"]
            .as_str()
            .unwrap()
            .contains("did not resume"),
        "{report}"
    );
}

#[test]
fn streams_share_a_connection_and_are_checked_one_by_one() {
    let options = ["--http2", "--streams", "50", "--connections", "1"];
    let (status, report) = run(serve_http2(user), &[&USERS, &FEW, &options]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(
        (&report["protocol"], &report["pipeline"]),
        (&"HTTP/2".into(), &50.into())
    );
    assert_eq!(report["answers_checked"], 200);
    let wrong = serve_http2(|_| String::from("{\"id\":0}"));
    let (status, report) = run(wrong, &[&USERS, &FEW, &options]);
    assert_eq!(
        (status, &report["failure"]),
        (Some(3), &"wrong_answer".into()),
        "{report}"
    );
}

#[test]
fn a_request_that_was_refused_unheard_is_sent_again() {
    let asks = ["--path", "/refused/{n}", "--expect-body", "refused {n}"];
    let server = serve_http2(|path| path.trim_start_matches('/').replace('/', " "));
    let (status, report) = run(server, &[&asks, &FEW, &["--http2", "--connections", "1"]]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(
        (&report["answers_checked"], &report["streams_refused"]),
        (&200.into(), &200.into())
    );
}

/// What is printed last, of a job that prints more than one line.
fn last_line(target: SocketAddr, options: &[&[&str]]) -> Value {
    let output = command(target, options).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn idle_connections_are_held_over_http2_too() {
    let idle = ["--idle", "5"];
    let held = last_line(serve_http2(user), &[&USERS, &["--http2"], &idle]);
    assert_eq!(
        (&held["kind"], &held["open"]),
        (&"released".into(), &5.into())
    );
    let held = last_line(serve_tls(true, user), &[&USERS, &["--tls"], &idle]);
    assert_eq!(
        (&held["kind"], &held["open"]),
        (&"released".into(), &5.into())
    );
}

#[test]
fn a_server_without_http2_breaks_the_run() {
    let (status, report) = run(server::serve(server::users), &[&USERS, &FEW, &["--http2"]]);
    assert_eq!(status, Some(4), "{report}");
}
