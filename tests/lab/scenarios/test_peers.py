"""Peers are pinned, each by itself; one that fails is listed and leaves the others alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from turbo_shard_lab.scenarios import peers
from turbo_shard_lab.scenarios.peer_versions import pins_of
from turbo_shard_lab.scenarios.peers import catalogue, chosen, install_all
from turbo_shard_lab.scenarios.toml_table import TableError

KNOWN = catalogue()
# What the issue of the lab names.
NAMES = (
    *("uvicorn", "granian-asgi", "granian-rsgi", "granian-wsgi", "hypercorn", "gunicorn-uvicorn"),
    *("gunicorn-gthread", "robyn", "socketify", "fastpysgi-wsgi", "blacksheep", "fastapi"),
)


def test_every_server_is_there_on_both_interpreters() -> None:
    wanted = {f"{name}-{kind}" for name in NAMES for kind in peers.KINDS}
    assert wanted | {"turboapi-free-threaded"} <= KNOWN.keys()


def test_commands_have_no_place_left_but_the_port() -> None:
    for peer in KNOWN.values():
        words = " ".join(peer.arm(2).command)
        assert set(re.findall(r"\{\w*\}", words)) == {"{port}"}, peer.key


@pytest.mark.parametrize("peer", KNOWN.values(), ids=lambda peer: peer.key)
def test_every_requirement_is_pinned(peer: peers.Peer) -> None:
    if not peer.kind:
        assert peers.installer(peer.interpreter, peer.environment)[1:] == [peer.environment]
        return
    lines = [line.strip() for line in pins_of(peer).read_text().splitlines()]
    requirements = [line for line in lines if line and not line.startswith(("#", "--"))]
    assert requirements
    assert not [line for line in requirements if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]


def test_one_that_cannot_be_installed_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def install(peer: peers.Peer, python: Path | None = None) -> str | None:
        return "could not be installed: no wheel" if peer.environment == "robyn" else None

    monkeypatch.setattr(peers, "install", install)
    said: list[str] = []
    errors = install_all(list(KNOWN.values()), said.append)
    assert errors == {
        "robyn-gil": "could not be installed: no wheel",
        "robyn-free-threaded": "could not be installed: no wheel",
    }
    assert len(said) == 2


def test_a_failure_is_remembered_with_the_way_to_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = KNOWN["hypercorn-gil"]
    monkeypatch.chdir(tmp_path)
    peer.folder.mkdir(parents=True)
    (peer.folder / peers.FAILURE).write_text("could not be installed: no network")
    assert peers.install(peer) == (
        "could not be installed: no network; bench/peers/install.sh gil hypercorn tries again"
    )


def test_the_reason_is_what_pip_says_of_it() -> None:
    text = (
        "==> installing\nERROR: Ignored the following versions: 1.0\n"
        "ERROR: No matching distribution found for robyn==0.88.0\nerror: pip could not install it\n"
    )
    assert peers.reason(text) == "No matching distribution found for robyn==0.88.0"
    assert peers.reason("error: python3 does not start\n") == "error: python3 does not start"


def test_names_are_checked() -> None:
    everyone = {peer.key for peer in chosen(["all"], KNOWN)}
    only_one = {"nginx", "nginx-read", "rustls-alone"}
    of_both_kinds = (
        *("granian-files", "granian-rsgi-https", "granian-rsgi-h2c", "granian-asgi-h2c"),
        *("h2corn-h2c", "peregrine-h2c"),
    )
    apart = only_one | {
        f"{name}-{kind}" for name in of_both_kinds for kind in ("gil", "free-threaded")
    }
    assert (everyone & apart, everyone | apart) == (set(), KNOWN.keys())
    assert [peer.label for peer in chosen(["nginx"], KNOWN)] == ["nginx, sendfile on"]
    with pytest.raises(TableError, match="there is no peer 'apache'; there are all, uvicorn-gil"):
        chosen(["apache"], KNOWN)


def test_a_table_that_does_not_say_the_port_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "peers.toml"
    file.write_text('[[peer]]\nkey = "x"\nlabel = "x"\nkinds = ["gil"]\ncommand = ["x"]\n')
    with pytest.raises(TableError, match=r"peers.toml: peer\[0\].command: has no \{port\}"):
        catalogue(file)
