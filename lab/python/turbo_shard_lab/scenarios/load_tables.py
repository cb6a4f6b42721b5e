"""What a scenario's file says of its loads and routes, checked key by key. Knows no arms and runs nothing."""

from __future__ import annotations

import re

from ..load.generator import Question
from .scenario import HTTP, SPEAKS, LoadPlan
from .toml_table import REQUIRED, Table

LOOPS = ("closed", "open", "shares")
ARRIVALS = ("poisson", "constant")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
IO = ("epoll", "uring")
WEBSOCKET = ("text", "binary")


def questions_of(table: Table) -> tuple[Question, ...]:
    return tuple(question_of(route) for route in table.tables("routes"))


def question_of(route: Table) -> Question:
    path = route.text("path", REQUIRED)
    if not path.startswith("/"):
        raise route.refuse("path", f"{path!r} does not begin with /")
    echo_bytes = route.count("echo_bytes", 0)
    websocket = route.text("websocket", "", choices=WEBSOCKET)
    any_body = route.flag("expect_any_body")
    question = Question(
        path=path,
        method=route.text("method", "GET", choices=METHODS),
        body=route.text("expect_body", "", empty=True),
        sends=route.text("body", ""),
        echo_bytes=echo_bytes,
        websocket=websocket,
        headers=headers_of(route),
        status=route.count("expect_status", 200, least=100),
        any_body=any_body,
        weight=route.number("weight", 1.0),
    )
    route.end()
    if sum((bool(echo_bytes), any_body, "expect_body" in route)) != 1:
        raise route.refuse(
            "expect_body", "say what comes back: expect_body, echo_bytes or expect_any_body = true"
        )
    if websocket and not echo_bytes:
        raise route.refuse("websocket", "messages are echoed: say echo_bytes")
    if echo_bytes and question.sends:
        raise route.refuse("body", "echo_bytes makes the body by itself")
    return question


def headers_of(route: Table) -> tuple[str, ...]:
    headers = route.texts("headers")
    if wrong := [header for header in headers if not re.fullmatch(r"[\w-]+: ?[^\r\n]*", header)]:
        raise route.refuse("headers", f"{wrong[0]!r} is not `Name: value`")
    return headers


def load_of(
    table: Table, questions: tuple[Question, ...], *, measured: bool
) -> tuple[list[int], LoadPlan]:
    """The numbers of connections where there are several, and the plan."""
    loop = table.text("loop", REQUIRED, choices=LOOPS if measured else LOOPS[:2])
    counts, connections = connections_of(table)
    plan = LoadPlan(
        loop=loop,
        questions=questions_of(table) or questions,
        connections=connections,
        connections_per_shard=table.count("connections_per_shard"),
        rate=table.number("rate"),
        rate_per_server_core=table.number("rate_per_server_core"),
        shares=table.numbers("shares", above=0, below=1),
        arrivals=table.text("arrivals", "poisson", choices=ARRIVALS),
        pipeline=table.count("pipeline", 1),
        slow_read_bytes_per_second=table.count("slow_read_bytes_per_second"),
        idle_connections=table.count("idle_connections", 0),
        answer_timeout_seconds=table.number("answer_timeout_seconds"),
        io=table.text("io", "", choices=IO),
        speaks=speaks_of(table) or HTTP,
        streams=table.count("streams", 1),
        http2_connections=table.count("http2_connections"),
    )
    table.end()
    check(table, plan)
    return counts, plan


def speaks_of(table: Table) -> str:
    speaks: str = table.text("speaks", "", choices=SPEAKS)
    return speaks


def connections_of(table: Table) -> tuple[list[int], int | None]:
    value = table.values.get("connections")
    if not isinstance(value, list):
        return [], table.count("connections")
    table.asked.add("connections")
    if not value or not all(type(one) is int and one >= 1 for one in value):
        raise table.refuse("connections", f"{value!r} is not a list of whole numbers from 1 on")
    return value, value[0]


def check(table: Table, plan: LoadPlan) -> None:
    if not plan.questions:
        raise table.refuse("routes", "there are none, here or in the file: [[routes]]")
    if (plan.connections is None) == (plan.connections_per_shard is None):
        raise table.refuse("connections", "say either connections or connections_per_shard")
    rates = [key for key in ("rate", "rate_per_server_core") if key in table]
    if plan.loop == "open" and len(rates) != 1:
        raise table.refuse("rate", "an open loop has either rate or rate_per_server_core")
    if plan.loop != "open" and rates:
        raise table.refuse(rates[0], f"belongs to an open loop; this one is {plan.loop}")
    if (plan.loop == "shares") != bool(plan.shares):
        raise table.refuse("shares", 'belongs to loop = "shares", which has one or more')
    if plan.loop == "closed" and "arrivals" in table:
        raise table.refuse("arrivals", "a closed loop sends when an answer has come")
    if plan.loop != "closed" and plan.pipeline > 1:
        raise table.refuse("pipeline", 'belongs to loop = "closed"')
