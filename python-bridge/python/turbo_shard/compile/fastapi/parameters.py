"""Writes how the parameters of one function are read and validated. The rules are FastAPI's; the validators,
pydantic's.

A plain parameter is read from the call and given to its validator at once. Everything rarer (models of parameters,
several aliases, sequences in cookies) is left to FastAPI's own function, which is given the same multidicts as by
FastAPI.
"""

from __future__ import annotations

import enum
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from fastapi._compat import ModelField, field_annotation_is_sequence, get_missing_field_error
from fastapi._compat.v2 import _regenerate_error_with_loc
from fastapi.dependencies.utils import (
    _get_param_aliases,
    _get_param_model,
    _is_json_field,
    request_params_to_args,
)
from pydantic import ValidationError
from pydantic_core import SchemaValidator
from starlette.datastructures import Headers, QueryParams

from .purity import is_pure
from .source import Code, Names

# Values that nobody can change, so that they need no copy.
FIXED = (str, int, float, bool, bytes, complex, type(None), enum.Enum)


@dataclass(frozen=True)
class Place:
    """Where parameters come from: `in_` of FastAPI's fields, and how a call gives one value, several, or all."""

    name: str
    one: str
    several: str
    all_of_them: str


QUERY = Place("query", "call.query({})", "call.query_list({})", "{query_params}(call.query_string)")
HEADER = Place(
    "header", "call.header({})", "call.header_list({})", "{headers}(raw=call.scope()['headers'])"
)


def is_field_pure(field: ModelField) -> bool:
    """Whether reading this field runs no code of the app."""
    return field.field_info.default_factory is None and is_pure(field._type_adapter.core_schema)


def is_plain(field: ModelField, place: str) -> bool:
    """Whether the field is one value, or one list of values, under one name."""
    if (
        _get_param_model(field) is not None
        or _is_json_field(field)
        or field.field_info.validate_default
    ):
        return False
    aliases = _get_param_aliases(field)
    if len(aliases) != 1 or aliases[0][0] != aliases[0][1]:
        return False
    if type(aliases[0][1]) is not str or not aliases[0][1].isascii():
        return False
    is_sequence = field_annotation_is_sequence(field.field_info.annotation)
    return (
        not (is_sequence and place in ("path", "cookie"))
        and type(field._type_adapter.validator) is SchemaValidator
    )


class ParameterWriter:
    """Writes the reading of parameters, and gives each a variable."""

    def __init__(self, code: Code, names: Names, path_names: list[str]) -> None:
        self.code = code
        self.names = names
        # Of the route's template; `params` has their values, converted.
        self.path_names = path_names
        self.count = 0
        self.has_cookies = False

    def variable(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def write(self, dependant: Any) -> dict[str, str]:
        """Parameters of `dependant` in FastAPI's order: name -> variable."""
        values: dict[str, str] = {}
        self.write_path(dependant.path_params, values)
        self.write_place(QUERY, dependant.query_params, values)
        self.write_place(HEADER, dependant.header_params, values)
        self.write_cookies(dependant.cookie_params, values)
        return values

    def write_path(self, fields: list[ModelField], values: dict[str, str]) -> None:
        if not fields:
            return
        if not all(
            is_plain(field, "path") and _get_param_aliases(field)[0][1] in self.path_names
            for field in fields
        ):
            own = "".join(f", {name!r}: p{index}" for index, name in enumerate(self.path_names))
            self.write_by_fastapi(fields, f"{{**site.outer_params(call){own}}}", values)
            return
        for field in fields:
            alias = _get_param_aliases(field)[0][1]
            source = f"p{self.path_names.index(alias)}"
            values[field.name] = self.write_validation(field, source, ("path", alias))

    def write_place(self, place: Place, fields: list[ModelField], values: dict[str, str]) -> None:
        if not fields:
            return
        if not all(is_plain(field, place.name) for field in fields):
            everything = place.all_of_them.format(
                query_params=self.names.of("QueryParams", QueryParams),
                headers=self.names.of("Headers", Headers),
            )
            self.write_by_fastapi(fields, everything, values)
            return
        for field in fields:
            alias = _get_param_aliases(field)[0][1]
            asked = alias.lower() if place is HEADER else alias
            if field_annotation_is_sequence(field.field_info.annotation):
                got, condition = place.several.format(repr(asked)), "{}"
            else:
                got, condition = place.one.format(repr(asked)), "{} is not None"
            values[field.name] = self.write_optional(field, got, condition, (place.name, alias))

    def write_cookies(self, fields: list[ModelField], values: dict[str, str]) -> None:
        if not fields:
            return
        if not self.has_cookies:
            self.code.line(f"cookies = {self.names.of('cookies_of', cookies_of)}(call)")
            self.has_cookies = True
        if not all(is_plain(field, "cookie") for field in fields):
            self.write_by_fastapi(fields, "cookies", values)
            return
        for field in fields:
            alias = _get_param_aliases(field)[0][1]
            got = f"cookies.get({alias!r})"
            values[field.name] = self.write_optional(
                field, got, "{} is not None", ("cookie", alias)
            )

    def write_optional(
        self, field: ModelField, got: str, condition: str, loc: tuple[str, ...]
    ) -> str:
        """A value that may be missing."""
        variable = self.variable()
        self.code.line(f"{variable} = {got}")
        with self.code.block(f"if {condition.format(variable)}"):
            self.write_validation(field, variable, loc, variable)
        with self.code.block("else"):
            self.write_missing(field, variable, loc)
        return variable

    def write_missing(self, field: ModelField, variable: str, loc: tuple[str, ...]) -> None:
        if field.field_info.is_required():
            missing = self.names.of("missing", get_missing_field_error)
            self.code.line(f"errors.append({missing}(loc={loc!r}))")
            return
        if field.field_info.default_factory is None and isinstance(field.default, FIXED):
            default = field.default
            known = repr(default) if default is None or type(default) in (bool, int, str) else ""
            self.code.line(f"{variable} = {known or self.names.of('default', default)}")
            return
        copied = self.names.of("deepcopy", deepcopy)
        self.code.line(f"{variable} = {copied}({self.names.of('field', field)}.default)")

    def write_validation(
        self, field: ModelField, source: str, loc: tuple[str, ...], target: str = ""
    ) -> str:
        variable = target or self.variable()
        validate = self.names.of("validate", validator_of(field))
        with self.code.block("try"):
            self.code.line(f"{variable} = {validate}({source}, from_attributes=True)")
        with self.code.block(
            f"except {self.names.of('ValidationError', ValidationError)} as invalid"
        ):
            self.code.line(
                f"errors.extend({self.names.of('errors_at', errors_at)}(invalid, {loc!r}))"
            )
        return variable

    def write_by_fastapi(
        self, fields: list[ModelField], received: str, values: dict[str, str]
    ) -> None:
        """By `request_params_to_args`: what it returns is taken apart, where it is without errors."""
        read = self.names.of("request_params_to_args", request_params_to_args)
        group = self.variable()
        self.code.line(f"{group}, found = {read}({self.names.of('fields', fields)}, {received})")
        self.code.line("errors.extend(found)")
        for field in fields:
            values[field.name] = variable = self.variable()
            self.code.line(f"{variable} = {group}.get({field.name!r})")


def validator_of(field: ModelField) -> Any:
    return field._type_adapter.validator.validate_python


def errors_at(invalid: ValidationError, loc: tuple[str, ...]) -> list[Any]:
    """As `ModelField.validate` tells them."""
    return _regenerate_error_with_loc(errors=invalid.errors(include_url=False), loc_prefix=loc)


def cookies_of(call: Any) -> dict[str, str]:
    """As `Request.cookies` reads them."""
    from starlette.requests import cookie_parser

    cookies: dict[str, str] = {}
    for header in call.header_list("cookie"):
        cookies.update(cookie_parser(header))
    return cookies
