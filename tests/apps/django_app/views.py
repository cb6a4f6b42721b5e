"""The views: plain and async ones, forms, sessions, uploads, streams."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import marks
from django.contrib import messages
from django.db import transaction
from django.db.models import F
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from .models import Note, Tally


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Django")


def environment(request: HttpRequest, rest: str) -> JsonResponse:
    return JsonResponse(
        {
            "rest": rest,
            "path": request.path,
            "query": request.GET.urlencode(),
            "client": request.META["REMOTE_ADDR"],
            "port": request.get_port(),
            "secure": request.is_secure(),
            "header": request.headers.get("X-Probe"),
            "url": request.build_absolute_uri(),
            "served": request.served,  # type: ignore[attr-defined]
        }
    )


def counter(request: HttpRequest) -> JsonResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse({"count": request.session["count"]})


@require_GET
def new_note(request: HttpRequest) -> HttpResponse:
    return render(request, "new_note.html")


@require_http_methods(["GET", "POST"])
def notes(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        Note.objects.create(author=request.POST["author"], text=request.POST["text"])
        messages.success(request, "noted")
        return redirect("notes")
    said = [str(message) for message in messages.get_messages(request)]
    return JsonResponse({"notes": list(Note.objects.values("author", "text")), "said": said})


@csrf_exempt
@transaction.atomic
def tally(request: HttpRequest, name: str) -> JsonResponse:
    Tally.objects.get_or_create(name=name)
    Tally.objects.filter(name=name).update(count=F("count") + 1)
    return JsonResponse({"count": Tally.objects.get(name=name).count})


def upload(request: HttpRequest) -> JsonResponse:
    received = []
    for file in request.FILES.getlist("files"):
        digest = hashlib.sha256()
        for piece in file.chunks():
            digest.update(piece)
        received.append([file.name, file.size, digest.hexdigest()])
    return JsonResponse({"title": request.POST["title"], "files": received})


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type=request.content_type)


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"), as_attachment=True, filename="views.py")


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("crashed on purpose")


def lines(request: HttpRequest, mark: str) -> StreamingHttpResponse:
    def produce() -> Iterator[str]:
        yield "first\n"
        marks.seen_by_thread(mark)
        yield "second\n"

    return StreamingHttpResponse(produce(), content_type="text/plain")


def ticks(request: HttpRequest, mark: str) -> StreamingHttpResponse:
    """Without end, and longer than any buffer: the client leaves."""

    def produce() -> Iterator[bytes]:
        try:
            while True:
                yield b"tick" * 1024
                time.sleep(0.001)
        finally:
            marks.leave(f"{mark}-closed")

    return StreamingHttpResponse(produce(), content_type="text/event-stream")


async def async_count(request: HttpRequest) -> JsonResponse:
    await asyncio.sleep(0.001)
    names = [note.author async for note in Note.objects.order_by("id")]
    return JsonResponse({"count": await Note.objects.acount(), "authors": names})


async def async_wait(request: HttpRequest, mark: str) -> HttpResponse:
    """Django cancels an async view whose client has left."""
    try:
        marks.leave(f"{mark}-waiting")
        await marks.seen(f"{mark}-go")
    except asyncio.CancelledError:
        marks.leave(f"{mark}-cancelled")
        raise
    return HttpResponse("waited")


async def async_lines(request: HttpRequest, mark: str) -> HttpResponseBase:
    async def produce() -> AsyncIterator[str]:
        yield "first\n"
        await marks.seen(mark)
        yield "second\n"

    return StreamingHttpResponse(produce(), content_type="text/plain")


async def async_ticks(request: HttpRequest, mark: str) -> HttpResponseBase:
    async def produce() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0.005)
        finally:
            marks.leave(f"{mark}-closed")

    return StreamingHttpResponse(produce(), content_type="text/event-stream")
