"""What the server does around the app works for each stream of HTTP/2 as for a request of HTTP/1."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from access_log_files import wait_for_lines
from http2_client import Http2Client
from server_process import StartServer


def test_access_log_files_compression_headers_and_proxies(
    start_server: StartServer, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("a file\n" * 1000)
    line = '%(h)s "%(r)s" %(s)s %(b)s "%({content-type}o)s" "%({x-name}i)s"'
    server = start_server(
        "forwarded_app:asgi",
        *(f"--access-log={log}", "--access-log-format", line),
        *("--static", f"/files={tmp_path / 'files'}"),
        *("--compress", "--header", "x-served-by: one", "--forwarded-allow-ips", "*"),
        "--shards",
        "1",
    )
    with Http2Client(server) as client:
        seen = client.get("/", ("x-forwarded-for", "192.0.2.7"), ("x-name", "n"))
        assert (seen.status, seen.header("x-served-by")) == (200, "one")
        plain = client.get("/files/a.txt")
        assert plain.body == b"a file\n" * 1000
        packed = client.get("/files/a.txt", ("accept-encoding", "gzip"))
        assert packed.header("content-encoding") == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        part = client.get("/files/a.txt", ("range", "bytes=2-5"))
        assert (part.status, part.body) == (206, b"file")
        assert client.get("/files/none.txt").status in (200, 404)
    lines = wait_for_lines(log, 5)
    assert lines[0].startswith('192.0.2.7 "GET / HTTP/2.0" 200 ')
    assert lines[0].endswith(' "n"')
    assert '"GET /files/a.txt HTTP/2.0" 200 7000 "text/plain' in lines[1]
    assert "192.0.2.7" in json.dumps(seen.body.decode())


def test_a_bound_on_requests_in_flight_counts_streams(start_server: StartServer) -> None:
    server = start_server("asgi_app:app", "--limit-concurrency", "1", "--shards", "1")
    with Http2Client(server) as client:
        held = client.ask("/do/echo", method="POST", ends=False)
        busy = client.get("/")
        assert (busy.status, busy.header("retry-after")) == (503, "1")
        client.send(held, b"now")
        assert client.answer(held).body == b"now"
        assert client.get("/").status == 200
