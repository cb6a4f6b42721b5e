"""Other servers' options about processes, threads, time limits and what watches over them. Rows of the table."""

from __future__ import annotations

from .row import Answer, Converted, G, H, Met, N, Ours, Row, U, Words, seconds_of_duration

NO_RELOAD = Answer(
    "turbo-shard does not restart at changes yet; watchfiles 'turbo-shard APP' does meanwhile (pip install watchfiles)"
)
NO_RECYCLING = Answer(
    "turbo-shard does not retire workers yet; a service manager that restarts it now and then does it meanwhile"
)
NO_MEMORY_LIMIT = Answer(
    "turbo-shard does not retire workers yet; MemoryMax= of a systemd unit bounds the server's memory meanwhile"
)
NO_DAEMON = Answer(
    "there is none; a service manager such as systemd keeps it running in the background"
)
NO_PID_FILE = Answer(
    "turbo-shard does not write one yet; its ready line names its pid, and a service manager knows it"
)
NO_NAME = Answer("processes are not renamed; their command lines tell servers apart (pgrep -f APP)")
RESPAWN = Met(
    "a shard or worker that dies is started again, after a pause that grows if it dies at once"
)
NO_HANG_WATCH = Answer(
    "turbo-shard does not end what hangs yet; --head-timeout, --body-timeout and --write-timeout bound what clients "
    "take, and a handler's own limit is asyncio.timeout()"
)
ONE_THREAD = Answer(
    "not needed: a shard does its input and output on its own thread; --shards N says how many"
)
WORKERS = Ours("--shards", "without it there is one for each core")

ROWS = (
    Row(
        U | G | N | H,
        "--workers",
        WORKERS,
    ),
    Row(N | H, "-w", WORKERS),
    Row(N, "--threads", Ours("--wsgi-threads")),
    Row(
        G,
        "--blocking-threads",
        Ours("--blocking-threads", "they are for WSGI and for blocking native routes"),
    ),
    Row(
        G,
        "--blocking-threads-idle-timeout",
        Answer("not needed: idle threads wait without cost; leave it out"),
    ),
    Row(G, "--runtime-threads", ONE_THREAD),
    Row(G, "--runtime-blocking-threads", ONE_THREAD),
    Row(
        G,
        "--runtime-mode",
        Words(
            {"auto": Met("--mode shard is the default"), "st": Met("each shard has one thread")},
            Answer(
                "here that is --mode steal: one runtime whose threads take work from each other"
            ),
        ),
    ),
    Row(N, "--worker-connections", Ours("--connections-max")),
    # Time limits.
    Row(U, "--timeout-graceful-shutdown", Ours("--graceful-timeout")),
    Row(N | H, "--graceful-timeout", Ours("--graceful-timeout")),
    Row(
        G,
        "--workers-kill-timeout",
        Converted(
            ("--graceful-timeout",), seconds_of_duration, "a duration such as 1m30s becomes seconds"
        ),
    ),
    Row(N, "--timeout", NO_HANG_WATCH),
    Row(N, "-t", NO_HANG_WATCH),
    Row(U, "--timeout-worker-healthcheck", NO_HANG_WATCH),
    # Starting again.
    *(
        Row(U, flag, NO_RELOAD)
        for flag in (
            "--reload",
            "--reload-dir",
            "--reload-include",
            "--reload-exclude",
            "--reload-delay",
        )
    ),
    *(
        Row(G, flag, NO_RELOAD)
        for flag in (
            "--reload",
            "--reload-paths",
            "--reload-ignore-dirs",
            "--reload-ignore-patterns",
            "--reload-ignore-paths",
            "--reload-tick",
            "--reload-ignore-worker-failure",
        )
    ),
    Row(G, "--no-reload", Met("nothing is restarted at changes")),
    Row(G, "--no-reload-ignore-worker-failure", Met("nothing is restarted at changes")),
    *(Row(N, flag, NO_RELOAD) for flag in ("--reload", "--reload-engine", "--reload-extra-file")),
    Row(H, "--reload", NO_RELOAD),
    *(
        Row(U, flag, NO_RECYCLING)
        for flag in ("--limit-max-requests", "--limit-max-requests-jitter")
    ),
    *(Row(N | H, flag, NO_RECYCLING) for flag in ("--max-requests", "--max-requests-jitter")),
    Row(G, "--workers-lifetime", NO_RECYCLING),
    *(
        Row(G, flag, NO_MEMORY_LIMIT)
        for flag in ("--workers-max-rss", "--rss-sample-interval", "--rss-samples")
    ),
    Row(G, "--respawn-failed-workers", RESPAWN),
    Row(
        G,
        "--no-respawn-failed-workers",
        Answer("a shard or worker that dies is always started again; leave it out"),
    ),
    Row(
        G,
        "--respawn-interval",
        Answer(
            "not needed: the pause before a start that follows a failure grows by itself, from 0.1 to 5 seconds"
        ),
    ),
    Row(N, "--worker-tmp-dir", Answer("not needed: there is no heartbeat file; leave it out")),
    # The process itself.
    Row(N | H, "--daemon", NO_DAEMON),
    Row(N | H, "-D", NO_DAEMON),
    Row(N | H, "--pid", NO_PID_FILE),
    Row(N | H, "-p", NO_PID_FILE),
    Row(G, "--pid-file", NO_PID_FILE),
    Row(N, "--name", NO_NAME),
    Row(N, "-n", NO_NAME),
    Row(G, "--process-name", NO_NAME),
    Row(N, "default_proc_name", NO_NAME),
    Row(N, "--spew", Answer("there is none; py-spy dump --pid PID shows where each thread is")),
    Row(
        N,
        "tmp_upload_dir",
        Answer("not needed: bodies are kept in memory up to --body-max, or streamed to the app"),
    ),
    # What a command line is completed by.
    Row(N, "--env", Answer("set variables before the command: env NAME=VALUE turbo-shard APP")),
    Row(N, "-e", Answer("set variables before the command: env NAME=VALUE turbo-shard APP")),
    Row(U | G, "--version", Ours("--version")),
    Row(N, "--version", Ours("--version")),
    Row(N, "-v", Ours("--version")),
    Row(U | G | N | H, "--help", Ours("--help")),
    Row(N | H, "-h", Ours("--help")),
)
