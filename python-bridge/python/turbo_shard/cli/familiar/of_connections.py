"""Other servers' options about addresses, proxies, limits of requests, WebSockets and files. Rows of the table."""

from __future__ import annotations

from .row import (
    Answer,
    Converted,
    Fixed,
    G,
    H,
    Met,
    N,
    Ours,
    Row,
    U,
    Words,
    as_fd_bind,
    as_it_is,
    as_unix_bind,
    seconds_of_milliseconds,
)

NO_UMASK = Answer(
    "turbo-shard does not change its umask; --unix-mode says who may connect to a Unix socket, UMask= of a systemd "
    "unit or umask before the command does the rest"
)
SCHEME_HEADERS = Answer(
    "the scheme is taken from X-Forwarded-Proto or Forwarded; let the proxy send one"
)
PROXY_PROTOCOL = Answer(
    "here it is said of a place to listen: --bind ADDRESS:PORT,proxy reads versions 1 and 2 there"
)
STATIC = Answer("here that is --static /static=DIR, which may be given several times")
SMUGGLING = Answer(
    "there is no such thing: requests that servers read differently are refused with 400"
)
NO_UWSGI = Answer(
    "the uwsgi protocol is not spoken; let the proxy speak HTTP (proxy_pass in place of uwsgi_pass in nginx)"
)
WEBSOCKETS = Met("WebSockets are part of the server")

ROWS = (
    # Where it listens.
    Row(U | G, "--host", Ours("--host")),
    Row(U | G, "--port", Ours("--port")),
    Row(N | H, "--bind", Ours("--bind")),
    Row(N | H, "-b", Ours("--bind")),
    Row(U | G, "--uds", Converted(("--bind",), as_unix_bind, "a Unix socket is one of --bind")),
    Row(G, "--uds-permissions", Ours("--unix-mode")),
    Row(U, "--fd", Converted(("--bind",), as_fd_bind, "an inherited socket is one of --bind")),
    Row(U | G | N | H, "--backlog", Ours("--backlog")),
    Row(N, "--reuse-port", Met("each shard has a listener of its own, by SO_REUSEPORT")),
    Row(N | H, "--user", Ours("--user")),
    Row(N | H, "-u", Ours("--user")),
    Row(N | H, "--group", Ours("--group")),
    Row(N | H, "-g", Ours("--group")),
    Row(N, "--initgroups", Met("--user takes the user's other groups too")),
    Row(N | H, "--umask", NO_UMASK),
    Row(N | H, "-m", NO_UMASK),
    Row(
        H,
        "--server-name",
        Answer(
            "hosts are not compared; the framework does (TrustedHostMiddleware, ALLOWED_HOSTS), or the proxy"
        ),
    ),
    # Proxies.
    Row(U, "--proxy-headers", Ours("--proxy-headers")),
    Row(U, "--no-proxy-headers", Ours("--no-proxy-headers")),
    Row(U | N, "--forwarded-allow-ips", Ours("--forwarded-allow-ips")),
    Row(N, "secure_scheme_headers", SCHEME_HEADERS),
    Row(
        N,
        "--proxy-protocol",
        Words(
            {"off": Met("it is read only where --bind says so")},
            PROXY_PROTOCOL,
            alone=PROXY_PROTOCOL,
        ),
    ),
    Row(N, "--proxy-allow-from", Ours("--forwarded-allow-ips")),
    Row(N, "--protocol", Words({"http": Met("HTTP is what is spoken")}, NO_UWSGI)),
    Row(N, "--uwsgi-allow-from", NO_UWSGI),
    Row(
        N,
        "--forwarder-headers",
        Answer(
            "fields whose names have an underscore never reach a WSGI app; --root-path is the path below which a proxy "
            "serves the app"
        ),
    ),
    Row(
        N,
        "--header-map",
        Words(
            {"drop": Met("fields whose names have an underscore never reach a WSGI app")},
            Answer(
                "fields whose names have an underscore never reach a WSGI app: they could pass for others"
            ),
        ),
    ),
    Row(U, "--header", Ours("--header")),
    Row(U, "--server-header", Ours("--server-header")),
    Row(U, "--no-server-header", Ours("--no-server-header")),
    Row(U, "--date-header", Ours("--date-header")),
    Row(U, "--no-date-header", Ours("--no-date-header")),
    # Limits of connections and requests.
    Row(
        U,
        "--limit-concurrency",
        Ours(
            "--limit-concurrency",
            "here idle connections do not count; --connections-max bounds those",
        ),
    ),
    Row(
        G,
        "--backpressure",
        Answer(
            "requests do not wait here for others to end; --limit-concurrency answers those beyond a number with 503, "
            "and --connections-max bounds each shard's connections"
        ),
    ),
    Row(U, "--timeout-keep-alive", Ours("--keep-alive-timeout")),
    Row(N | H, "--keep-alive", Ours("--keep-alive-timeout")),
    Row(G, "--http1-keep-alive", Met("connections are kept for --keep-alive-timeout")),
    Row(
        G,
        "--no-http1-keep-alive",
        Answer("connections are always kept; --keep-alive-timeout 0.001 keeps them for a moment"),
    ),
    Row(
        H,
        "--read-timeout",
        Converted(
            ("--head-timeout", "--body-timeout"), as_it_is, "heads and bodies have a time-out each"
        ),
    ),
    Row(
        G,
        "--http1-header-read-timeout",
        Converted(("--head-timeout",), seconds_of_milliseconds, "milliseconds become seconds"),
    ),
    Row(G, "--http1-pipeline-flush", Met("answers to pipelined requests leave together")),
    Row(
        G,
        "--no-http1-pipeline-flush",
        Answer("answers to pipelined requests always leave together; leave it out"),
    ),
    Row(N, "--limit-request-line", Ours("--url-max", "it counts the URL, not the whole line")),
    Row(N, "--limit-request-fields", Ours("--head-fields-max", "256 at most")),
    Row(
        N,
        "--limit-request-field_size",
        Answer("not needed: all fields together are bounded by --head-max; leave it out"),
    ),
    Row(U, "--h11-max-incomplete-event-size", Ours("--head-max")),
    Row(G, "--http1-buffer-size", Ours("--head-max")),
    *(Row(N, flag, SMUGGLING) for flag in ("--permit-obsolete-folding", "--strip-header-spaces")),
    Row(
        N,
        "--permit-unconventional-http-method",
        Met("every method that RFC 9110 allows reaches the app"),
    ),
    Row(
        N,
        "--permit-unconventional-http-version",
        Answer("HTTP/1.0 and HTTP/1.1 are served; any other version gets 505"),
    ),
    Row(
        N,
        "--casefold-http-method",
        Answer(
            "ASGI apps get methods in upper case, as ASGI wants it; WSGI apps get them as they were sent"
        ),
    ),
    # WebSockets.
    Row(
        U | G,
        "--ws",
        Words(
            {
                "auto": WEBSOCKETS,
                "websockets": WEBSOCKETS,
                "websockets-sansio": WEBSOCKETS,
                "wsproto": WEBSOCKETS,
            },
            Answer("not needed: WebSockets are part of the server; leave it out"),
            alone=WEBSOCKETS,
        ),
    ),
    Row(
        G, "--no-ws", Answer("WebSockets cannot be switched off; an app that has none refuses them")
    ),
    Row(U, "--ws-max-size", Ours("--ws-message-max")),
    Row(N, "--websocket-max-message-size", Ours("--ws-message-max")),
    Row(
        U,
        "--ws-max-queue",
        Answer("not needed: what waits for the app is bounded in bytes, and then the client waits"),
    ),
    Row(U, "--ws-ping-interval", Ours("--ws-ping-interval")),
    Row(H, "--websocket-ping-interval", Ours("--ws-ping-interval")),
    Row(U, "--ws-ping-timeout", Ours("--ws-ping-timeout")),
    Row(
        U,
        "--ws-per-message-deflate",
        Words(
            {
                **dict.fromkeys(("true", "True", "1", "yes", "on"), Fixed("--ws-deflate")),
                **dict.fromkeys(("false", "False", "0", "no", "off"), Fixed("--no-ws-deflate")),
            },
            Answer("here that is --ws-deflate or --no-ws-deflate"),
        ),
    ),
    # Files.
    Row(G, "--static-path-route", STATIC),
    Row(G, "--static-path-mount", STATIC),
    Row(
        G,
        "--static-path-dir-to-file",
        Answer("not needed: a directory's index.html is served for it by --static"),
    ),
    Row(G, "--static-path-expires", Answer("here that is --static /static=DIR,max-age=SECONDS")),
    Row(N, "--no-sendfile", Met("files are sent for an app only if --pathsend offers it")),
)
