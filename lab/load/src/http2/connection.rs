//! Opens connections that speak HTTP/2: by prior knowledge, or as agreed on in the TLS handshake. Knows nothing of what is
//! asked.

use std::net::TcpStream;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::failure::Failure;
use crate::tls::{Tls, name};

/// The protocol's name in a TLS handshake (ALPN).
pub const ALPN: &[u8] = b"h2";
/// Room for answers, so that no window holds the server up: of a stream, and of a connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 24;
/// Streams before the server has said how many it takes.
const STREAMS_AT_FIRST: usize = 1;

/// What asks on a connection, and the task of this thread that moves its bytes until all that ask are gone.
pub(super) type Opened = (SendRequest<Bytes>, JoinHandle<()>);

/// Begins on a stream that is connected.
pub(super) async fn open(stream: TcpStream, tls: Option<&Tls>) -> Result<Opened, Failure> {
    let stream = stream
        .set_nonblocking(true)
        .and_then(|()| tokio::net::TcpStream::from_std(stream))
        .map_err(|error| Failure::io("a connection cannot be watched", &error))?;
    let Some(tls) = tls else {
        return begin(stream).await;
    };
    let secured = TlsConnector::from(tls.config())
        .connect(name(), stream)
        .await
        .map_err(|error| Failure::io("the TLS handshake failed", &error))?;
    if secured.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(Failure::Broken(String::from(
            "the server does not offer HTTP/2 (ALPN)",
        )));
    }
    begin(secured).await
}

async fn begin(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Opened, Failure> {
    let (sender, connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .enable_push(false)
        .handshake(stream)
        .await
        .map_err(|error| Failure::Broken(format!("HTTP/2 cannot begin: {error}")))?;
    let moving = tokio::task::spawn_local(async {
        // What ended it, its streams are told.
        let _ = connection.await;
    });
    Ok((sender, moving))
}
