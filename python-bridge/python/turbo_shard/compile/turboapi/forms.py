"""Reads a form: URL-encoded or multipart. Bounded: by the body's own limit and by the number of parts."""

from __future__ import annotations

from typing import NamedTuple

PARTS_MAX = 1000
"""Most fields and files of one form, as other frameworks have it: each costs Python objects."""

PART_HEAD_BYTES_MAX = 8 * 1024
"""Longest head of one part; it is split and decoded as a whole."""


class FormFault(Exception):
    """The body is not the form that its type says; the text is one line for the peer."""


class Upload(NamedTuple):
    """One file of a form."""

    filename: str
    content_type: str
    content: bytes


class Form(NamedTuple):
    """What a form holds, by name and in order."""

    fields: dict[str, list[str]]
    files: dict[str, list[Upload]]


def is_form(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("multipart/form-data", "application/x-www-form-urlencoded")


def form_of(body: bytes, content_type: str) -> Form:
    """Reads the body as its type says; if that is no form, returns an empty one."""
    kind, *parameters = content_type.split(";")
    kind = kind.strip().lower()
    if kind == "application/x-www-form-urlencoded":
        from urllib.parse import parse_qs

        text = body.decode("utf-8", "replace")
        try:
            return Form(parse_qs(text, keep_blank_values=True, max_num_fields=PARTS_MAX), {})
        except ValueError:
            raise FormFault(f"the form has more than {PARTS_MAX} fields") from None
    if kind != "multipart/form-data":
        return Form({}, {})
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary" and (boundary := value.strip('"')):
            return _multipart(body, boundary.encode("latin-1", "replace"))
    raise FormFault("the multipart form names no boundary")


def _multipart(body: bytes, boundary: bytes) -> Form:
    form = Form({}, {})
    delimiter = b"\r\n--" + boundary
    # The first delimiter has no line before it.
    whole = b"\r\n" + body
    at = whole.find(delimiter)
    if at < 0:
        raise FormFault("the multipart form does not hold its boundary")
    for _ in range(PARTS_MAX + 1):
        at += len(delimiter)
        if whole.startswith(b"--", at):
            return form
        line_end = whole.find(b"\r\n", at)
        following = whole.find(delimiter, at)
        if line_end < 0 or following < 0 or whole[at:line_end].strip(b" \t"):
            raise FormFault("the multipart form ends before its last boundary")
        _add_part(form, whole, line_end + 2, following)
        at = following
    raise FormFault(f"the form has more than {PARTS_MAX} parts")


def _add_part(form: Form, whole: bytes, begin: int, end: int) -> None:
    head_end = whole.find(b"\r\n\r\n", begin - 2, end)
    if head_end < 0 or head_end - begin > PART_HEAD_BYTES_MAX:
        raise FormFault("a part of the multipart form has no proper head")
    from email.message import Message

    head = Message()
    for line in whole[begin:head_end].decode("utf-8", "replace").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            head[name.strip()] = value.strip()
    field = _parameter(head, "name")
    if field is None:
        raise FormFault("a part of the multipart form has no name")
    content = whole[head_end + 4 : end]
    filename = _parameter(head, "filename")
    if filename is None:
        form.fields.setdefault(field, []).append(content.decode("utf-8", "replace"))
    else:
        kind = head.get("content-type") or "application/octet-stream"
        form.files.setdefault(field, []).append(Upload(filename, kind, content))


def _parameter(head: object, name: str) -> str | None:
    from email.message import Message
    from email.utils import collapse_rfc2231_value

    if not isinstance(head, Message):
        return None
    found = head.get_param(name, header="content-disposition")
    if found is None:
        return None
    return collapse_rfc2231_value(found)
