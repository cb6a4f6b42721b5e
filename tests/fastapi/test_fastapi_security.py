"""Security schemes with all that may stand for them in a request, and scopes on their way through dependencies."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Security
from fastapi.security import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    HTTPDigest,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OpenIdConnect,
    SecurityScopes,
)

from asked import ask
from comparing import Pairs
from journal import note


def security() -> FastAPI:
    app = FastAPI()
    schemes: dict[str, Any] = {}
    for error in (True, False):
        name = "" if error else "optional-"
        schemes |= {
            f"{name}oauth2": OAuth2PasswordBearer(tokenUrl="token", auto_error=error),
            f"{name}code": OAuth2AuthorizationCodeBearer("a", "b", auto_error=error),
            f"{name}bearer": HTTPBearer(auto_error=error),
            f"{name}digest": HTTPDigest(auto_error=error),
            f"{name}openid": OpenIdConnect(openIdConnectUrl="/o", auto_error=error),
            f"{name}header": APIKeyHeader(name="X-Key", auto_error=error),
            f"{name}query": APIKeyQuery(name="key", auto_error=error),
            f"{name}cookie": APIKeyCookie(name="key", auto_error=error),
        }
    for name, scheme in schemes.items():

        async def endpoint(value: Annotated[Any, Security(scheme)]) -> Any:
            note("endpoint", str(value))
            if isinstance(value, HTTPAuthorizationCredentials):
                return [value.scheme, value.credentials]
            return value

        app.get(f"/{name}")(endpoint)

    basic = HTTPBasic(realm="shop")

    @app.get("/basic")
    def with_basic(value: Annotated[HTTPBasicCredentials, Depends(basic)]) -> Any:
        return [value.username, value.password]

    return app


AUTHORIZATIONS: list[tuple[str | bytes, ...]] = [
    *((), ("authorization: Bearer abc",), ("authorization: bearer  abc ",), ("authorization: Bearer",)),
    ("authorization:",),
    *(("authorization: Basic dXNlcjpwYXNz",), ("authorization: Basic ???",), ("authorization: Basic dXNlcg==",)),
    *(("authorization: Basic /w==",), ("authorization: Digest x=1",), (b"authorization: Bearer \xff",)),
    *(("authorization: Bearer a", "authorization: Bearer b"), ("x-key: k",), ("x-key:",), ("cookie: key=k",)),
    ("cookie: key=",),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(AUTHORIZATIONS)))
def test_security_schemes(pairs: Pairs, number: int) -> None:
    paths = [route.path for route in pairs[security].app.routes if route.path[1:2] not in "od"]  # type: ignore[attr-defined]
    for path in [*paths, "/oauth2", "/optional-oauth2", "/optional-bearer", "/digest", "/openid"]:
        pairs[security].ask(ask(f"GET {path}", *AUTHORIZATIONS[number]))
    pairs[security].ask(ask("GET /query?key=a&key=b", *AUTHORIZATIONS[number]))


def scopes() -> FastAPI:
    app = FastAPI()
    oauth2 = OAuth2PasswordBearer(tokenUrl="token", scopes={"me": "", "items": ""})

    async def user(wanted: SecurityScopes, token: Annotated[str, Depends(oauth2)]) -> str:
        note("user", wanted.scopes, wanted.scope_str)
        if "admin" in wanted.scopes and token != "root":
            raise HTTPException(
                401, "no", {"WWW-Authenticate": f'Bearer scope="{wanted.scope_str}"'}
            )
        return token

    async def active(name: Annotated[str, Security(user, scopes=["me"])]) -> str:
        note("active")
        return name

    @app.get("/me")
    async def me(name: Annotated[str, Depends(active)]) -> str:
        return name

    @app.get("/items")
    async def items(
        name: Annotated[str, Security(active, scopes=["items"])],
        again: Annotated[str, Security(user, scopes=["items", "me"])],
        other: Annotated[str, Security(user, scopes=["me", "items"])],
        plain: Annotated[str, Depends(user)],
    ) -> Any:
        return [name, again, other, plain]

    @app.get("/admin", dependencies=[Security(user, scopes=["admin"])])
    def admin(name: Annotated[str, Security(active, scopes=["admin"])]) -> str:
        return name

    return app


@pytest.mark.parametrize("path", ["/me", "/items", "/admin"])
@pytest.mark.parametrize(
    "lines", [(), ("authorization: Bearer x",), ("authorization: Bearer root",)]
)
def test_security_scopes(pairs: Pairs, path: str, lines: tuple[str, ...]) -> None:
    pairs[scopes].ask(ask(f"GET {path}", *lines))
