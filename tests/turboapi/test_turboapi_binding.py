"""Where the parameters of TurboAPI handlers come from: the request, and dependencies."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest

from apps import turboapi_standin as ta
from turbo_shard import RegistrationError
from turbo_shard.turboapi import adapt
from turboapi_calls import Got, ask, served


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
    assert post(fields, b'{"name": "a"}').json == {"name": "a", "age": 1, "tags": None}
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
        return [form.username, form.password, form.client_id]

    urlencoded = {"content-type": "application/x-www-form-urlencoded"}
    got = ask(served(login, "POST"), "POST", body=b"username=a&password=b+c", headers=urlencoded)
    assert got.json == ["a", "b c", None]


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


def test_handler_may_have_more_parameters_than_a_native_call() -> None:
    names = [f"p{number}" for number in range(40)]
    scope: dict[str, Any] = {}
    exec(f"def handler({', '.join(names)}): return [{', '.join(names)}]", scope)
    got = ask(served(scope["handler"]), query=[(name, name[1:]) for name in names])
    assert got.json == [name[1:] for name in names]


def test_wrapper_of_a_handler_finds_its_arguments_by_name() -> None:
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*arguments: Any, **named: Any) -> Any:
            return [len(arguments), *named, function(*arguments, **named)]

        return wrapper

    def marked(a: str, token: str = ta.Header(alias="X-Token")) -> Any:
        return a + token

    got = ask(served(logged(marked)), query=[("a", "1")], headers={"x-token": "2"})
    assert got.json == [0, "a", "token", "12"]

    def simple(a: int) -> Any:
        return a

    assert ask(served(logged(simple)), query=[("a", "1")]).json == [1, 1]
