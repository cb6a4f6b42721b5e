"""Other servers' options about TLS, HTTP/2 and HTTP/3. Rows of the table."""

from __future__ import annotations

from .row import Answer, Fixed, G, H, Met, N, Ours, Row, U, Word, Words

CERTIFICATE, KEY = Ours("--ssl-certfile"), Ours("--ssl-keyfile")
PASSWORD = Ours("--ssl-keyfile-password")
CAS = Ours("--ssl-ca-certs")
ASKS = Ours("--ssl-cert-reqs")
# The numbers of Python's ssl module.
VERIFY_MODES: dict[str, Word] = {
    "0": Fixed("--ssl-cert-reqs=none"),
    "1": Fixed("--ssl-cert-reqs=optional"),
    "2": Fixed("--ssl-cert-reqs=required"),
}
CIPHERS = Answer(
    "not needed: TLS 1.3 and 1.2 are spoken with the AEAD ciphers that are considered safe, and no others; leave it out"
)
CHOSEN_VERSION = Answer(
    "write --ssl-min-version TLSv1.2 or TLSv1.3; older versions are not safe, and a newest version is not set"
)
HTTP1 = Met("HTTP/1.1 is what is spoken, by a parser of its own")
HTTP2 = Met("clients that know HTTP/2 speak it, over TLS and without; others speak HTTP/1.1")
HTTP2_BOUND = Answer("not to be set: docs/http2.md says what it is here")

ROWS = (
    Row(U, "--ssl-certfile", CERTIFICATE),
    Row(G, "--ssl-certificate", CERTIFICATE),
    Row(N | H, "--certfile", CERTIFICATE),
    Row(U | G, "--ssl-keyfile", KEY),
    Row(N | H, "--keyfile", KEY),
    Row(U | G, "--ssl-keyfile-password", PASSWORD),
    Row(H, "--keyfile-password", PASSWORD),
    Row(
        G,
        "--ssl-protocol-min",
        Words(
            {
                "tls1.2": Fixed("--ssl-min-version=TLSv1.2"),
                "tls1.3": Fixed("--ssl-min-version=TLSv1.3"),
            },
            CHOSEN_VERSION,
        ),
    ),
    Row(U, "--ssl-version", CHOSEN_VERSION),
    Row(N, "--ssl-version", CHOSEN_VERSION),
    Row(U, "--ssl-ciphers", CIPHERS),
    Row(N | H, "--ciphers", CIPHERS),
    Row(U, "--ssl-cert-reqs", Words(VERIFY_MODES, ASKS)),
    Row(N | H, "--cert-reqs", Words(VERIFY_MODES, ASKS)),
    Row(
        H,
        "--verify-mode",
        Words(
            {
                "CERT_NONE": VERIFY_MODES["0"],
                "CERT_OPTIONAL": VERIFY_MODES["1"],
                "CERT_REQUIRED": VERIFY_MODES["2"],
            },
            ASKS,
        ),
    ),
    Row(U, "--ssl-ca-certs", CAS),
    Row(G, "--ssl-ca", CAS),
    Row(N | H, "--ca-certs", CAS),
    Row(G, "--ssl-crl", Ours("--ssl-crl")),
    Row(G, "--ssl-client-verify", Fixed("--ssl-cert-reqs=required")),
    Row(G, "--no-ssl-client-verify", Fixed("--ssl-cert-reqs=none")),
    Row(
        N,
        "--suppress-ragged-eofs",
        Met("a client that leaves without a word is no error, whatever it had sent"),
    ),
    Row(
        N,
        "--do-handshake-on-connect",
        Met("a handshake is done as it comes, and holds up nobody else"),
    ),
    Row(
        N, "ssl_context", Answer("TLS is not Python's here; write --ssl-certfile and --ssl-keyfile")
    ),
    Row(
        U | G,
        "--http",
        Words(
            {
                **dict.fromkeys(("auto", "h11", "httptools", "zttp", "1"), HTTP1),
                "2": HTTP2,
            },
            Answer("turbo-shard speaks HTTP/1.1 and HTTP/2, each by a parser of its own"),
        ),
    ),
    Row(U, "--http2", HTTP2),
    Row(
        N,
        "--http-parser",
        Words(
            {"auto": HTTP1, "fast": HTTP1, "python": HTTP1},
            Answer("not needed: there is one parser; leave it out"),
        ),
    ),
    Row(
        N,
        "--http-protocols",
        Words(
            {"h1": Fixed("--no-http2"), "h2": HTTP2, "h1,h2": HTTP2, "h2,h1": HTTP2},
            Answer("turbo-shard speaks HTTP/1.1 and HTTP/2"),
        ),
    ),
    Row(N, "--http2-cleartext", Words({"off": Fixed("--no-http2"), "on": HTTP2}, HTTP2_BOUND)),
    Row(N | G, "--http2-max-concurrent-streams", Ours("--http2-streams-max")),
    *(
        Row(N, flag, HTTP2_BOUND)
        for flag in (
            "--http2-initial-window-size",
            "--http2-max-frame-size",
            "--http2-max-header-list-size",
        )
    ),
    *(
        Row(G, flag, HTTP2_BOUND)
        for flag in (
            "--http2-adaptive-window",
            "--http2-initial-connection-window-size",
            "--http2-initial-stream-window-size",
            "--http2-keep-alive-interval",
            "--http2-keep-alive-timeout",
            "--http2-max-frame-size",
            "--http2-max-headers-size",
            "--http2-max-send-buffer-size",
        )
    ),
    Row(G, "--no-http2-adaptive-window", Met("windows do not adapt")),
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
        Answer(
            "here all listeners speak TLS, or none; --redirect-http PORT leads plain HTTP to them"
        ),
    ),
)
