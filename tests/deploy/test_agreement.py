"""Times and sizes in examples/deploy fit the server's own options: the side that closes first, the length of a stop."""

from __future__ import annotations

import re

import pytest
import yaml

from proxies import FILES
from turbo_shard.settings import OPTION_BY_NAME

# docs/running.md: a stop takes at most --graceful-timeout and five seconds.
BEYOND_GRACEFUL_S = 5
STOP_S = OPTION_BY_NAME["graceful_timeout"].default + BEYOND_GRACEFUL_S


def number(file: str, pattern: str) -> int:
    """The one number that a pattern finds in a file."""
    [found] = re.findall(pattern, (FILES / file).read_text(), flags=re.MULTILINE)
    return int(found)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("nginx.conf", r"^ *keepalive_timeout (\d+)s;"),
        ("Caddyfile", r"^\t*keepalive (\d+)s$"),
    ],
)
def test_proxy_closes_an_idle_connection_before_the_server(file: str, pattern: str) -> None:
    assert number(file, pattern) < OPTION_BY_NAME["keep_alive_timeout"].default


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("nginx.conf", r"^ *proxy_read_timeout (\d+)s;"),
        ("haproxy.cfg", r"^ *timeout tunnel (\d+)s$"),
        ("haproxy.cfg", r"^ *timeout server (\d+)s$"),
        ("haproxy.cfg", r"^ *timeout client (\d+)s$"),
    ],
)
def test_websocket_is_pinged_before_a_proxy_finds_it_silent(file: str, pattern: str) -> None:
    assert OPTION_BY_NAME["ws_ping_interval"].default < number(file, pattern)


def test_nginx_lets_through_the_bodies_that_the_server_takes() -> None:
    mib = number("nginx.conf", r"^ *client_max_body_size (\d+)m;")
    assert mib * 2**20 == OPTION_BY_NAME["body_max"].default


def test_systemd_kills_no_server_that_still_stops() -> None:
    assert number("turbo-shard.service", r"^TimeoutStopSec=(\d+)$") > STOP_S


def test_kubernetes_kills_no_server_that_still_stops() -> None:
    deployment = next(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text()))
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    before_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before_s + STOP_S


def test_backlog_is_not_cut() -> None:
    assert (
        number("sysctl.conf", r"^net.core.somaxconn = (\d+)$") >= OPTION_BY_NAME["backlog"].default
    )
