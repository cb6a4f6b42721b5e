"""Requests for each operation that an OpenAPI document describes: some that look valid, and many odd ones.

The same document and seed make the same requests. Knows no server and no framework.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

Document = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
JSON_TYPE = "application/json"
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
BOUNDARY = "a-boundary-of-parts"

ODD_TEXTS = (
    "",
    "0",
    "-1",
    "1e3",
    " 7",
    "abc",
    "a b",
    "ä€",
    "true",
    "2026-01-31",
    "x" * 300,
    "%",
    "null",
)
ODD_BODIES = (
    b"",
    b"{",
    b"[]",
    b"{}",
    b"null",
    b'"text"',
    b"7",
    b"[1]",
    b'{"a": NaN}',
    b"\xff\xfe",
    b" ",
)
ODD_CONTENT_TYPES = (
    None,
    "text/plain",
    "application/vnd.api+json",
    "application/json; charset=utf-8",
    "json",
)
# What a client may send that no document describes.
STRANGE_PATHS = (
    "/",
    "//",
    "/nowhere",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/a%2Fb",
    "/%F0%9F%A6%84",
    "/docs/",
)
DEEPEST = 4


@dataclass
class Request:
    """One request as bytes would say it, but for the line's form. The path is percent-encoded."""

    method: str
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    # The body comes in two messages.
    is_split: bool = False

    def shown(self) -> str:
        headers = "".join(f" {name}={value!r}" for name, value in self.headers)
        question = f"?{self.query}" if self.query else ""
        return f"{self.method} {self.path}{question}{headers} {self.body[:300]!r}"


class Values:
    """Values that look as a schema wants them."""

    def __init__(self, document: Document, chance: random.Random) -> None:
        self.document = document
        self.chance = chance

    def resolved(self, schema: Document) -> Document:
        while "$ref" in schema:
            found: Any = self.document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def of(self, schema: Document | bool, depth: int = 0) -> Any:
        if not isinstance(schema, dict):
            return "anything"
        schema = self.resolved(schema)
        for given in ("example", "default", "const"):
            if schema.get(given) is not None and self.chance.random() < 0.6:
                return schema[given]
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.chance.choice(schema["enum"])
        for choices in ("anyOf", "oneOf"):
            if schema.get(choices):
                return self.of(self.chance.choice(schema[choices]), depth)
        if schema.get("allOf"):
            parts = [self.of(part, depth) for part in schema["allOf"]]
            merged: dict[str, Any] = {}
            for part in parts:
                merged |= part if isinstance(part, dict) else {}
            return merged or parts[0]
        return self.of_type(schema, depth)

    def of_type(self, schema: Document, depth: int) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = self.chance.choice(kind)
        match kind:
            case "null":
                return None
            case "boolean":
                return self.chance.random() < 0.5
            case "integer":
                return self.chance.randint(*self.bounds(schema))
            case "number":
                low, high = self.bounds(schema)
                return round(self.chance.uniform(low, high), 2)
            case "array":
                least = schema.get("minItems", 0)
                count = max(least, self.chance.randint(0, 2)) if depth < DEEPEST else least
                return [self.of(schema.get("items", {}), depth + 1) for _ in range(count)]
            case "object":
                return self.of_object(schema, depth)
        return self.text(schema)

    def of_object(self, schema: Document, depth: int) -> dict[str, Any]:
        needed = schema.get("required", ())
        return {
            name: self.of(each, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if name in needed or (depth < DEEPEST and self.chance.random() < 0.5)
        }

    def bounds(self, schema: Document) -> tuple[int, int]:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        low += "exclusiveMinimum" in schema
        high = schema.get("maximum", schema.get("exclusiveMaximum", low + 20))
        high -= "exclusiveMaximum" in schema
        return int(low), max(int(low), int(high))

    def text(self, schema: Document) -> str:
        known = {
            "date-time": "2026-02-03T04:05:06Z",
            "date": "2026-02-03",
            "time": "04:05:06",
            "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "email": "ada@example.org",
            "uri": "https://example.org/a",
            "binary": "some bytes",
        }
        found = known.get(schema.get("format", ""), self.chance.choice(("a", "word", "two words")))
        least, most = schema.get("minLength", 0), schema.get("maxLength", 1000)
        return found.ljust(least, "x")[:most]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class Operation:
    """One method of one path."""

    def __init__(self, document: Document, path: str, method: str, chance: random.Random) -> None:
        self.path = path
        self.method = method.upper()
        self.values = Values(document, chance)
        item = document["paths"][path]
        told = item[method]
        parameters = [self.values.resolved(each) for each in item.get("parameters", [])]
        parameters += [self.values.resolved(each) for each in told.get("parameters", [])]
        self.parameters = parameters
        content = self.values.resolved(told.get("requestBody", {})).get("content", {})
        self.content_type = next(iter(content), None)
        self.schema: Document = content[self.content_type].get("schema", {}) if content else {}

    def at(self, place: str) -> list[Document]:
        return [each for each in self.parameters if each["in"] == place]

    def valid(self, instead: dict[str, list[str]] | None = None) -> Request:
        """A request that looks valid, but for the texts of some parameters."""
        instead = instead or {}
        path = self.path
        for each in self.at("path"):
            text = self.texts(each, instead)[0]
            path = path.replace("{" + each["name"] + "}", quote(text, safe=""))
        query = [
            (each["name"], text) for each in self.at("query") for text in self.texts(each, instead)
        ]
        headers = [
            (each["name"].lower(), text.encode("ascii", "replace").decode())
            for each in self.at("header")
            for text in self.texts(each, instead)
        ]
        cookies = [
            f"{each['name']}={quote(text)}"
            for each in self.at("cookie")
            for text in self.texts(each, instead)
        ]
        headers += [("cookie", "; ".join(cookies))] if cookies else []
        request = Request(self.method, path, urlencode(query), headers)
        if self.content_type is not None:
            self.fill(request, self.values.of(self.schema))
        return request

    def texts(self, parameter: Document, instead: dict[str, list[str]]) -> list[str]:
        name = parameter["name"]
        if name in instead:
            return instead[name]
        if parameter["in"] != "path" and not parameter.get("required"):
            if self.values.chance.random() < 0.5:
                return []
        value = self.values.of(parameter.get("schema", {}))
        if value is None and parameter["in"] != "path":
            return []
        return [as_text(each) for each in value] if isinstance(value, list) else [as_text(value)]

    def fill(self, request: Request, value: Any) -> None:
        """Put `value` into the body, in the form that the operation takes."""
        kind = self.content_type
        fields = value.items() if isinstance(value, dict) else ()
        if kind == FORM_TYPES[0]:
            request.body = urlencode([(name, as_text(each)) for name, each in fields]).encode()
        elif kind == FORM_TYPES[1]:
            request.body = multipart(dict(fields))
            kind = f"{kind}; boundary={BOUNDARY}"
        else:
            request.body = json.dumps(value).encode()
        request.headers.append(("content-type", str(kind)))

    def requests(self) -> Iterator[Request]:
        for _ in range(3):
            yield self.valid()
        yield from self.odd_parameters()
        if self.content_type is not None:
            yield from self.odd_bodies()
        yield from self.odd_lines()

    def odd_parameters(self) -> Iterator[Request]:
        chance = self.values.chance
        for each in self.parameters:
            name, place = each["name"], each["in"]
            texts: list[list[str]] = [[text] for text in chance.sample(ODD_TEXTS, 3)]
            if place != "path":
                texts += [[], [""], ["1", "2"], ["b", ""]]
            elif not texts[0][0]:
                texts[0] = ["a/b"]
            for odd in texts:
                yield self.valid({name: odd})

    def odd_bodies(self) -> Iterator[Request]:
        for body in ODD_BODIES:
            request = self.valid()
            request.body = body
            yield request
        for kind in ODD_CONTENT_TYPES:
            request = self.valid()
            request.headers = [each for each in request.headers if each[0] != "content-type"]
            request.headers += [("content-type", kind)] if kind else []
            yield request
        for value in self.odd_values():
            request = self.valid()
            request.headers = [each for each in request.headers if each[0] != "content-type"]
            self.fill(request, value)
            request.is_split = True
            yield request

    def odd_values(self) -> Iterator[Any]:
        """Objects in which one field is missing, of another kind or too many."""
        value = self.values.of(self.schema)
        if not isinstance(value, dict):
            yield [value, value]
            return
        yield {**value, "unknown": 1}
        for name in list(value)[:6]:
            yield {key: each for key, each in value.items() if key != name}
            odd = self.values.chance.choice((None, "text", -1, 1.5, [], {}, [{}], True, "5"))
            yield {**value, name: odd}

    def odd_lines(self) -> Iterator[Request]:
        for method in ("HEAD", "OPTIONS", "PURGE", "POST" if self.method == "GET" else "GET"):
            request = self.valid()
            request.method = method
            yield request
        request = self.valid()
        request.path = (
            request.path.rstrip("/") if request.path.endswith("/") else request.path + "/"
        )
        yield request
        request = self.valid()
        request.query += "&unknown=1&=&a"
        request.headers += [("origin", "https://example.org"), ("x-unknown", "ü")]
        yield request


def multipart(fields: dict[str, Any]) -> bytes:
    parts = b""
    for name, value in fields.items():
        for each in value if isinstance(value, list) else [value]:
            is_file = each == "some bytes"
            tail = '; filename="a.txt"\r\nContent-Type: text/plain' if is_file else ""
            head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{tail}\r\n\r\n'
            parts += head.encode() + as_text(each).encode() + b"\r\n"
    return parts + f"--{BOUNDARY}--\r\n".encode()


def requests_for(document: Document, seed: int) -> Iterator[Request]:
    """For each operation in the document's order, then for paths that it does not have."""
    chance = random.Random(seed)
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield from Operation(document, path, method, chance).requests()
    for path in STRANGE_PATHS:
        for method in ("GET", "POST", "HEAD"):
            yield Request(method, path)
