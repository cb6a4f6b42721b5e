"""Other servers' options about TLS, HTTP/2 and HTTP/3, which turbo-shard does not have yet. Rows of the table."""

from __future__ import annotations

from .row import Answer, G, H, Met, N, Row, U, Words

NO_TLS = Answer(
    "turbo-shard does not speak TLS yet; a proxy in front of it, such as nginx, HAProxy or Caddy, does"
)
NO_HTTP2 = Answer(
    "turbo-shard does not speak HTTP/2 yet; a proxy in front of it speaks it to clients, and HTTP/1.1 to turbo-shard"
)
HTTP1 = Met("HTTP/1.1 is what is spoken, by a parser of its own")

ROWS = (
    *(
        Row(U, flag, NO_TLS)
        for flag in (
            "--ssl-keyfile",
            "--ssl-certfile",
            "--ssl-keyfile-password",
            "--ssl-version",
            "--ssl-cert-reqs",
            "--ssl-ca-certs",
            "--ssl-ciphers",
        )
    ),
    *(
        Row(G, flag, NO_TLS)
        for flag in (
            "--ssl-certificate",
            "--ssl-keyfile",
            "--ssl-keyfile-password",
            "--ssl-protocol-min",
            "--ssl-ca",
            "--ssl-crl",
            "--ssl-client-verify",
        )
    ),
    Row(G, "--no-ssl-client-verify", Met("there is no TLS, and so no client's certificate")),
    *(Row(N | H, flag, NO_TLS) for flag in ("--keyfile", "--certfile", "--ca-certs", "--ciphers")),
    *(Row(N | H, flag, NO_TLS) for flag in ("--cert-reqs",)),
    *(Row(H, flag, NO_TLS) for flag in ("--keyfile-password", "--verify-mode")),
    *(
        Row(N, flag, NO_TLS)
        for flag in (
            "--ssl-version",
            "--suppress-ragged-eofs",
            "--do-handshake-on-connect",
            "ssl_context",
        )
    ),
    Row(
        U | G,
        "--http",
        Words(
            {"auto": HTTP1, "h11": HTTP1, "httptools": HTTP1, "zttp": HTTP1, "1": HTTP1}, NO_HTTP2
        ),
    ),
    Row(U, "--http2", NO_HTTP2),
    Row(
        N,
        "--http-parser",
        Words(
            {"auto": HTTP1, "fast": HTTP1, "python": HTTP1},
            Answer("not needed: there is one parser; leave it out"),
        ),
    ),
    Row(N, "--http-protocols", Words({"h1": HTTP1}, NO_HTTP2)),
    Row(N, "--http2-cleartext", Words({"off": HTTP1}, NO_HTTP2)),
    *(
        Row(N, flag, NO_HTTP2)
        for flag in (
            "--http2-max-concurrent-streams",
            "--http2-initial-window-size",
            "--http2-max-frame-size",
            "--http2-max-header-list-size",
        )
    ),
    *(
        Row(G, flag, NO_HTTP2)
        for flag in (
            "--http2-adaptive-window",
            "--http2-initial-connection-window-size",
            "--http2-initial-stream-window-size",
            "--http2-keep-alive-interval",
            "--http2-keep-alive-timeout",
            "--http2-max-concurrent-streams",
            "--http2-max-frame-size",
            "--http2-max-headers-size",
            "--http2-max-send-buffer-size",
        )
    ),
    Row(G, "--no-http2-adaptive-window", Met("there is no HTTP/2, and so no window")),
    Row(
        H,
        "--quic-bind",
        Answer(
            "turbo-shard does not speak HTTP/3; a proxy in front of it, such as Caddy or nginx, does"
        ),
    ),
    Row(
        H,
        "--insecure-bind",
        Answer("without TLS every address is one of these; here that is --host and --port"),
    ),
)
