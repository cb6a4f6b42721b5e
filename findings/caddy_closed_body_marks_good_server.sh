#!/usr/bin/env bash
# Caddy 2.6.2 (Debian 12), reverse_proxy with two servers, lb_try_duration and fail_duration: a POST whose first server
# refuses the connection is tried on the second one, with a body that was closed when the first one failed. That fails
# ("invalid Read on closed Body", 502) and is counted against the second server, which is well and has seen no request.
# So with fail_duration both are out, and all requests are answered 503 until it is over.
#
# Seen: GET while the first server is down: 200
#       POST while the first server is down: 502
#       GET after that POST: 503
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download caddy=2.6.2-5 >apt.log 2>&1) || { cat "$work/apt.log" >&2; exit 1; }
dpkg-deb --extract "$work"/caddy_*.deb "$work/root"
cat >"$work/post.py" <<'PYTHON'
import http.client
import http.server
import os
import socket
import subprocess
import sys
import threading
import time

caddy, work, *methods = sys.argv[1:]


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *arguments):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as held:
        return held.getsockname()[1]


good = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=good.serve_forever, daemon=True).start()
port, down = free_port(), free_port()
with open(f"{work}/Caddyfile", "w") as file:
    file.write(f"""
{{
    admin off
}}
http://127.0.0.1:{port} {{
    reverse_proxy 127.0.0.1:{down} 127.0.0.1:{good.server_port} {{
        lb_policy first
        lb_try_duration 5s
        fail_duration 30s
    }}
}}
""")
proxy = subprocess.Popen(
    [caddy, "run", "--config", f"{work}/Caddyfile", "--adapter", "caddyfile"],
    env=os.environ | {"HOME": work},
    stderr=subprocess.DEVNULL,
)


def ask(method):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, "/", b"body" if method == "POST" else None)
    return connection.getresponse().status


try:
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    print(*map(ask, methods))
finally:
    proxy.terminate()
    proxy.wait()
PYTHON
read -r first < <(python3 "$work/post.py" "$work/root/usr/bin/caddy" "$work" GET)
read -r post after < <(python3 "$work/post.py" "$work/root/usr/bin/caddy" "$work" POST GET)
echo "caddy $("$work/root/usr/bin/caddy" version)"
echo "GET while the first server is down: $first"
echo "POST while the first server is down: $post"
echo "GET after that POST: $after"
[ "$first" = 200 ] && [ "$post" = 502 ] && [ "$after" = 503 ]
