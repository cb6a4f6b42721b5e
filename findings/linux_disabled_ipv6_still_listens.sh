#!/usr/bin/env bash
# Linux (seen on 6.18): IPv6 that sysctl has switched off (net.ipv6.conf.all.disable_ipv6=1, as many hosts and container
# images have it) is not noticed by a server that listens. ::1 cannot be bound any more, but :: can, for IPv6 alone, and
# listen() succeeds: it is ready where no client can ever reach it. With ipv6.disable=1 at boot there is no such socket at
# all. Only the setting itself, or an attempt to bind ::1, tells.
#
# Needs unshare with user namespaces, iproute2 and python3; nothing is installed.
#
# Seen: before: ::1 listens, :: listens
#       switched off: ::1 Cannot assign requested address, :: listens
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/listen.py" <<'PYTHON'
import os
import socket
import sys


def outcome(address):
    with socket.socket(socket.AF_INET6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((address, 0))
            sock.listen()
        except OSError as error:
            return os.strerror(error.errno)
    return "listens"


print(f"{sys.argv[1]}: ::1 {outcome('::1')}, :: {outcome('::')}")
PYTHON
# In a network of its own: nothing of the machine's is changed.
cat >"$work/in_network.sh" <<'SCRIPT'
set -euo pipefail
ip link set lo up
python3 "$1" before
sysctl --quiet --write net.ipv6.conf.all.disable_ipv6=1
python3 "$1" "switched off"
SCRIPT
found=$(unshare --map-root-user --net bash "$work/in_network.sh" "$work/listen.py")
echo "Linux $(uname --kernel-release)"
echo "$found"
[ "$found" = "before: ::1 listens, :: listens
switched off: ::1 Cannot assign requested address, :: listens" ]
