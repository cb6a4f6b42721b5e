"""How each server is started on one core, or on as many as it has shards. Knows neither questions nor figures."""

from __future__ import annotations

from ..measure.server import PORT
from .places import PEERS, TURBO_SHARD

PEER_APPS = "bench/peers"
# Apps that only turbo-shard serves.
OWN_APPS = "bench/apps"
GIL = "gil"
FREE_THREADED = "free-threaded"
# Where .venv's turbo_shard meets the frameworks of the free-threaded peers; see bench/peers/install.sh.
BESIDE_FRAMEWORKS = (str(PEERS / FREE_THREADED / "bin" / "python"), "-m", "turbo_shard")
ALONE = (str(TURBO_SHARD),)


def turbo_shard(
    app: str,
    engine: str,
    shards: int | None,
    *options: str,
    app_dir: str = PEER_APPS,
    program: tuple[str, ...] = ALONE,
) -> tuple[str, ...]:
    """Our server; None leaves the number of shards to it."""
    command = [*program, app, "--app-dir", app_dir, "--port", "0", "--engine", engine]
    if shards is not None:
        command += ["--shards", str(shards)]
    return (*command, *options)


def granian(venv: str, interface: str, app: str, *options: str) -> tuple[str, ...]:
    """One worker with one thread of its runtime: its fastest setting on one core."""
    # uvloop has no build for 3.13t.
    loop = "uvloop" if venv == GIL else "asyncio"
    command = [str(PEERS / venv / "bin" / "granian"), "--interface", interface, "--workers", "1"]
    command += ["--runtime-threads", "1", "--loop", loop, "--http", "1", *options]
    command += ["--log-level", "warning", "--host", "127.0.0.1", "--port", PORT]
    return (*command, "--working-dir", PEER_APPS, app)


def uvicorn(venv: str, app: str) -> tuple[str, ...]:
    """One worker with the fastest loop and parser that its interpreter has."""
    loop, parser = ("uvloop", "httptools") if venv == GIL else ("asyncio", "h11")
    command = [str(PEERS / venv / "bin" / "uvicorn"), app, "--app-dir", PEER_APPS]
    command += ["--workers", "1", "--loop", loop, "--http", parser]
    command += ["--no-access-log", "--log-level", "warning"]
    return (*command, "--host", "127.0.0.1", "--port", PORT)
