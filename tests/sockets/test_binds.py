"""Places to listen, as --bind takes them: what is read of each, and what is refused in one line."""

from __future__ import annotations

import os
import pickle
import pwd

import pytest

from turbo_shard.settings import SettingsError, settings_from
from turbo_shard.settings.binds import Bind


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("127.0.0.1:8000", "tcp", "127.0.0.1", 8000),
        ("localhost:0", "tcp", "localhost", 0),
        ("[::1]:80", "tcp", "[::1]", 80),
        ("[fe80::1%eth0]:80", "tcp", "[fe80::1%eth0]", 80),
        (":8000", "every", "", 8000),
        ("*:8000", "every", "", 8000),
        ("tcp://0.0.0.0:80", "tcp", "0.0.0.0", 80),
        ("tcp:0.0.0.0:80", "tcp", "0.0.0.0", 80),
    ],
)
def test_tcp_addresses_have_a_host_and_a_port(text: str, kind: str, host: str, port: int) -> None:
    bind = Bind(text)
    assert (bind.kind, bind.host, bind.port) == (kind, host, port)
    assert str(bind) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("unix:/run/app.sock", "/run/app.sock"),
        ("unix:///run/app.sock", "/run/app.sock"),
        ("unix:app.sock", "app.sock"),
        ("unix:@app", "@app"),
    ],
)
def test_unix_sockets_have_a_path(text: str, path: str) -> None:
    assert (Bind(text).kind, Bind(text).path) == ("unix", path)


def test_descriptors_have_a_number_or_a_name() -> None:
    assert [(Bind(text).fd, Bind(text).name) for text in ("fd://3", "fd:7", "fd://http")] == [
        (3, ""),
        (7, ""),
        (-1, "http"),
    ]


def test_what_follows_commas_is_said_of_the_listener() -> None:
    me = pwd.getpwuid(os.getuid())
    bind = Bind(f"unix:/run/app.sock,mode=0660,owner={me.pw_name},group={me.pw_gid}")
    assert (bind.mode, bind.owner, bind.group) == (0o660, me.pw_uid, me.pw_gid)
    assert Bind("unix:/run/app.sock").mode is None
    assert Bind(":80,proxy").expects_proxy_protocol
    assert not Bind(":80").expects_proxy_protocol


def test_a_bind_that_was_copied_has_its_parts() -> None:
    copied = pickle.loads(pickle.dumps(Bind("unix:/run/app.sock,mode=600")))
    assert (copied.path, copied.mode) == ("/run/app.sock", 0o600)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8000", "write :8000 for every address"),
        ("/run/app.sock", "write unix:/run/app.sock"),
        ("::1:80", "an IPv6 address stands in brackets: [::1]:80"),
        ("127.0.0.1", "the port is missing, as in 127.0.0.1:8000"),
        ("http://127.0.0.1:80", "it is not a place to listen"),
        ("127.0.0.1:80000", "it is not a place to listen"),
        ("127.0.0.1:٣", "it is not a place to listen"),
        ("", "it is not a place to listen"),
        ("unix:", "the path is missing"),
        ("unix:@", "the path is missing"),
        ("fd://", "the descriptor is missing"),
        (":80,foo", "'foo' is none of proxy"),
        (":80,proxy=1", "'proxy=1' is none of proxy"),
        (":80,mode=660", "mode is for a Unix socket that has a file"),
        ("unix:@app,mode=660", "mode is for a Unix socket that has a file"),
        ("unix:/a,mode=999", "'999' is not a file's mode"),
        ("unix:/a,owner=nobody-here", "there is no user 'nobody-here'"),
        ("unix:/a,group=nobody-here", "there is no group 'nobody-here'"),
    ],
)
def test_what_is_no_place_to_listen_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_from({"bind": [text]}, {"bind": "--bind"})
    assert str(refused.value).startswith(f"--bind: {text!r}: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_serve_takes_one_place_or_several() -> None:
    assert settings_from({"bind": ":80"}).bind == (":80",)
    assert settings_from({"bind": [":80", "unix:/a"]}).bind == (":80", "unix:/a")
    for wrong in (80, [80], [None]):
        with pytest.raises(SettingsError, match="not a place to listen"):
            settings_from({"bind": wrong})


def test_one_place_twice_is_refused_and_free_ports_are_not_one_place() -> None:
    for binds in ([":80", "*:80"], ["unix:/a", "unix:///a"], ["fd://3", "fd:3"]):
        with pytest.raises(SettingsError, match="stands there twice"):
            settings_from({"bind": binds})
    assert len(settings_from({"bind": [":0", ":0"]}).bind) == 2


def test_a_bind_beside_host_or_port_is_refused() -> None:
    for name in ("host", "port"):
        values = {"bind": [":80"], name: {"host": "::", "port": 81}[name]}
        with pytest.raises(SettingsError, match=f"--{name} and --bind both say where to listen"):
            settings_from(values, {"bind": "--bind", name: f"--{name}"})
        with pytest.raises(SettingsError, match="both say where to listen"):
            settings_from(values)
        # The command line beats the environment.
        assert settings_from(values, {"bind": "--bind", name: f"TURBO_SHARD_{name.upper()}"}).bind
