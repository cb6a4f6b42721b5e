"""A Django project in one file, for ASGI and for WSGI. Serve it with either of

    turbo-shard django_app:application --app-dir examples
    turbo-shard django_app:wsgi_application --app-dir examples

A project of the usual shape is served by its own modules: turbo-shard mysite.asgi:application.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import path
from django.utils.html import format_html

settings.configure(
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for this example"),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
)

FORM = """<p>{}</p>
<form method="post"><input type="hidden" name="csrfmiddlewaretoken" value="{}"><input name="name"></form>"""


# The name is kept in the session, which is a signed cookie.
def index(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        request.session["name"] = request.POST["name"]
        return redirect("/")
    greeting = f"Hello {request.session.get('name', 'stranger')}"
    return HttpResponse(format_html(FORM, greeting, get_token(request)))


async def slow(request: HttpRequest) -> JsonResponse:
    await asyncio.sleep(0.01)
    return JsonResponse({"waited": True})


async def lines(request: HttpRequest) -> StreamingHttpResponse:
    async def produce() -> AsyncIterator[str]:
        for number in range(3):
            yield f"line {number}\n"
            await asyncio.sleep(0.001)

    return StreamingHttpResponse(produce(), content_type="text/plain")


urlpatterns = [path("", index), path("slow", slow), path("lines", lines)]

application = get_asgi_application()
wsgi_application = get_wsgi_application()
