"""Makes up requests to a made app: most of them to one of its routes, with what fits it; some with what does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from asked import Asked, ask
from made_apps import FALLBACK, Dependency, MadeApp, Model, Parameter, Route, Router, Use
from made_values import Kind

BOOMS = ("http", "own", "key")
TYPES = (
    "application/json",
    "application/json",
    "application/json; charset=utf-8",
    "text/plain",
    "application/x+json",
    None,
)
ODD_BODIES = (b"", b"{", b"null", b"[]", b"\xff", b'"text"', b"NaN", b"1 2", b"{}")


@dataclass(frozen=True)
class Target:
    """A route at the end of one way through the routers, with all that is read on this way."""

    path: str
    route: Route
    uses: tuple[Use, ...]

    @property
    def parameters(self) -> list[Parameter]:
        found = list(self.route.parameters)
        for dependency in self.dependencies:
            found += dependency.parameters
        return found

    @property
    def dependencies(self) -> list[Dependency]:
        found: list[Dependency] = []

        def enter(uses: tuple[Use, ...]) -> None:
            for use in uses:
                if use.dependency not in found:
                    found.append(use.dependency)
                    enter(use.dependency.uses)

        enter((*self.uses, *self.route.around, *self.route.uses))
        return found


def targets_of(app: MadeApp) -> list[Target]:
    return [*walk(app.router, "", ()), Target("/fallback", FALLBACK, app.router.around)]


def walk(router: Router, before: str, uses: tuple[Use, ...]) -> Iterator[Target]:
    path = before + router.prefix
    uses = (*uses, *router.around)
    for route in router.routes:
        yield Target(path + route.path, route, uses)
    for inner, added, around in router.included:
        yield from walk(inner, path + added, (*uses, *around))


def made_request(random: Random, targets: list[Target]) -> Asked:
    return RequestMaker(random).request(random.choice(targets))


@dataclass
class RequestMaker:
    """Makes one request."""

    random: Random

    def chance(self, of: float) -> bool:
        return self.random.random() > 1 - of

    def request(self, target: Target) -> Asked:
        query: list[str] = []
        headers: list[str] = []
        cookies: list[str] = []
        bodies: list[Parameter] = []
        paths: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()
        for parameter in target.parameters:
            # One name may be read by many.
            if (parameter.place, parameter.name) in seen:
                continue
            seen.add((parameter.place, parameter.name))
            if parameter.place == "path or query":
                paths.setdefault(parameter.name, self.text(parameter.kind))
                if self.chance(0.5):
                    query.append(f"{parameter.name}={self.text(parameter.kind)}")
            elif parameter.place == "path":
                paths[parameter.name] = self.text(parameter.kind)
            elif parameter.place == "body":
                bodies.append(parameter)
            else:
                for name, text in self.texts(parameter):
                    if parameter.place == "query":
                        query.append(f"{name}={text}")
                    elif parameter.place == "header":
                        headers.append(f"{name}: {text}")
                    else:
                        cookies.append(f"{name}={text}")
        query += self.booms(target)
        if cookies:
            headers.append("cookie: " + "; ".join(cookies))
        line = f"{self.method(target)} {self.path(target.path, paths)}"
        if query:
            line += "?" + "&".join(query)
        return self.with_body(line, headers, bodies)

    def text(self, kind: Kind | Model) -> str:
        if isinstance(kind, Model):
            return "x"
        return self.random.choice(kind.odd_texts if self.chance(0.06) else kind.texts)

    def texts(self, parameter: Parameter) -> Iterator[tuple[str, str]]:
        if isinstance(parameter.kind, Model):
            for one in parameter.kind.fields:
                if isinstance(one.kind, Kind) and not self.chance(0.4 if one.default else 0.04):
                    yield (
                        one.key if parameter.place != "header" else one.key.replace("_", "-"),
                        self.text(one.kind),
                    )
            return
        if self.chance(0.4 if parameter.default else 0.04):
            return
        name = parameter.alias or parameter.name
        if parameter.place == "header" and not parameter.alias:
            name = name.replace("_", "-")
        yield name, self.text(parameter.kind)
        while self.chance(0.4 if parameter.kind.is_many else 0.1):
            yield name, self.text(parameter.kind)

    def booms(self, target: Target) -> Iterator[str]:
        names = [f"{target.route.name}_inside"]
        for dependency in target.dependencies:
            names.append(f"{dependency.name}_before")
            if dependency.yields:
                names.append(f"{dependency.name}_after")
        for name in names:
            if self.chance(0.06):
                yield f"{name}={self.random.choice(BOOMS)}"

    def method(self, target: Target) -> str:
        if self.chance(0.05):
            return self.random.choice(("HEAD", "OPTIONS", "GET", "POST", "DELETE"))
        return self.random.choice(target.route.methods).upper()

    def path(self, template: str, texts: dict[str, str]) -> str:
        def text(match: re.Match[str]) -> str:
            chosen = texts.get(match[1]) or self.random.choice(("1", "2.5", "x"))
            if match[2] == ":int" and not self.chance(0.1):
                return "12"
            return chosen

        path = re.sub(r"{(\w+)(:\w+)?}", text, template) or "/"
        if self.chance(0.05):
            path = self.random.choice(
                (
                    f"{path}/",
                    path.rstrip("/") or "/",
                    f"/{path}",
                    f"{path}/more",
                    "/nowhere",
                    "/openapi.json",
                )
            )
        return path

    def with_body(self, line: str, headers: list[str], bodies: list[Parameter]) -> Asked:
        if not bodies or self.chance(0.05):
            if self.chance(0.03):
                return ask(line, *headers, json={"not": "asked for"})
            return ask(line, *headers)
        content_type = "application/json" if not self.chance(0.15) else self.random.choice(TYPES)
        if content_type is not None:
            headers = [*headers, f"content-type: {content_type}"]
        body = (
            self.random.choice(ODD_BODIES)
            if self.chance(0.1)
            else json.dumps(self.json_of(bodies)).encode()
        )
        if len(body) > 2 and self.chance(0.1):
            return ask(line, *headers, chunks=(body[:2], body[2:]), leaves=self.chance(0.2))
        return ask(line, *headers, chunks=(body,))

    def json_of(self, bodies: list[Parameter]) -> Any:
        if (len(bodies) > 1 or bodies[0].embed) != self.chance(0.05):
            return {
                one.alias or one.name: self.value(one.kind, one.shape == "list")
                for one in bodies
                if not self.chance(0.1)
            }
        return self.value(bodies[0].kind, bodies[0].shape == "list")

    def value(self, kind: Kind | Model, is_list: bool = False) -> Any:
        if is_list:
            return [self.value(kind) for _ in range(self.random.randint(0, 2))]
        if isinstance(kind, Kind):
            return self.random.choice(kind.odd_values if self.chance(0.08) else kind.values)
        value = {
            one.key: self.value(one.kind, one.is_list)
            for one in kind.fields
            if not self.chance(0.3 if one.default else 0.03)
        }
        if self.chance(0.1):
            value["unknown"] = 1
        return value
