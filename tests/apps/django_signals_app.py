"""A Django project in one file that counts its signals: each request that was started must be finished."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import django
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="not a secret",  # of a test
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    LOGGING_CONFIG=None,
)
django.setup()

lock = threading.Lock()
counts = {"started": 0, "finished": 0}


def count(name: str) -> None:
    with lock:
        counts[name] += 1


request_started.connect(lambda **_: count("started"), weak=False)
request_finished.connect(lambda **_: count("finished"), weak=False)


def plain(request: HttpRequest, status: int = 200) -> HttpResponse:
    return HttpResponse("" if status in (204, 304) else "plain", status=status)


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def pieces() -> Iterator[bytes]:
        for number in range(200):
            yield b"x" * 65536
            if number == 2 and "broken" in request.GET:
                raise RuntimeError("on purpose")

    return StreamingHttpResponse(pieces())


def file(request: HttpRequest) -> FileResponse:
    response = FileResponse(BytesIO(b"y" * 300_000))
    if "range" in request.GET:
        response.status_code = 206
        response["Content-Length"] = "10"
    return response


def read_counts(request: HttpRequest) -> JsonResponse:
    # This request is under way.
    with lock:
        return JsonResponse({**counts, "started": counts["started"] - 1})


urlpatterns: list[Any] = [
    path("plain", plain),
    path("status/<int:status>", plain),
    path("crash", crash),
    path("stream", stream),
    path("file", file),
    path("counts", read_counts),
]
application = get_wsgi_application()
