"""Plans of arguments as a front end may make them, bound by the native side for a call that Python makes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from refused_apps import refused, write
from turbo_shard._native import Arguments, Request
from turbo_shard.native.errors import HTTPException, InputError, RegistrationError, fault
from turbo_shard.native.plan import MISSING, ArgumentPlan


def argument(name: str, slot: int, source: str, **others: Any) -> ArgumentPlan:
    plan = ArgumentPlan(
        *(name, slot, source, name, (source, name), "other"),
        many=False,
        keyword_only=False,
        required=True,
        default=None,
        new_default=None,
        read=None,
    )
    return plan._replace(**others)


def request(query: str = "", body: bytes | None = None) -> Request:
    headers = [("X-Token", "t"), ("Cookie", "a=1; b=2"), ("Cookie", "a=3")]
    return Request._for_tests("POST", f"/a/7?{query}", headers, body, [("n", "7")])


def bound(*plans: ArgumentPlan, query: str = "", body: bytes | None = None) -> list[Any]:
    return Arguments("/a/{n}", plans).bind(request(query, body), "view")


def refuse(value: Any) -> Any:
    raise fault("odd", "It is odd", value)


def test_arguments_lie_by_slot_whatever_the_order_in_which_they_are_made() -> None:
    order: list[str] = []

    def fetch(view: Any) -> Any:
        order.append("computed")
        return view

    def read(text: str) -> Any:
        order.append("query")
        return text

    made = bound(
        argument("c", 2, "computed", read=fetch),
        argument("q", 1, "query", read=read),
        argument("n", 0, "path", kind="int"),
        argument("x-token", 3, "header", kind="str"),
        argument("a", 4, "cookie", kind="str"),
        argument("body", 5, "body", kind="bytes"),
        argument("request", 6, "request"),
        query="q=x",
        body=b"abc",
    )
    assert made == [7, "x", "view", "t", "3", b"abc", "view"]
    assert order == ["computed", "query"]


def test_what_a_reader_does_not_find_is_the_default_or_missing() -> None:
    nothing = argument("c", 0, "computed", read=lambda view: MISSING)
    assert bound(nothing._replace(required=False, default=5)) == [5]
    assert bound(nothing._replace(required=False, new_default=list)) == [[]]
    with pytest.raises(InputError) as missing:
        bound(nothing._replace(place=("form", "field")))
    assert [(one["type"], one["loc"]) for one in missing.value.errors] == [
        ("missing", ["form", "field"])
    ]


def test_faults_of_all_arguments_are_collected_in_the_order_of_the_plan() -> None:
    with pytest.raises(InputError) as wrong:
        bound(
            argument("c", 0, "computed", read=refuse, place=("body", "c")),
            argument("q", 1, "query", kind="int", read=refuse),
            argument("p", 2, "query"),
            query="q=x",
        )
    assert [(one["type"], one["loc"]) for one in wrong.value.errors] == [
        ("odd", ["body", "c"]),
        ("odd", ["query", "q"]),
        ("missing", ["query", "p"]),
    ]


def test_any_other_exception_ends_the_binding_at_once() -> None:
    def forbid(view: Any) -> Any:
        raise HTTPException(403)

    with pytest.raises(HTTPException):
        bound(
            argument("a", 0, "computed", read=refuse),
            argument("b", 1, "computed", read=forbid),
        )


FULL = """\
from turbo_shard import App
from turbo_shard.native.plan import ArgumentPlan, RoutePlan
from turbo_shard.native.route import route_of


def handler(*values):
    return list(values)


def argument(slot):
    head = (f"p{slot}", slot, "query", f"p{slot}", ("query",), "str")
    return ArgumentPlan(*head, False, False, True, None, None, None)


def plan(route):
    return RoutePlan(*route[:-1], tuple(map(argument, range(33))))


app = App()
app.add(route_of(("GET",), "/", handler, False, None)._replace(plan=plan))
"""


def test_plan_with_more_arguments_than_a_call_may_have_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "full_app.py", FULL)
    line = refused(tmp_path, "full_app:app").stderr.splitlines()[-1]
    assert "handler full_app.handler: its plan has 33 arguments, more than 32" in line


@pytest.mark.parametrize(
    ("plans", "fault"),
    [
        ((argument("other", 0, "path"),), 'the path has no parameter "other"'),
        ((argument("n", 1, "path"),), "slots [1]"),
        ((argument("n", 0, "path"), argument("q", 0, "query")), "slots [0, 0]"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(plans: tuple[ArgumentPlan, ...], fault: str) -> None:
    with pytest.raises(RegistrationError, match=re.escape(fault)):
        Arguments("/a/{n}", plans)
