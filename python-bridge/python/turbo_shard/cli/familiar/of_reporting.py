"""Other servers' options about logs, metrics, control and configuration files. Rows of the table."""

from __future__ import annotations

from .row import Answer, Fixed, G, H, Met, N, Ours, Row, U, Word, Words

NO_LOG_FILE = Answer(
    "the server's log goes to stderr; the shell or the service manager puts it into a file (2>> FILE)"
)
STDERR = Met("the server's log goes to stderr")
LOG_CONFIG = Ours("--log-config", "JSON, YAML, TOML or INI; docs/logs.md has the names of loggers")
NO_SYSLOG = Answer(
    "the server's log goes to stderr; journald or logger(1) takes it from there to syslog"
)
NO_STATSD = Answer("there is no StatsD; --metrics [HOST:]PORT is read by Prometheus and its agents")
METRICS = Answer("here that is --metrics [HOST:]PORT, which answers /metrics, /livez and /readyz")
NO_CONTROL = Answer(
    "there is no control socket; --stats-socket PATH answers with the server's counters"
)
LEVELS: dict[str, Word] = {
    "notset": Fixed("--log-level=trace"),
}

ROWS = (
    Row(U | G | N | H, "--log-level", Words(LEVELS, Ours("--log-level"))),
    Row(H, "--debug", Fixed("--log-level=debug")),
    Row(G, "--log", Met("the server's log goes to stderr")),
    Row(G, "--no-log", Answer("it cannot be switched off; --log-level error leaves the least")),
    Row(U | G | N | H, "--log-config", LOG_CONFIG),
    Row(N, "--log-config-json", LOG_CONFIG),
    Row(N, "logconfig_dict", Answer("here that stands in a file, as JSON say: --log-config FILE")),
    Row(N, "--logger-class", Answer("there is no such class; the server's log goes to stderr")),
    Row(N | H, "--error-logfile", Words({"-": STDERR}, NO_LOG_FILE)),
    Row(N | H, "--log-file", Words({"-": STDERR}, NO_LOG_FILE)),
    Row(H, "--error-log", Words({"-": STDERR}, NO_LOG_FILE)),
    Row(
        N,
        "--capture-output",
        Met("what the app prints goes where it prints it: stdout and stderr are not touched"),
    ),
    Row(N, "--enable-stdio-inheritance", Met("workers have the server's stdin, stdout and stderr")),
    Row(N, "-R", Met("workers have the server's stdin, stdout and stderr")),
    Row(
        U,
        "--use-colors",
        Answer("not needed: a terminal gets colours, unless the variable NO_COLOR is set"),
    ),
    Row(
        U,
        "--no-use-colors",
        Answer("set the variable NO_COLOR; what is not a terminal gets none anyway"),
    ),
    # Access log.
    Row(U | G | H, "--access-log", Ours("--access-log", "a file follows an equals sign")),
    Row(U | G, "--no-access-log", Ours("--no-access-log")),
    Row(N | H, "--access-logfile", Ours("--access-log")),
    Row(N | H, "--access-logformat", Ours("--access-log-format")),
    Row(
        G,
        "--access-log-fmt",
        Answer(
            "here that is --access-log-format, with the atoms of gunicorn, such as '%(h)s %(s)s'"
        ),
    ),
    Row(N, "--disable-redirect-access-to-syslog", Met("nothing is sent to syslog")),
    *(
        Row(N, flag, NO_SYSLOG)
        for flag in (
            "--log-syslog",
            "--log-syslog-to",
            "--log-syslog-prefix",
            "--log-syslog-facility",
        )
    ),
    # Metrics and control.
    *(Row(N | H, flag, NO_STATSD) for flag in ("--statsd-host", "--statsd-prefix")),
    Row(N, "--dogstatsd-tags", NO_STATSD),
    Row(N, "--enable-backlog-metric", NO_STATSD),
    Row(G, "--metrics", Ours("--metrics", "with the [HOST:]PORT that answers")),
    *(Row(G, flag, METRICS) for flag in ("--metrics-address", "--metrics-port")),
    Row(G, "--no-metrics", Met("there is no exporter of metrics")),
    Row(
        G,
        "--metrics-scrape-interval",
        Answer("not needed: counters are read when they are asked for"),
    ),
    Row(N, "--control-socket", NO_CONTROL),
    Row(N, "--control-socket-mode", NO_CONTROL),
    Row(N, "--no-control-socket", Met("there is no control socket")),
    # Configuration.
    Row(U, "--env-file", Ours("--env-file")),
    Row(G, "--env-files", Ours("--env-file")),
    Row(N | H, "--config", Ours("--config", "a TOML file with turbo-shard's own keys")),
    Row(N | H, "-c", Ours("--config", "a TOML file with turbo-shard's own keys")),
    Row(N, "--check-config", Ours("--check")),
    Row(N, "--print-config", Ours("--print-config")),
)
