"""Which view answers which path."""

from __future__ import annotations

from django.urls import include, path

from . import views

urlpatterns = [
    path("", views.index),
    path("environment/<path:rest>", views.environment),
    path("counter", views.counter),
    path("notes/new", views.new_note),
    path("notes/", views.notes, name="notes"),
    path("tally/<str:name>", views.tally),
    path("upload", views.upload),
    path("echo", views.echo),
    path("file", views.file),
    path("crash", views.crash),
    path(
        "async/",
        include(
            [
                path("count", views.async_count),
                path("wait/<str:mark>", views.async_wait),
                path("lines/<str:mark>", views.async_lines),
                path("ticks/<str:mark>", views.async_ticks),
            ]
        ),
    ),
    path("lines/<str:mark>", views.lines),
    path("ticks/<str:mark>", views.ticks),
]
