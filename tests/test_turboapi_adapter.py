"""turbo_shard.turboapi against stand-ins of TurboAPI 0.3 and 1.x: who serves a route, and what is answered."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import json
import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Annotated, Any

import pytest

from apps import turboapi_standin as ta
from turbo_shard import App, RegistrationError
from turbo_shard import Response as NativeResponse
from turbo_shard.headers import Headers, QueryParams
from turbo_shard.turboapi import adapt, is_turboapi
from turbo_shard.turboapi.answers import View


class Sent:
    """A native request, as far as the adapter looks at one."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        path_params: dict[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.url = f"http://test{path}"
        self.query_params = QueryParams(query or [])
        self.query_string = b"&".join(f"{name}={value}".encode() for name, value in query or [])
        self.headers = Headers((headers or {}).items())
        self.body = body
        self.path_params = path_params or {}
        self.client = ("192.0.2.7", 1)


def one_route(app: Any, method: str = "GET", path: str = "/") -> Any:
    """The native handler of a route."""
    [found] = [
        route.handler
        for route in adapt(app).routes
        if method in route.methods and route.path == path
    ]
    return found


class Got:
    """An answer as it would be sent."""

    def __init__(self, answer: Any) -> None:
        response = View(answer).answer()
        self.status = response.status_code
        self.body = response.body
        self.headers = response.headers

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(app: Any, method: str = "GET", path: str = "/", **sent: Any) -> Got:
    handler = one_route(app, method, path)

    async def call() -> Any:
        answer = handler(Sent(method, path, **sent))
        return await answer if inspect.isawaitable(answer) else answer

    return Got(asyncio.run(call()))


def served(handler: Any, method: str = "GET", app: Any = None) -> Any:
    app = app or ta.TurboAPI()
    app.route(ta.HTTPMethod(method), "/")(handler)
    return app


# What is registered.


def test_a_turboapi_app_is_told_from_others() -> None:
    assert is_turboapi(ta.TurboAPI()) and is_turboapi(ta.FirstTurboAPI())
    assert not is_turboapi(App()) and not is_turboapi(ta.APIRouter())
    with pytest.raises(RegistrationError, match="App is not a TurboAPI app"):
        adapt(App())


@pytest.mark.parametrize("kind", [ta.FirstTurboAPI, ta.TurboAPI])
def test_handler_of_plain_arguments_and_a_dict_is_served_as_it_is(kind: Any) -> None:
    def user(user_id: int, limit: int = 10) -> Any:
        return {"user_id": user_id, "name": f"User {user_id}", "limit": limit}

    async def root() -> Any:
        return {"message": "Hello", "tags": ["a", "b"]}

    app = kind()
    app.get("/users/{user_id}")(user)
    app.get("/")(root)
    assert one_route(app, path="/users/{user_id}") is user
    assert one_route(app) is root


def test_handler_that_may_return_something_else_is_in_a_layer_with_native_binding() -> None:
    known = {"a": 1}

    def named(name: int) -> Any:
        return known

    def maybe(name: int) -> Any:
        if name:
            return None
        return {"name": name}

    def calls(name: int) -> Any:
        return {"name": str(name)}

    def says_status() -> Any:
        return {"status_code": 404}

    for handler in (named, maybe, calls, says_status):
        native = one_route(served(handler))
        assert native is not handler
        assert native.__wrapped__ is handler


def test_handler_with_a_header_by_name_is_bound_here_in_1_x_only() -> None:
    def read(authorization: str = "missing") -> Any:
        return {"authorization": authorization}

    assert one_route(served(read, app=ta.FirstTurboAPI())) is read
    got = ask(served(read), headers={"Authorization": "me"})
    assert got.json == {"authorization": "me"}
    assert ask(served(read), query=[("authorization", "q")]).json == {"authorization": "q"}
    assert ask(served(read)).json == {"authorization": "missing"}


# Answers.


@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        ("text", 200, b'"text"'),
        (None, 200, b"null"),
        (7, 200, b"7"),
        ([1], 200, b"[1]"),
        (({"a": 1}, 201), 201, b'{"a":1}'),
        (("text", 202), 202, b'"text"'),
        (b"raw", 200, b"raw"),
        (ta.TurboResponse({"a": 1}, 201), 201, b'{"a":1}'),
        (ta.HTMLResponse("<p>"), 200, b"<p>"),
    ],
)
def test_what_handlers_return(returned: Any, status: int, body: bytes) -> None:
    got = Got(one_route(served(lambda: returned))())
    assert (got.status, got.body) == (status, body)


def test_status_in_a_dict_is_the_answers_in_0_3_and_data_in_1_x() -> None:
    def handler() -> Any:
        return {"error": "x", "status_code": 404}

    first = Got(one_route(served(handler, app=ta.FirstTurboAPI()))())
    assert (first.status, first.json) == (404, {"error": "x"})
    assert Got(one_route(served(handler))()).json == {"error": "x", "status_code": 404}


def test_models_are_dumped() -> None:
    got = Got(one_route(served(lambda: Named.model_validate({"name": "a"})))())
    assert got.json == {"name": "a"}


def test_responses_keep_cookies_and_media_type() -> None:
    def page() -> Any:
        answer = ta.HTMLResponse("<p>", headers={"X-A": "1", "Content-Length": "99"})
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    got = Got(one_route(served(page))())
    assert got.headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert got.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-length" not in got.headers
    redirect = Got(one_route(served(lambda: ta.RedirectResponse("/x")))())
    assert (redirect.status, redirect.headers["location"]) == (307, "/x")
    stream = one_route(served(lambda: ta.StreamingResponse(iter(["a"]), "text/plain")))()
    assert list(stream.content) == ["a"]
    assert stream.headers["content-type"] == "text/plain"


def test_exceptions_are_answered_as_turboapi_does() -> None:
    def refuses() -> Any:
        raise ta.HTTPException(403, "no", {"X-Why": "because"})

    got = Got(one_route(served(refuses))())
    assert (got.status, got.json, got.headers["x-why"]) == (403, {"detail": "no"}, "because")

    def value_error() -> Any:
        raise ValueError("odd")

    first = Got(one_route(served(value_error, app=ta.FirstTurboAPI()))())
    assert (first.status, first.json) == (400, {"error": "Bad Request", "detail": "odd"})
    with pytest.raises(ValueError, match="odd"):
        one_route(served(value_error))()


# Parameters.


def test_markers_say_where_a_parameter_comes_from() -> None:
    def handler(
        item_id: int = ta.Path(ge=1),
        q: str = ta.Query("none", alias="query", max_length=3),
        x_token: str = ta.Header(),
        session: Annotated[str, ta.Cookie()] = "no",
    ) -> Any:
        return {"id": item_id, "q": q, "token": x_token, "session": session}

    app = ta.TurboAPI()
    app.get("/{item_id}")(handler)

    def get(item_id: str, query: str, **headers: str) -> Got:
        return ask(
            app,
            path="/{item_id}",
            path_params={"item_id": item_id},
            query=[("query", query)],
            headers=headers,
        )

    good = get("3", "abc", **{"X-Token": "t", "cookie": "session=s"})
    assert good.json == {"id": 3, "q": "abc", "token": "t", "session": "s"}
    wrong = get("0", "abcd")
    assert wrong.status == 422
    assert [error["loc"] for error in wrong.json["detail"]] == [
        ["path", "item_id"],
        ["query", "query"],
        ["header", "x-token"],
    ]
    assert ask(app, path="/{item_id}", path_params={"item_id": "x"}).status == 422


class Named(ta.BaseModel):
    name: str


def test_body_is_bound_whole_or_by_its_fields() -> None:
    def whole(data: dict) -> Any:  # type: ignore[type-arg]
        return data

    def fields(name: str, age: int = 1, tags: list[str] | None = None) -> Any:
        return {"name": name, "age": age, "tags": tags}

    def model(item: Named) -> Any:
        return item

    def raw(body: bytes) -> Any:
        return body.decode()

    def inspected(request: ta.TurboRequest) -> Any:
        return {"type": request.content_type, "json": request.json(), "path": request.url.path}  # type: ignore[attr-defined]

    def post(handler: Any, body: bytes, app: Any = None) -> Got:
        return ask(served(handler, "POST", app), "POST", body=body)

    assert post(whole, b'{"data": {"a": 1}}').json == {"data": {"a": 1}}
    assert post(whole, b'{"data": {"a": 1}}', ta.FirstTurboAPI()).json == {"a": 1}
    assert post(fields, b'{"name": "a", "age": "7", "tags": ["x"]}').json == {
        "name": "a",
        "age": 7,
        "tags": ["x"],
    }
    assert post(model, b'{"name": "a"}').json == {"name": "a"}
    assert post(raw, b"abc").json == "abc"
    assert post(inspected, b"[1]").json == {"type": None, "json": [1], "path": "/"}

    bad = {"error": "Bad Request", "detail": "Validation error for item: name: Expected str"}
    first = post(model, b"{}", ta.FirstTurboAPI())
    assert (first.status, first.json) == (400, bad)
    second = post(model, b"{}")
    assert (second.status, second.json["detail"][0]["loc"]) == (422, ["body"])
    assert post(model, b"").status == 422
    assert post(fields, b'{"name": ').status == 400
    assert post(fields, b"[" * 100_000).status == 400


def test_forms_and_uploads() -> None:
    async def upload(
        file: ta.UploadFile, title: str = ta.Form("none"), raw: bytes = ta.File(b"")
    ) -> Any:
        return [file.filename, (await file.read()).decode(), title, raw.decode()]

    body = (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nA\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a;b.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\none\r\n--two\r\n"
        b'--b\r\nContent-Disposition: form-data; name="raw"; filename="r"\r\n\r\nRAW\r\n--b--\r\n'
    )
    app = served(upload, "POST")
    multipart = {"content-type": "multipart/form-data; boundary=b"}
    got = ask(app, "POST", body=body, headers=multipart)
    assert got.json == ["a;b.txt", "one\r\n--two", "A", "RAW"]
    assert ask(app, "POST", body=body[:-9], headers=multipart).status == 400
    assert ask(app, "POST", body=b"x", headers=multipart).status == 400

    def login(form: ta.OAuth2PasswordRequestForm = ta.Depends()) -> Any:  # type: ignore[assignment]  # noqa: B008
        return [form.username, form.password]

    urlencoded = {"content-type": "application/x-www-form-urlencoded"}
    got = ask(served(login, "POST"), "POST", body=b"username=a&password=b+c", headers=urlencoded)
    assert got.json == ["a", "b c"]


# Dependencies.


LOG: list[str] = []


def base() -> Iterator[str]:
    LOG.append("open base")
    yield "base"
    LOG.append("close base")


async def middle(base: str = ta.Depends(base), q: int = 0) -> AsyncIterator[str]:  # type: ignore[assignment]
    LOG.append("open middle")
    try:
        yield f"{base}+{q}"
    except LookupError:
        LOG.append("saw the error")
        raise
    finally:
        LOG.append("close middle")


def test_dependencies_are_called_once_and_cleaned_up_in_reverse() -> None:
    def handler(
        fail: bool = False,
        one: str = ta.Depends(base),  # type: ignore[assignment]
        two: Annotated[str, ta.Depends(middle)] = "",
    ) -> Any:
        if fail:
            raise LookupError("gone")
        return [one, two]

    app = served(handler)
    LOG.clear()
    assert ask(app, query=[("q", "5")]).json == ["base", "base+5"]
    assert LOG == ["open base", "open middle", "close middle", "close base"]
    LOG.clear()
    with pytest.raises(LookupError):
        ask(app, query=[("fail", "1")])
    assert LOG == ["open base", "open middle", "saw the error", "close middle"]


def test_annotation_that_is_not_known_is_refused_since_it_may_be_a_guard() -> None:
    def guard() -> None: ...

    def handler(user: Annotated[str, ta.Depends(guard)] = "") -> Any:
        return {"user": user}

    with pytest.raises(RegistrationError, match=r"route GET /: .* names guard, which its module"):
        adapt(served(handler))


def test_security_schemes_see_what_they_ask_for() -> None:
    def handler(
        token: str = ta.Depends(ta.HTTPBearer()),  # type: ignore[assignment]
        header: str = ta.Depends(ta.APIKeyHeader("X-Key")),  # type: ignore[assignment]
        query: str = ta.Depends(ta.APIKeyQuery("key")),  # type: ignore[assignment]
        cookie: str = ta.Depends(ta.APIKeyCookie("session")),  # type: ignore[assignment]
    ) -> Any:
        return [token, header, query, cookie]

    headers = {"authorization": "Bearer t", "x-key": "h", "cookie": "a=b; session=c"}
    app = served(handler)
    assert ask(app, headers=headers, query=[("key", "q")]).json == ["t", "h", "q", "c"]
    got = ask(app)
    assert (got.status, got.headers["www-authenticate"]) == (401, "Bearer")
    assert ask(app, headers=headers).status == 403


def test_scopes_of_all_security_above_are_seen() -> None:
    def user(scopes: ta.SecurityScopes) -> Any:
        return scopes.scopes

    def active(user: list[str] = ta.Security(user, scopes=["inner"])) -> Any:  # type: ignore[assignment]  # noqa: B008
        return user

    def handler(scopes: list[str] = ta.Security(active, scopes=["outer"])) -> Any:  # type: ignore[assignment]  # noqa: B008
        return scopes

    assert ask(served(handler)).json == ["outer", "inner"]


def test_dependencies_of_router_and_app_guard_every_route() -> None:
    def check(x_token: str = ta.Header("")) -> None:
        if x_token != "secret":
            raise ta.HTTPException(401, "wrong token")

    router = ta.APIRouter("/api", dependencies=[ta.Depends(check)])
    router.get("/plain")(lambda: {"a": 1})
    app = ta.TurboAPI()
    app.include_router(router, prefix="/v1")
    app.get("/open")(lambda: {"a": 1})
    assert ask(app, path="/v1/api/plain").status == 401
    assert ask(app, path="/v1/api/plain", headers={"x-token": "secret"}).json == {"a": 1}
    app.dependencies.append(ta.Depends(check))
    assert ask(app, path="/open").status == 401


# Middleware and exception handlers.


def test_middleware_hooks_run_around_the_handler() -> None:
    log: list[str] = []

    class Noting(ta.Middleware):
        def __init__(self, name: str) -> None:
            self.name = name

        def before_request(self, request: Any) -> None:
            log.append(f"before {self.name}")
            request.seen = self.name

        def after_request(self, request: Any, response: Any) -> Any:
            log.append(f"after {self.name}")
            response.set_header(f"X-{self.name}", str(response.status_code))
            response.set_cookie(self.name, "1")
            return response

    class Timed:
        async def __call__(self, request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["X-Path"] = request.url.path
            return response

    def handler(request: ta.TurboRequest) -> Any:
        log.append("handler")
        return {"seen": request.seen}, 201  # type: ignore[attr-defined]

    app = served(handler)
    app.add_middleware(Noting, name="a")
    app.add_middleware(Timed)
    app.add_middleware(Noting, name="b")
    got = ask(app)
    assert log == ["before a", "before b", "handler", "after b", "after a"]
    assert (got.status, got.json) == (201, {"seen": "b"})
    assert (got.headers["x-a"], got.headers["x-path"]) == ("201", "/")
    assert [one.partition(";")[0] for one in got.headers.getlist("set-cookie")] == ["b=1", "a=1"]


def test_middleware_may_refuse_and_answer_errors() -> None:
    class Refusing(ta.Middleware):
        def before_request(self, request: Any) -> Any:
            if request.path == "/early":
                return ta.TurboResponse({"early": True}, 401)
            raise Exception("Invalid host header: x")

    class Rescuing(ta.Middleware):
        def on_error(self, request: Any, error: Exception) -> Any:
            return ta.TurboResponse({"rescued": str(error)}, 503)

    app = served(lambda: {"a": 1})
    app.get("/early")(lambda: {"a": 1})
    app.add_middleware(Refusing)
    got = ask(app)
    assert (got.status, got.json) == (500, {"error": "Invalid host header: x"})
    assert ask(app, path="/early").status == 401

    def fails() -> Any:
        raise LookupError("gone")

    app = served(fails)
    app.add_middleware(ta.Middleware)
    with pytest.raises(LookupError):  # the base class's hook would only hide it
        ask(app)
    app.add_middleware(Rescuing)
    assert ask(app).json == {"rescued": "gone"}


def test_cors_answers_preflights_and_marks_refusals() -> None:
    def checked(n: int) -> Any:
        return {"n": n}

    app = served(checked)
    app.add_middleware(ta.HTTPSRedirectMiddleware)
    app.add_middleware(ta.CORSMiddleware, allow_origins=["http://a"])
    app.static_route("GET", "/fixed", "{}")
    headers = {"origin": "http://a", "x-forwarded-proto": "https"}
    got = ask(app, "OPTIONS", headers={"origin": "http://a"})
    assert (got.status, got.headers["access-control-allow-origin"]) == (204, "http://a")
    wrong = ask(app, query=[("n", "x")], headers=headers)
    assert (wrong.status, wrong.headers["access-control-allow-origin"]) == (422, "http://a")
    redirect = ask(app, headers={"origin": "http://a", "host": "h"})
    assert (redirect.status, redirect.headers["location"]) == (307, "https://h/")
    assert "access-control-allow-origin" in redirect.headers
    assert "access-control-allow-origin" in ask(app, path="/fixed", headers=headers).headers


def test_gzip_changes_the_body_and_leaves_streams_alone() -> None:
    app = served(lambda: {"a": "b" * 1000})
    app.get("/stream")(lambda: ta.StreamingResponse(iter(["a"]), "text/plain"))
    app.add_middleware(ta.GZipMiddleware)
    headers = {"Accept-Encoding": "gzip"}
    got = ask(app, headers=headers)
    assert got.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(got.body)) == {"a": "b" * 1000}
    stream = one_route(app, path="/stream")(Sent(headers=headers))
    assert list(stream.content) == ["a"]


def test_exception_handlers_are_asked_in_their_order() -> None:
    app = ta.TurboAPI()

    @app.exception_handler(LookupError)
    async def lookup(request: Any, error: Exception) -> Any:
        return {"path": request.path, "error": str(error)}, 404

    @app.exception_handler(ta.RequestValidationError)
    def invalid(request: Any, error: Any) -> Any:
        return {"faults": len(error.errors())}, 400

    def fails(n: int) -> Any:
        raise IndexError("index")

    served(fails, app=app)
    got = ask(app, query=[("n", "1")])
    assert (got.status, got.json) == (404, {"path": "/", "error": "index"})
    wrong = ask(app, query=[("n", "x")])
    assert (wrong.status, wrong.json) == (400, {"faults": 1})


def test_background_tasks_run_after_the_answer() -> None:
    log: list[str] = []

    async def later(name: str) -> None:
        log.append(name)

    def handler(tasks: ta.BackgroundTasks) -> Any:
        tasks.add_task(later, "async")
        tasks.add_task(log.append, "sync")
        return {"queued": True}

    async def call() -> Any:
        answer = await one_route(served(handler))(Sent())
        log.append("answered")
        for _ in range(1000):
            if len(log) == 3:
                break
            await asyncio.sleep(0.001)
        return answer

    assert Got(asyncio.run(call())).json == {"queued": True}
    assert log == ["answered", "async", "sync"]


# What is around the routes.


def test_life_cycle_handlers_and_lifespan_are_handed_over() -> None:
    log: list[str] = []

    async def lifespan(app: Any) -> AsyncIterator[None]:
        log.append("begin")
        yield
        log.append("end")

    app = ta.TurboAPI(lifespan=lifespan)
    app.on_event("startup")(lambda: log.append("startup"))
    app.on_event("shutdown")(lambda: log.append("shutdown"))
    native = adapt(app)

    async def live() -> None:
        for handler in (*native.startup_handlers, *native.shutdown_handlers):
            found = handler()
            if inspect.isawaitable(found):
                await found

    asyncio.run(live())
    assert log == ["begin", "startup", "end", "shutdown"]


def test_static_routes_and_documentation_are_served() -> None:
    app = ta.TurboAPI()
    app.static_route("GET", "/health", '{"ok":1}', 203, "application/health+json")
    assert one_route(app, path="/health")() == (
        '{"ok":1}',
        203,
        {"content-type": "application/health+json"},
    )
    schema = one_route(app, path="/openapi.json")()
    assert isinstance(schema, NativeResponse)
    assert json.loads(schema.body)["openapi"] == "3.1.0"
    app.openapi_url = None
    assert all(route.path != "/openapi.json" for route in adapt(app).routes)


def uses_native_route(app: Any) -> None:
    app._native_routes = [("GET", "/fast", "lib.so", "handle")]


def uses_database(app: Any) -> None:
    app._db_routes = [("GET", "/rows", "select_list", "rows", "", "", "")]


def uses_database_pool(app: Any) -> None:
    app._db_config = ("postgres://", 1)


def mounts_an_app(app: Any) -> None:
    app._mounts["/sub"] = {"app": object(), "name": None}


def handles_a_status(app: Any) -> None:
    app.exception_handler(404)(lambda request, error: {})


def adds_an_asgi_middleware(app: Any) -> None:
    class Foreign:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    app.add_middleware(Foreign)


def adds_a_middleware_wrongly(app: Any) -> None:
    app.add_middleware(ta.CORSMiddleware, origins=["*"])


def forgets_depends(app: Any) -> None:
    served(lambda token=ta.HTTPBearer(): {"a": 1}, app=app)  # noqa: B008


def uses_a_scheme_without_code(app: Any) -> None:
    served(lambda token=ta.Depends(ta.HTTPDigest()): {"a": 1}, app=app)  # noqa: B008


def depends_on_itself(app: Any) -> None:
    def circle() -> None: ...

    marker = ta.Depends(circle)
    parameter = inspect.Parameter("again", inspect.Parameter.KEYWORD_ONLY, default=marker)
    circle.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    served(lambda again=marker: {"a": 1}, app=app)


def serves_a_route_twice(app: Any) -> None:
    served(lambda: {"a": 1}, app=app)
    served(lambda: {"a": 2}, app=app)


def takes_a_path_parameter_that_is_not_there(app: Any) -> None:
    served(lambda n=ta.Path(): {"a": 1}, app=app)  # noqa: B008


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (uses_native_route, "route GET /fast is answered by a compiled library"),
        (uses_database, "route GET /rows is answered from a database"),
        (uses_database_pool, "configure_db sets up TurboAPI's own database pool"),
        (mounts_an_app, "mount /sub: a mounted object cannot be served"),
        (handles_a_status, "is registered for 404, which is no exception class"),
        (adds_an_asgi_middleware, "middleware Foreign has none of before_request"),
        (adds_a_middleware_wrongly, "middleware CORSMiddleware cannot be made: .*origins"),
        (forgets_depends, "route GET /: parameter 'token' has a security scheme"),
        (uses_a_scheme_without_code, "route GET /: the security scheme HTTPDigest does not check"),
        (depends_on_itself, "route GET /: .*circle depends on itself"),
        (serves_a_route_twice, "route GET /: handler .* is served already"),
        (takes_a_path_parameter_that_is_not_there, "parameter 'n' comes from the path, which has"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(use: Any, message: str) -> None:
    app = ta.TurboAPI()
    use(app)
    with pytest.raises(RegistrationError, match=message) as refusal:
        adapt(app)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("app.include_router(router, dependencies=[Depends(guard)])", "include_router"),
        ("app.include_router(router, '', None, [Depends(guard)])", "include_router"),
        ("app.get('/x', dependencies=[Depends(guard)])(handler)", "a route's decorator"),
        ("TurboAPI(dependencies=[Depends(guard)])", "the app"),
    ],
)
def test_dependencies_that_turboapi_drops_are_refused(
    line: str, what: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "\n".join(
        (
            "from apps.turboapi_standin import APIRouter, Depends, TurboAPI",
            "def guard(): ...",
            "def handler(): return {}",
            "app = TurboAPI()",
            "router = APIRouter()",
            "app.include_router(router, dependencies=[])",
        )
    )
    (tmp_path / "guarded_app.py").write_text(f"{source}\n")
    (tmp_path / "unguarded_app.py").write_text(f"{source}\n{line}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("guarded_app", "unguarded_app"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import importlib

    adapt(importlib.import_module("guarded_app").app)
    app = importlib.import_module("unguarded_app").app
    with pytest.raises(RegistrationError, match=f"unguarded_app, line 7: .* of {what}"):
        adapt(app)


# WebSockets.


class Socket:
    """The native socket, as it is described: what it receives is given to it beforehand."""

    def __init__(self, *messages: Any, headers: dict[str, str] | None = None) -> None:
        self.messages = list(messages)
        self.sent: list[Any] = []
        self.path_params = {"room": "lobby"}
        self.query_params = QueryParams([("n", "2")])
        self.headers = Headers((headers or {}).items())

    async def accept(self, subprotocol: Any = None, headers: Any = None) -> None:
        self.sent.append(("accept", subprotocol))

    async def receive(self) -> Any:
        message = self.messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message

    async def send_text(self, data: str) -> None:
        self.sent.append(data)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.sent.append(("close", code, reason))


@pytest.fixture
def socket_app(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An app whose native side takes WebSocket routes, and TurboAPI's module of them as if it were imported."""
    module = ModuleType("turboapi.websockets")
    module.WebSocketDisconnect = ta.WebSocketDisconnect  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "turboapi.websockets", module)
    return ta.TurboAPI()


def talk(app: Any, socket: Socket, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    taken: dict[str, Any] = {}

    def websocket(self: App, path: str) -> Any:
        return lambda handler: taken.setdefault(path, handler)

    monkeypatch.setattr(App, "websocket", websocket, raising=False)
    adapt(app)
    [handler] = taken.values()
    assert list(inspect.signature(handler).parameters) == ["socket", "room"]
    asyncio.run(handler(socket, room="lobby"))
    return socket.sent


def test_websocket_handler_talks_through_the_native_socket(
    socket_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @socket_app.websocket("/rooms/{room}")
    async def chat(websocket: ta.WebSocket, room: str, n: int = 1) -> None:
        socket: Any = websocket
        assert (socket.path_params, socket.query_params) == ({"room": "lobby"}, {"n": "2"})
        await socket.accept(subprotocol="chat")
        await socket.send_json({"room": room, "n": n})
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except ta.WebSocketDisconnect as left:
            assert left.code == 1001

    sent = talk(socket_app, Socket("one", b"two", NativeDisconnect(1001)), monkeypatch)
    assert sent == [("accept", "chat"), '{"room": "lobby", "n": 2}', "one", "two"]


class NativeDisconnect(Exception):
    """turbo_shard.WebSocketDisconnect."""

    def __init__(self, code: int, reason: str = "") -> None:
        self.code = code
        self.reason = reason


NativeDisconnect.__name__ = "WebSocketDisconnect"


def test_websocket_is_closed_as_the_handler_says(
    socket_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def guard(x_token: str = ta.Header("")) -> None:
        if not x_token:
            raise ta.HTTPException(401, "no token")

    @socket_app.websocket("/rooms/{room}")
    async def chat(websocket: Any, guarded: None = ta.Depends(guard)) -> None:  # type: ignore[assignment]
        await websocket.accept()
        async for text in websocket.iter_text():
            if text == "bad":
                raise ta.WebSocketException(1003, "bad words")

    assert talk(socket_app, Socket(), monkeypatch) == [("close", 1008, "no token")]
    headers = {"x-token": "t"}
    sent = talk(socket_app, Socket("ok", "bad", headers=headers), monkeypatch)
    assert sent == [("accept", None), ("close", 1003, "bad words")]


def test_websocket_routes_are_refused_where_there_are_none(
    socket_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @socket_app.websocket("/ws")
    def chat(websocket: Any) -> None: ...

    monkeypatch.delattr(App, "websocket", raising=False)
    with pytest.raises(RegistrationError, match=r"websocket route /ws: .*cannot serve WebSockets"):
        adapt(socket_app)
    monkeypatch.setattr(App, "websocket", lambda self, path: None, raising=False)
    with pytest.raises(RegistrationError, match="websocket route /ws: its handler is not async"):
        adapt(socket_app)
