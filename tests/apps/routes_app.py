"""Routes that match the same paths, registered from the general to the specific."""

from __future__ import annotations

from typing import Any

from turbo_shard import App

app = App()


@app.get("/{path:path}")
def rest(path: str) -> Any:
    return ["rest", path]


@app.get("/{page}")
def page(page: str) -> Any:
    return ["page", page]


@app.get("/{page}/edit")
def edit(page: str) -> Any:
    return ["edit", page]


@app.get("/docs/{name}")
def docs(name: str) -> Any:
    return ["docs", name]


@app.get("/about")
def about() -> Any:
    return ["about"]


@app.put("/{page}/edit")
def save(page: str) -> Any:
    return ["save", page]


@app.head("/about")
def about_head() -> Any:
    return None


@app.post("/api/{name}")
def create(name: str) -> Any:
    return ["create", name]
