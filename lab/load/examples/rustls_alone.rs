//! What limits handshakes: rustls with nothing around it. Each of a few threads accepts a connection, shakes hands, answers
//! one request and closes, then takes the next one. It answers `/users/N` as examples/multi_route_app.py does.
//!
//!     rustls_alone PORT CERTIFICATE KEY          serves on 127.0.0.1
//!     rustls_alone in-memory CERTIFICATE KEY     counts the server's half of handshakes that need no sockets, for two seconds

use std::error::Error;
use std::io::{Cursor, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, ServerConfig, ServerConnection};
use rustls::{ClientConnection, Stream};
use turbo_load::tls::Tls;

type Done<T> = Result<T, Box<dyn Error>>;

const ALPN: &[u8] = b"http/1.1";
const MEASURED: Duration = Duration::from_secs(2);
/// As many as the suite has connections, so that the core has work while a client takes its turn.
const THREADS: usize = 16;
const REQUEST_BYTES_MAX: usize = 4096;

fn main() -> Done<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, certificate, key] = arguments.as_slice() else {
        return Err("rustls_alone PORT|in-memory CERTIFICATE KEY".into());
    };
    let config = Arc::new(config(certificate, key)?);
    match place.as_str() {
        "in-memory" => count(&config),
        port => serve(&config, port.parse()?),
    }
}

fn config(certificate: &str, key: &str) -> Done<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Nothing is remembered: every handshake is a full one.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}

fn serve(config: &Arc<ServerConfig>, port: u16) -> Done<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for stream in listener.incoming().flatten() {
                    // What a client does wrong is its own loss.
                    let _ = converse(config, stream);
                }
            });
        }
    });
    Ok(())
}

fn converse(config: &Arc<ServerConfig>, mut socket: TcpStream) -> Done<()> {
    socket.set_nodelay(true)?;
    let mut session = ServerConnection::new(Arc::clone(config))?;
    let mut stream = Stream::new(&mut session, &mut socket);
    let (mut request, mut length) = ([0; REQUEST_BYTES_MAX], 0);
    while !request[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut request[length..])? {
            0 => return Ok(()),
            count => length += count,
        }
    }
    let line = std::str::from_utf8(&request[..length])?;
    let user = line
        .strip_prefix("GET /users/")
        .and_then(|rest| rest.split(' ').next());
    let user = user.unwrap_or("0");
    let body =
        format!(r#"{{"user_id":{user},"name":"User {user}","email":"user{user}@example.com"}}"#);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes())?;
    // The client closes first, as it does with other servers.
    while stream.read(&mut request)? > 0 {}
    Ok(())
}

/// Only what the server's side does is on the clock.
fn count(config: &Arc<ServerConfig>) -> Done<()> {
    let client = Tls::new(ALPN, false);
    let (mut handshakes, mut spent) = (0_u32, Duration::ZERO);
    let end = Instant::now() + MEASURED;
    while Instant::now() < end {
        let mut asking = client.session().map_err(|failure| failure.to_string())?;
        let begun = Instant::now();
        let mut session = ServerConnection::new(Arc::clone(config))?;
        spent += begun.elapsed();
        while asking.is_handshaking() || session.is_handshaking() {
            let flight = sent_by(&mut asking)?;
            let begun = Instant::now();
            let answer = answered(&mut session, &flight)?;
            spent += begun.elapsed();
            asking.read_tls(&mut Cursor::new(answer))?;
            asking.process_new_packets()?;
        }
        handshakes += 1;
    }
    let each = spent / handshakes.max(1);
    println!(
        "{handshakes} full handshakes, {each:?} of the server's time each: {:.0} in a second",
        1.0 / each.as_secs_f64()
    );
    Ok(())
}

fn sent_by(session: &mut ClientConnection) -> Done<Vec<u8>> {
    let mut flight = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut flight)?;
    }
    Ok(flight)
}

fn answered(session: &mut ServerConnection, flight: &[u8]) -> Done<Vec<u8>> {
    let mut rest = Cursor::new(flight);
    while (rest.position() as usize) < flight.len() {
        session.read_tls(&mut rest)?;
        session.process_new_packets()?;
    }
    let mut answer = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut answer)?;
    }
    Ok(answer)
}
