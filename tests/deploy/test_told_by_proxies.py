"""What apps are told of a client behind nginx, HAProxy and Caddy, and what a client cannot make them believe."""

from __future__ import annotations

from proxies import NAME, Proxy

# An address of this machine that is not the proxy's own.
CLIENT = "127.0.0.9"
CLAIMED = {
    "Forwarded": 'for=203.0.113.7;proto=http;host="other.example.com"',
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "other.example.com",
    "X-Forwarded-Port": "1234",
    "X-Forwarded-Prefix": "/other",
}


def test_app_sees_client_and_scheme_of_the_proxy_s_client(proxy: Proxy) -> None:
    with proxy.client(source=CLIENT) as client:
        told = client.get("/tell").json()
    assert (told["client"][0], told["scheme"]) == (CLIENT, "https")
    assert dict(told["headers"])["host"] in (NAME, f"{NAME}:{proxy.port}")
    assert told["root_path"] == ""


def test_client_is_not_believed(proxy: Proxy) -> None:
    with proxy.client(source=CLIENT) as client:
        told = client.get("/tell", headers=CLAIMED).json()
    assert (told["client"][0], told["scheme"]) == (CLIENT, "https")
    assert dict(told["headers"])["host"] in (NAME, f"{NAME}:{proxy.port}")
    assert told["root_path"] == ""
    assert not [value for _, value in told["headers"] if "other" in value or "203.0" in value]
