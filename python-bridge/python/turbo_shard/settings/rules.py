"""Makes the settings of a server from what was given: checks each value, and which of them go together. Knows nothing
of command lines or of apps.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .option import bytes_in_words
from .redirects import redirect_place
from .table import OPTIONS, Settings
from .values import SettingsError, check


def settings_from(values: Mapping[str, Any], labels: Mapping[str, str] | None = None) -> Settings:
    """Checks `values` (by keyword; what is missing has its default) and makes settings of them.

    `labels` says how each value was given (`--port`, `TURBO_SHARD_PORT`); by default its keyword.
    """
    labels = labels or {}
    given = vars(Settings(**values))
    checked: dict[str, Any] = {
        option.name: check(option, given[option.name], labels.get(option.name, option.name))
        for option in OPTIONS
    }
    checked["metrics"] = metrics_place(checked["metrics"], labels.get("metrics", "metrics"))
    checked["redirect_http"] = redirect_of(checked, labels)
    settings = Settings(**checked)
    refuse_port_in_host(settings.host, labels)
    refuse_two_places(values, labels)
    if settings.mode == "steal" and settings.engine not in ("auto", "tokio"):
        label = labels.get("engine", "engine")
        raise SettingsError(
            f"{label}: {settings.engine} serves shards only; mode steal runs on tokio"
        )
    refuse_balance(settings, labels)
    refuse_log_format(settings.access_log_format, labels)
    refuse_url_without_room(settings, labels)
    refuse_wrong_tls(settings, labels)
    return settings


# What `LineFormat` of the native side knows (runtime/src/edge/access_log/line_format.rs), which has the last word: a
# wrong one is told here before the app is imported.
LOG_FORMATS = ("uvicorn", "combined", "json", "logfmt")
OWN_ATOMS = ("{client-port}x", "{shard}x", "{route}x", "{request-id}x", "{trace-id}x")
TLS_ATOMS = ("{SSL_PROTOCOL}x", "{SSL_CIPHER}x", "{SSL_TLS_SNI}x", "{SSL_CLIENT_S_DN}x")
LOG_ATOMS = (*"hlurmUqHsBbfatTDMLp", *OWN_ATOMS, *TLS_ATOMS)


def refuse_log_format(text: str, labels: Mapping[str, str]) -> None:
    """Refuses an atom that there is not, and a name that is no format."""
    label = labels.get("access_log_format", "access_log_format")
    if text in LOG_FORMATS:
        return
    if "%(" not in text:
        raise SettingsError(
            f"{label}: {text!r} is not {', '.join(LOG_FORMATS)}, nor a format string such as "
            "'%(h)s \"%(r)s\" %(s)s'"
        )
    for name in re.findall(r"%\((.*?)\)s", text.replace("%%", "")):
        if name not in LOG_ATOMS and re.fullmatch(r"\{[^{}]+\}[io]", name) is None:
            raise SettingsError(
                f"{label}: there is no atom %({name})s; there are {' '.join(LOG_ATOMS)}, "
                "{FIELD}i of the request and {FIELD}o of the answer"
            )


def refuse_port_in_host(host: str, labels: Mapping[str, str]) -> None:
    """Refuses `--host 0.0.0.0:80`, as other servers' --bind takes it, and a whole URL."""
    match = re.fullmatch(r"(?:https?://)?(\[[^\]]*\]|[^:/]+)(?::(\d+))?/?", host)
    if match is None or match[0] == match[1]:
        return
    named = f"--host {match[1].strip('[]')}" + (f" --port {match[2]}" if match[2] else "")
    raise SettingsError(
        f"{labels.get('host', 'host')}: {host!r} is more than an address; write {named}"
    )


def refuse_two_places(values: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """Refuses --bind beside --host or --port: whether that is one place or two would be a guess."""
    if not values.get("bind"):
        return
    for name in ("host", "port"):
        if name in values and is_as_near(name, labels):
            raise SettingsError(
                f"{labels.get(name, name)} and {labels.get('bind', 'bind')} both say where to listen; "
                f"write all of it as {labels.get('bind', 'bind')}"
            )


def is_as_near(name: str, labels: Mapping[str, str]) -> bool:
    """Whether it was given as the bind was: on the command line, or in the environment."""
    return labels.get(name, "-").startswith("-") or not labels.get("bind", "-").startswith("-")


def refuse_url_without_room(settings: Settings, labels: Mapping[str, str]) -> None:
    if settings.url_max < settings.head_max:
        return
    url, head = labels.get("url_max", "url_max"), labels.get("head_max", "head_max")
    sizes = bytes_in_words(settings.url_max), bytes_in_words(settings.head_max)
    # The one that was given is at fault.
    if "url_max" in labels or "head_max" not in labels:
        raise SettingsError(f"{url}: {sizes[0]} must be less than the {sizes[1]} of {head}")
    raise SettingsError(f"{head}: {sizes[1]} must be more than the {sizes[0]} of {url}")


def refuse_wrong_tls(settings: Settings, labels: Mapping[str, str]) -> None:
    """Refuses what would do nothing, and certificates of which some have a key."""
    certificate, key, own, asks = (
        labels.get(name, name)
        for name in ("ssl_certfile", "ssl_keyfile", "ssl_self_signed", "ssl_cert_reqs")
    )
    if settings.ssl_self_signed and settings.ssl_certfile:
        raise SettingsError(f"{own} and {certificate} contradict each other; choose one")
    if not settings.ssl_certfile:
        for name in ("ssl_keyfile", "ssl_keyfile_password"):
            if getattr(settings, name):
                raise SettingsError(f"{labels.get(name, name)}: {certificate} is missing")
    if settings.ssl_cert_reqs == "none":
        for name in ("ssl_ca_certs", "ssl_crl"):
            if getattr(settings, name):
                raise SettingsError(
                    f"{labels.get(name, name)}: no client is asked for a certificate; add {asks} optional or required"
                )
    elif settings.ssl_ca_certs is None:
        raise SettingsError(f"{asks}: {labels.get('ssl_ca_certs', 'ssl_ca_certs')} is missing")
    elif not settings.ssl_certfile and not settings.ssl_self_signed:
        raise SettingsError(f"{asks}: {certificate} is missing")
    if settings.redirect_http and not settings.ssl_certfile and not settings.ssl_self_signed:
        label = labels.get("redirect_http", "redirect_http")
        raise SettingsError(f"{label}: {certificate} is missing, so there is no https to lead to")
    counts = len(settings.ssl_certfile), len(settings.ssl_keyfile)
    if counts[1] not in (0, counts[0]):
        raise SettingsError(
            f"{key}: {counts[1]} for {counts[0]} of {certificate}; each needs its own, in the same order"
        )


def redirect_of(checked: Mapping[str, Any], labels: Mapping[str, str]) -> str | None:
    """With its host."""
    text = checked["redirect_http"]
    if text is None:
        return None
    try:
        return redirect_place(text, checked["bind"], checked["host"])
    except ValueError as error:
        label = labels.get("redirect_http", "redirect_http")
        raise SettingsError(f"{label}: {text!r}: {error}") from None


def refuse_balance(settings: Settings, labels: Mapping[str, str]) -> None:
    """Refuses ways to spread connections that the mode lacks, or that do not go together."""
    chosen = {
        "balance": settings.balance != "hash",
        "steer": settings.steer != "hash",
        "rebalance": settings.rebalance,
    }
    by_address = settings.steer == "address"
    for name in (name for name, is_chosen in chosen.items() if is_chosen):
        what, modes = labels.get(name, name), "mode shard"
        if name == "steer" and by_address:
            if settings.mode == "process":
                # The kernel chooses among processes as it does among shards.
                continue
            what, modes = f"{what} address", "modes shard and process"
        if reason := NOT_BALANCED.get(settings.mode):
            raise SettingsError(f"{what} is for {modes}: {reason}")
    if chosen["balance"] and chosen["steer"]:
        raise SettingsError(
            f"{labels.get('balance', 'balance')} least and {labels.get('steer', 'steer')} {settings.steer} "
            "contradict each other; choose one"
        )
    if by_address and settings.rebalance:
        raise SettingsError(
            f"{labels.get('rebalance', 'rebalance')} sends clients to other shards, to which "
            f"{labels.get('steer', 'steer')} address does not let them; choose one"
        )
    if settings.steer == "cpu" and not settings.pin:
        raise SettingsError(
            f"{labels.get('steer', 'steer')}: cpu needs shards that are pinned to cores; "
            f"leave out {labels.get('pin', 'pin=False')}"
        )


def metrics_place(text: str | None, label: str) -> str | None:
    """`9100` as `127.0.0.1:9100`, and a path as it is; what is neither is refused."""
    if text is None or METRICS_PATH.fullmatch(text):
        return text
    match = re.fullmatch(r"(?:(\[[^\]]+\]|[^:/\s]+):)?(\d{1,5})", text, flags=re.ASCII)
    if match is None or int(match[2]) > PORT_MAX:
        raise SettingsError(
            f"{label}: {text!r} is neither a port, alone or behind a host, such as 9100 or 0.0.0.0:9100, "
            "nor a path such as /metrics"
        )
    return f"{match[1] or '127.0.0.1'}:{int(match[2])}"


PORT_MAX = 65_535

# As it stands in requests, without what would have to be encoded there.
METRICS_PATH = re.compile(r"(?:/[\w.~-]+)+", flags=re.ASCII)

# Why connections cannot be spread otherwise in these modes.
NOT_BALANCED = {
    "steal": "mode steal has one listener, and its threads take tasks from each other anyway",
    "process": "the kernel spreads connections over processes, which cannot hand sockets to each other",
}
