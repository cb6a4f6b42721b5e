"""The module written in Rust, as Python sees it."""

from collections.abc import Callable, Mapping
from typing import Any

from .headers import Headers, QueryParams

# Errors.

class StartError(Exception):
    """The server could not start; the message is one line for a person."""

# Requests. Each part is decoded when it is first asked for.

class Request:
    """One request. A handler that has a parameter annotated as Request is given it."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str:
        """The path, percent-decoded; bytes that are no UTF-8 are U+FFFD."""
    @property
    def url(self) -> str:
        """Scheme, host and target, as the peer sent them."""
    @property
    def query_string(self) -> bytes: ...
    @property
    def http_version(self) -> str:
        """`1.0` or `1.1`."""
    @property
    def path_params(self) -> dict[str, str]: ...
    @property
    def query_params(self) -> QueryParams: ...
    @property
    def headers(self) -> Headers: ...
    @property
    def cookies(self) -> dict[str, str]: ...
    @property
    def client(self) -> tuple[str, int]:
        """The peer's address and port."""
    @property
    def server(self) -> tuple[str, int]:
        """Our address and port, as the peer reached them."""
    @property
    def body(self) -> bytes: ...
    @property
    def state(self) -> dict[str, Any]:
        """A dict for whatever the app wants to keep with the request."""
    def text(self) -> str:
        """The body as UTF-8; InputError (422) if it is not."""
    def json(self) -> Any:
        """The body as JSON, whatever its content type; InputError (422) if it is not."""

# Answers.

def json_encode(value: Any, fallback: Callable[[Any], Any] | None = None) -> bytes:
    """JSON text (UTF-8, compact). What JSON has no word for is given to `fallback`, which returns something that it has."""
