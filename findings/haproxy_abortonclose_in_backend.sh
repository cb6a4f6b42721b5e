#!/usr/bin/env bash
# HAProxy 2.6.12 (Debian 12): `option abortonclose` is documented for `defaults`, `listen` and `backend`, not for
# `frontend`, where a warning says that it is ignored. In the backend alone it does nothing about a client that leaves while
# the server still works on its request: the connection to the server stays open. From `defaults` it works, since the
# frontend has it then too.
#
# Seen: option in the backend: the server's connection stays open
#       option in defaults: the server's connection is closed
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/archives/partial" "$work/root"
apt-get install --download-only --yes --reinstall --no-install-recommends -o Debug::NoLocking=1 \
    -o Dir::Cache::archives="$work/archives/" haproxy=2.6.12-1+deb12u3 >"$work/apt.log" 2>&1 || { cat "$work/apt.log" >&2; exit 1; }
for package in "$work"/archives/*.deb; do dpkg-deb --extract "$package" "$work/root"; done
cat >"$work/leave.py" <<'PYTHON'
import os
import socket
import subprocess
import sys
import time

haproxy, work, section = sys.argv[1:]
# Longer than any proxy takes to pass on that a client has left.
PATIENCE_S = 3

server = socket.create_server(("127.0.0.1", 0))
held = socket.create_server(("127.0.0.1", 0))
port = held.getsockname()[1]
held.close()
option = "option abortonclose"
with open(f"{work}/haproxy.cfg", "w") as file:
    file.write(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    {option if section == "defaults" else ""}
frontend web
    bind 127.0.0.1:{port}
    default_backend app
backend app
    {option if section == "backend" else ""}
    server a 127.0.0.1:{server.getsockname()[1]}
""")
proxy = subprocess.Popen([haproxy, "-db", "-f", f"{work}/haproxy.cfg"], stderr=subprocess.DEVNULL)
try:
    for _ in range(500):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    client.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    connection, _ = server.accept()
    connection.recv(65536)
    client.close()
    connection.settimeout(PATIENCE_S)
    try:
        print("more bytes came" if connection.recv(1) else "the server's connection is closed")
    except ConnectionResetError:
        print("the server's connection is closed")
    except TimeoutError:
        print("the server's connection stays open")
finally:
    proxy.terminate()
    proxy.wait()
PYTHON
libraries=$(find "$work/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
leave() { LD_LIBRARY_PATH=$libraries python3 "$work/leave.py" "$work/root/usr/sbin/haproxy" "$work" "$1"; }
in_backend=$(leave backend)
in_defaults=$(leave defaults)
LD_LIBRARY_PATH=$libraries "$work/root/usr/sbin/haproxy" -v | head -n 1
echo "option in the backend: $in_backend"
echo "option in defaults: $in_defaults"
[ "$in_backend" = "the server's connection stays open" ] && [ "$in_defaults" = "the server's connection is closed" ]
