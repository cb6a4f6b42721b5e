"""Other servers' options about the app: where it is, how it is called, what its code finds. Rows of the table."""

from __future__ import annotations

from .row import Answer, Fixed, G, H, Met, N, Ours, Row, U, Word, Words

INTERFACES: dict[str, Word] = {
    "asgi": Ours("--interface"),
    "asgi3": Fixed("--interface=asgi"),
    "asgi2": Answer(
        "apps of ASGI 2 are not served; guarantee_single_callable of asgiref.compatibility makes one of ASGI 3"
    ),
    "asginl": Answer("here that is --interface asgi --lifespan off"),
    "rsgi": Answer("RSGI is granian's own; name the app's ASGI or WSGI form"),
    "wsgi": Ours("--interface"),
}
WORKER_CLASSES: dict[str, Word] = {
    "trio": Answer(
        "apps that need trio's own loop are not served; those on anyio run on asyncio here"
    ),
}
HOOK = Answer(
    "there are no hooks of the server; an ASGI app's lifespan runs at the start and the end of each instance"
)
NO_DIRTY_POOL = Answer(
    "there is no pool of that kind; native routes marked blocking=True run on --blocking-threads, other apps hand "
    "such work to a ProcessPoolExecutor or a task queue"
)
NO_LOOP = Answer("not needed: each shard runs asyncio on a loop of its own, in Rust; leave it out")
NO_PASTE = Answer(
    "PasteDeploy files are not read; a module with app = paste.deploy.loadapp('config:/path/to.ini') serves one"
)
WORKING_DIRECTORY = Answer(
    "write cd DIR before the command; --app-dir DIR is where the app's module is looked for"
)

ROWS = (
    Row(U, "--app-dir", Ours("--app-dir")),
    Row(U | G, "--factory", Ours("--factory")),
    Row(G, "--no-factory", Met("an app is called as it is unless --factory is given")),
    Row(U | G, "--interface", Words(INTERFACES, Ours("--interface"))),
    Row(U, "--lifespan", Ours("--lifespan")),
    Row(N, "--asgi-lifespan", Ours("--lifespan")),
    Row(U | N | H, "--root-path", Ours("--root-path")),
    Row(G, "--url-path-prefix", Ours("--root-path")),
    Row(G, "--working-dir", WORKING_DIRECTORY),
    Row(N, "--chdir", WORKING_DIRECTORY),
    Row(
        N,
        "--pythonpath",
        Answer("set the variable PYTHONPATH; --app-dir DIR puts one directory first"),
    ),
    Row(N, "--paste", NO_PASTE),
    Row(N, "--paster", NO_PASTE),
    Row(N, "--paste-global", NO_PASTE),
    Row(
        N | H,
        "--worker-class",
        Words(
            WORKER_CLASSES,
            Answer(
                "not needed: whether an app is ASGI or WSGI is seen by itself (--interface says it); leave it out"
            ),
        ),
    ),
    Row(
        N | H,
        "-k",
        Words(
            WORKER_CLASSES,
            Answer(
                "not needed: whether an app is ASGI or WSGI is seen by itself (--interface says it); leave it out"
            ),
        ),
    ),
    Row(U | G, "--loop", Words({"auto": Met("there is one loop")}, NO_LOOP)),
    Row(N, "--asgi-loop", Words({"auto": Met("there is one loop")}, NO_LOOP)),
    Row(
        G,
        "--task-impl",
        Words(
            {"asyncio": Met("tasks are asyncio's")},
            Answer(
                "not needed: tasks are asyncio's, and a handler that never waits needs none; leave it out"
            ),
        ),
    ),
    Row(
        U,
        "--reset-contextvars",
        Met(
            "each request runs in a context of its own (contextvars), without what the lifespan set"
        ),
    ),
    Row(
        N,
        "--asgi-disconnect-grace-period",
        Answer(
            "not needed: an app whose client has left gets http.disconnect and decides itself; a stream that does "
            "not listen is cancelled after half a second"
        ),
    ),
    Row(
        N,
        "--preload",
        Answer(
            "not needed: shards share one process, which imports the app before it listens; "
            "--app-per-shard never gives all of them one instance"
        ),
    ),
    *(
        Row(N, flag, NO_DIRTY_POOL)
        for flag in (
            "--dirty-app",
            "--dirty-workers",
            "--dirty-timeout",
            "--dirty-threads",
            "--dirty-graceful-timeout",
        )
    ),
    Row(
        N,
        "wsgi_app",
        Answer('here that is the app in the configuration file: app = "shop.web:site"'),
    ),
    *(
        Row(N, name, HOOK)
        for name in (
            "on_starting",
            "on_reload",
            "when_ready",
            "pre_fork",
            "post_fork",
            "post_worker_init",
            "worker_int",
            "worker_abort",
            "pre_exec",
            "child_exit",
            "worker_exit",
            "nworkers_changed",
            "on_exit",
            "on_dirty_starting",
            "dirty_post_fork",
            "dirty_worker_init",
            "dirty_worker_exit",
        )
    ),
    *(
        Row(
            N,
            name,
            Answer("there are no hooks of the server; middleware of the app sees each request"),
        )
        for name in ("pre_request", "post_request")
    ),
)
