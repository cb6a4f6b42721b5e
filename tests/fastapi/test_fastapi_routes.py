"""Which route answers: order, methods, slashes, prefixes, routers in routers, mounts, what comes late or goes."""

from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Host, Mount, Route, Router

from asked import Asked, ask, gets
from comparing import MakeApp, Pairs, each
from journal import note
from scope_dump import note_scope


def said(name: str) -> Callable[..., Any]:
    """An endpoint that says its name, and what it sees of its place."""

    async def endpoint(request: Request) -> dict[str, Any]:
        note_scope(request.scope)
        return {"name": name, "params": request.path_params, "route": request.scope["route"].path}

    return endpoint


def plain(name: str) -> Callable[..., Any]:
    """One that sees nothing."""

    async def endpoint() -> str:
        return name

    return endpoint


def ordered() -> FastAPI:
    """The first match wins, by the path and the method; the first that matches by the path alone says 405."""
    app = FastAPI()
    app.get("/items/first")(plain("first"))
    app.get("/items/{item_id}")(plain("item"))
    app.get("/items/second")(plain("never"))
    app.post("/items/{item_id}")(plain("post"))
    app.api_route("/items/{item_id}", methods=["PUT", "PATCH", "get"])(plain("several"))
    app.delete("/items/first")(plain("delete first"))
    app.head("/head")(plain("head"))
    app.options("/items/{item_id}")(plain("options"))
    app.trace("/trace")(plain("trace"))
    app.api_route("/own", methods=["PURGE", "M-SEARCH"])(plain("own method"))
    app.get("/a/{b}/c")(plain("abc"))
    app.get("/a/{b:path}")(plain("a-path"))
    app.get("/a/x/c")(plain("never"))
    app.get("/seen/{b}")(said("seen"))
    app.get("/seen/{b}/{c:int}")(said("seen int"))
    app.get("/seen/{b}/{c}")(said("seen text"))
    app.get("/trailing/")(plain("trailing"))
    app.get("/bare")(plain("bare"))
    app.get("/both")(plain("both bare"))
    app.get("/both/")(plain("both trailing"))
    app.get("//double")(plain("double"))
    app.get("/ä/{ö}")(plain("never matches a name")) if False else app.get("/ä/{o}")(
        plain("umlaut")
    )
    app.get("/sp ace/%41")(plain("encoded"))
    app.get("/regex.chars+(x)")(plain("literal"))
    app.get("/")(plain("root"))
    return app


def without_redirects() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    app.get("/trailing/")(plain("trailing"))
    app.get("/bare")(plain("bare"))
    return app


ORDERED = [
    *gets(
        """
        / // /? /?a=1 /items/first /items/second /items/5 /items/ /items /items//5 /items/5/ /items/first/ /head
        /trace /own /a/b/c /a/x/c /a/b/c/d /a/ /a /seen/1 /seen/1/2 /seen/1/x /seen/1/2/ /trailing /trailing/
        /trailing?a=1&b=%20 /bare/ /bare/?a=%C3%A4 /bare// /both /both/ /both// //double /double /%C3%A4/x /ä/x
        /sp%20ace/A /sp%20ace/%41 /sp%20ace/%2541 /regex.chars+(x) /regexXchars+(x) /ITEMS/5 /items/%66irst
        /items/../items/5 /./items/5 /items/5%2F /items%2F5 /items/5%0A /items/first%0A /%0A /items/5;a=1 /docs
        /openapi.json /redoc /docs/ /docs/oauth2-redirect /openapi.json/ /openapi.json?a=1 /favicon.ico /items/5#x
        """
    ),
    *(
        ask(f"{method} /items/first")
        for method in ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X")
    ),
    *(ask(f"{method} /items/5") for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "Get", "")),
    *(ask(f"{method} /seen/5") for method in ("POST", "HEAD")),
    *(ask(f"{method} /head") for method in ("HEAD", "GET", "OPTIONS")),
    *(ask(f"{method} /own") for method in ("PURGE", "M-SEARCH", "POST", "purge")),
    *(
        ask(f"{method} {path}")
        for method in ("POST", "HEAD") for path in ("/docs", "/bare/", "/trailing", "/nowhere", "/a/b")
    ),
]  # fmt: skip


class Kind(Enum):
    tags = "tags"


def nested() -> FastAPI:
    """Routers in routers, with prefixes that are parameters, and one router that is included twice."""

    async def who(name: str = "nobody") -> str:
        note("who", name)
        return name

    leaf = APIRouter(prefix="/leaf", tags=[Kind.tags], responses={404: {"description": "no leaf"}})
    branch = APIRouter(prefix="/branch/{branch_id}", dependencies=[Depends(who)])
    bare = APIRouter()
    leaf.get("")(said("leaf"))
    leaf.get("/{leaf_id}")(said("one leaf"))
    leaf.post("/{leaf_id}", status_code=201)(plain("made"))
    leaf.get("/{leaf_id}/plain")(plain("plain leaf"))
    bare.get("/bare/{n:int}")(said("bare int"))
    bare.get("/bare/{n}")(said("bare text"))
    branch.include_router(leaf)
    branch.get("/own")(said("branch own"))
    branch.include_router(bare, prefix="/deep")
    app = FastAPI()
    app.get("/branch/1/own")(said("before"))
    app.include_router(branch)
    app.include_router(leaf, prefix="/again", dependencies=[Depends(who)])
    app.include_router(bare)
    app.get("/leaf/after")(said("after"))

    @app.get("/annotated/{n}")
    async def annotated(n: int, name: Annotated[str, Depends(who)]) -> Any:
        return [n, name]

    return app


NESTED = [
    *gets(
        """
        /branch/1/leaf /branch/1/leaf/ /branch/1/leaf/2 /branch/1/leaf/2/plain /branch/1/own /branch/2/own
        /branch/2/deep/bare/3 /branch/2/deep/bare/x /again/leaf /again/leaf/9 /again/leaf/9/plain?name=me /bare/3
        /bare/x /bare /leaf/after /leaf /branch /branch/ /branch/1 /again /annotated/5?name=a /annotated/x
        /branch//leaf /branch/1/leaf/2/3 /again/leaf/9/plain/ /openapi.json
        """
    ),
    *(
        ask(f"POST {path}")
        for path in ("/branch/1/leaf/2", "/again/leaf/9", "/branch/1/leaf", "/bare/3", "/leaf/after")
    ),
    *(ask(f"HEAD {path}") for path in ("/branch/1/leaf/2", "/bare/3", "/nowhere")),
    ask("DELETE /again/leaf/9?name=x"),
]  # fmt: skip


def beside() -> FastAPI:
    """Beside the routes of an API: mounts, Starlette's routes, hosts, WebSockets, subclasses of APIRoute."""
    app = FastAPI()
    sub = FastAPI(title="sub")
    sub.get("/{n}")(said("sub"))
    sub.get("/plain/{n}")(plain("sub plain"))

    async def starlette_endpoint(request: Request) -> Response:
        note_scope(request.scope)
        return JSONResponse(dict(request.path_params))

    async def raw_asgi(scope: Any, receive: Any, send: Any) -> None:
        note("raw", scope["root_path"], scope["path"])
        await PlainTextResponse("raw")(scope, receive, send)

    class Logged(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Any]:
            handler = super().get_route_handler()

            async def logged(request: Request) -> Response:
                note("custom route", request.url.path)
                response = await handler(request)
                response.headers["x-logged"] = "1"
                return response

            return logged

    class Renamed(APIRoute):
        """Overrides nothing."""

    app.get("/before/{n}")(plain("before the mount"))
    app.mount("/sub", sub)
    app.get("/sub/never")(plain("never"))
    app.mount("/asgi/{x}", raw_asgi)
    app.mount("/starlette", Starlette(routes=[Route("/{n}", starlette_endpoint)]))
    app.router.routes.append(Route("/route/{n:int}", starlette_endpoint, methods=["GET", "POST"]))
    app.router.routes.append(Host("other.test", Router([Route("/host", starlette_endpoint)])))
    app.add_route("/added/{n}", starlette_endpoint)
    custom = APIRouter(route_class=Logged, prefix="/custom")
    custom.get("/{n}")(plain("custom"))
    app.include_router(custom)
    renamed = APIRouter(route_class=Renamed, prefix="/renamed")
    renamed.get("/{n}")(plain("renamed"))
    app.include_router(renamed)
    app.get("/after/{n}")(plain("after"))

    @app.websocket("/both")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        note("socket", await websocket.receive_text())
        await websocket.send_text("hello")
        await websocket.close()

    app.get("/both")(plain("http beside the socket"))
    app.router.routes.append(Mount("", app=Starlette(routes=[Route("/last", starlette_endpoint)])))
    app.get("/unreachable")(plain("never"))
    return app


BESIDE = [
    *gets(
        """
        /before/1 /sub/1 /sub/plain/2 /sub /sub/ /sub/never /sub/nothing/here /asgi/1 /asgi/1/2 /asgi /starlette/5
        /starlette/5/6 /route/5 /route/x /host /added/5 /custom/5 /custom /renamed/5 /after/1 /both /last /unreachable
        /before/1/ /after/1/ /sub/docs /sub/openapi.json /docs
        """
    ),
    ask("POST /sub/1"),
    ask("POST /route/5"),
    ask("DELETE /route/5"),
    ask("POST /both"),
    ask("WS /both", chunks=(b"hi",)),
    ask("WS /nowhere"),
    ask("WS /after/1"),
]


def below_a_root() -> FastAPI:
    app = FastAPI(root_path="/api/v1", servers=[{"url": "/other"}])
    app.get("/items/{n}")(said("item"))
    app.get("/plain/")(plain("plain"))
    app.mount("/sub", beside())
    return app


def no_docs() -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/docs")(plain("own docs"))
    return app


ROOTS = [
    *gets(
        "/items/1 /api/v1/items/1 /api/v1items/1 /api/v1 /api/v1/ /plain /api/v1/plain /docs /api/v1/openapi.json"
    ),
    *gets("/sub/before/1 /api/v1/sub/after/2 /api/v1/sub/sub/3 /nowhere /api/v1/nowhere"),
    *(
        ask(f"GET {path}", root_path="/front")
        for path in ("/items/1", "/plain", "/nowhere", "/api/v1/items/1")
    ),
]
CASES = [
    *each(ordered, *ORDERED),
    *each(without_redirects, *gets("/trailing /trailing/ /bare /bare/ /nowhere")),
    *each(nested, *NESTED),
    *each(beside, *BESIDE),
    *each(below_a_root, *ROOTS),
    *each(ordered, *(ask(f"GET {path}", root_path="/r") for path in ("/items/5", "/trailing", "/x", "/seen/1", "/"))),
    *each(ordered, ask("GET ", root_path="/items/5"), ask("GET ", root_path="")),
    *each(no_docs, *gets("/docs /openapi.json /redoc /docs/")),
]  # fmt: skip


@pytest.mark.parametrize(("make_app", "request_"), CASES)
def test_routes(pairs: Pairs, make_app: MakeApp, request_: Asked) -> None:
    pairs[make_app].ask(request_)


def test_the_method_that_is_not_allowed_is_told_by_the_first_match(pairs: Pairs) -> None:
    record = pairs[ordered].ask("POST /items/first/")
    assert record.status == 405 or record.header(b"location") is not None
    assert pairs[ordered].ask("TRACE /items/first").header(b"allow") == b"GET"
    assert pairs[ordered].ask("HEAD /items/5").status == 405


def test_a_redirect_keeps_the_query(pairs: Pairs) -> None:
    record = pairs[ordered].ask("GET /trailing?a=1&b=%20")
    assert (record.status, record.header(b"location")) == (
        307,
        b"http://shop.test:8000/trailing/?a=1&b=%20",
    )
