"""`TestClient`: requests to an app without sockets, answered by all that a server answers with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from ..embedding import DEFAULTS, loaded_app, own_error
from ..native_module import native_module
from ..settings import ServeSettings, settings_from
from .cookie_jar import CookieJar
from .request import File, Pairs, Target, body_of, head_of, target_of
from .response import ClientResponse
from .websocket import WebSocketSession
from .wire import ClientError, Wire

REDIRECTS_MAX = 20


class TestClient:
    """Calls an app without a server: `with TestClient(app) as client: client.get("/")`.

    The app is served within the calling thread, by the same code as on a shard, so an answer is what a server would
    send, byte for byte. Startup handlers run at the beginning of the `with` block and shutdown handlers at its end;
    without a block, with the first request and at `close()`. Settings are those of `serve()`, such as `body_max`.
    """

    # It is no test itself.
    __test__ = False

    def __init__(
        self,
        app: object,
        *,
        base_url: str = "http://testserver",
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        follow_redirects: bool = True,
        **settings: Any,
    ) -> None:
        self.base_url = base_url
        self.headers = dict(headers or {})
        self.follow_redirects = follow_redirects
        self.cookies = CookieJar()
        self.cookies.update(cookies or {})
        self._app = app
        self._settings = settings_from(vars(ServeSettings(**(DEFAULTS | settings))))
        self._server: Any = None
        self._wire: Wire | None = None
        self._is_closed = False

    # Its life.

    def __enter__(self) -> Self:
        self._started()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Shuts the app down. On the thread that made the first request."""
        self._is_closed = True
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _started(self) -> Any:
        if self._is_closed:
            raise RuntimeError("the client is closed")
        if is_in_coroutine():
            raise RuntimeError(
                "a TestClient waits on its thread, which the loop of this coroutine needs; "
                "use `async with turbo_shard.running(app)` and a client of asyncio"
            )
        if self._server is None:
            native = native_module()
            loaded = loaded_app(self._app, self._settings, native)
            interface = "native" if loaded.interface == "turboapi" else loaded.interface
            try:
                self._server = native.LocalServer(self._settings, loaded.instance, interface)
            except native.LifespanError as failed:
                raise own_error(failed) from None
        return self._server

    # Requests.

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Pairs | None = None,
        content: bytes | str | None = None,
        data: Pairs | None = None,
        json: Any = None,
        files: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        follow_redirects: bool | None = None,
    ) -> ClientResponse:
        """One request and its whole answer, by way of redirects unless they are not to be followed."""
        body, media_type = body_of(content=content, data=data, json=json, files=files)
        target = target_of(self.base_url, url, params)
        follows = self.follow_redirects if follow_redirects is None else follow_redirects
        history: list[ClientResponse] = []
        while True:
            fields = self._fields(target, body, media_type, headers, cookies)
            response = self._answer(method, target, fields, body)
            response.history = list(history)
            if not follows or not response.is_redirect:
                return response
            if len(history) == REDIRECTS_MAX:
                raise ClientError(f"more than {REDIRECTS_MAX} redirects from {history[0].url}")
            history.append(response)
            target = target_of(response.url, response.headers["location"])
            if response.status_code == 303 or (
                response.status_code in (301, 302) and method == "POST"
            ):
                method, body, media_type = ("HEAD" if method == "HEAD" else "GET"), None, ""

    def get(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("GET", url, **parts)

    def head(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("HEAD", url, **parts)

    def options(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("OPTIONS", url, **parts)

    def post(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("POST", url, **parts)

    def put(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("PUT", url, **parts)

    def patch(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("PATCH", url, **parts)

    def delete(self, url: str, **parts: Any) -> ClientResponse:
        return self.request("DELETE", url, **parts)

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        params: Pairs | None = None,
        content: bytes | str | None = None,
        data: Pairs | None = None,
        json: Any = None,
        files: Mapping[str, File] | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> Iterator[ClientResponse]:
        """An answer that is read piece by piece and may be endless; at the block's end the client leaves."""
        body, media_type = body_of(content=content, data=data, json=json, files=files)
        target = target_of(self.base_url, url, params)
        fields = self._fields(target, body, media_type, headers, cookies)
        wire = Wire(self._started())
        try:
            yield self._answer_on(wire, method, target, fields, body)
        finally:
            wire.close()

    @contextmanager
    def websocket_connect(
        self,
        url: str,
        subprotocols: list[str] | None = None,
        *,
        params: Pairs | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> Iterator[WebSocketSession]:
        """A WebSocket that the app has accepted; WebSocketDenied where it has not."""
        target = target_of(self.base_url, url, params)
        fields = self._fields(target, None, "", headers, cookies)
        wire = Wire(self._started())
        try:
            session = WebSocketSession.open(wire, target, fields, subprotocols or [])
            yield session
            session.close()
        finally:
            wire.close()

    def raw_exchange(self, data: bytes) -> bytes:
        """Sends bytes as they are over a connection of their own and says that no more come; returns all that the
        server answers. For what no client should send, and for several requests at once."""
        wire = Wire(self._started())
        try:
            wire.send(data)
            wire.finish()
            return wire.rest()
        finally:
            wire.close()

    def _fields(
        self,
        target: Target,
        body: bytes | None,
        media_type: str,
        headers: Mapping[str, str] | None,
        cookies: Mapping[str, str] | None,
    ) -> list[tuple[str, str]]:
        """The lines of a request's head, after the first; what a test says goes before what the client would."""
        own = {"host": target.host, "accept": "*/*", "user-agent": "testclient"}
        if media_type:
            own["content-type"] = media_type
        if body is not None:
            own["content-length"] = str(len(body))
        said = [f"{name}={value}" for name, value in (cookies or {}).items()]
        if text := "; ".join(filter(None, (self.cookies.for_path(target.path), *said))):
            own["cookie"] = text
        given = {**self.headers, **(headers or {})}
        names = {name.lower() for name in given}
        return [
            *((name, value) for name, value in own.items() if name not in names),
            *given.items(),
        ]

    def _answer(
        self, method: str, target: Target, fields: list[tuple[str, str]], body: bytes | None
    ) -> ClientResponse:
        server = self._started()
        if self._wire is None or self._wire.is_last:
            self._wire = Wire(server)
        wire, self._wire = self._wire, None
        response = self._answer_on(wire, method, target, fields, body)
        response.read()
        # Kept only after a whole answer: anything else leaves bytes that belong to nobody.
        if wire.is_last:
            wire.close()
        else:
            self._wire = wire
        return response

    def _answer_on(
        self,
        wire: Wire,
        method: str,
        target: Target,
        fields: list[tuple[str, str]],
        body: bytes | None,
    ) -> ClientResponse:
        wire.send(head_of(method, target, fields) + (body or b""))
        head = wire.head()
        response = ClientResponse(head, wire.body(head, method), method=method, url=target.url)
        for field in head.values("set-cookie"):
            if kept := self.cookies.take(field, target.path):
                response.cookies.update([kept])
        return response


def is_in_coroutine() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
