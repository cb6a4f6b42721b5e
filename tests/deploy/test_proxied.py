"""What an app meets behind nginx, HAProxy and Caddy with the files of examples/deploy: bodies as they come, WebSockets,
connections that are used again, and two servers of which one stops.
"""

from __future__ import annotations

import json

import httpx

from framework_server import Marks
from proxied_site import Site
from proxies import NAME, Proxy
from raw_http import RawClient
from raw_websocket import TEXT, RawWebSocket, frame
from waiting import wait_until

REQUESTS = 100
# What each worker of a proxy may open before it has a connection to use again, for each of its threads.
OPENED_MAX = 16
LARGE_BYTES = 128 * 65536


def test_plain_http_is_sent_to_https(proxy: Proxy) -> None:
    answer = httpx.get(
        f"http://127.0.0.1:{proxy.plain_port}/tell?a=b", headers={"Host": NAME}, trust_env=False
    )
    assert answer.status_code in (301, 308)
    location = httpx.URL(answer.headers["location"])
    assert (location.scheme, location.host, location.raw_path) == ("https", NAME, b"/tell?a=b")


def test_events_pass_while_the_app_still_makes_them(proxy: Proxy, marks: Marks) -> None:
    with RawClient(proxy) as client:
        client.request("GET", "/events")
        _, status, headers = client.head()
        assert (status, dict(headers)["content-type"]) == (200, "text/event-stream")
        assert client.chunk() == b"data: 1\n\n"
        marks.leave("first event came")
        assert client.chunk() == b"data: 2\n\n"
        assert client.chunk() is None


def test_body_reaches_the_app_before_its_end(proxy: Proxy, marks: Marks) -> None:
    with RawClient(proxy) as client:
        client.request("POST", "/upload", "Content-Length: 12", body=b"first ")
        marks.wait_for("first part came")
        assert client.send(b"second").answer().body == b"12"


def test_chunked_body_reaches_the_app_before_its_end(proxy: Proxy, marks: Marks) -> None:
    with RawClient(proxy) as client:
        client.request("POST", "/upload", "Transfer-Encoding: chunked", body=b"6\r\nfirst \r\n")
        marks.wait_for("first part came")
        assert client.send(b"6\r\nsecond\r\n0\r\n\r\n").answer().body == b"12"


def test_large_answer_is_whole(proxy: Proxy) -> None:
    with proxy.client() as client:
        body = client.get("/large").content
    assert len(body) == LARGE_BYTES
    assert body == bytes(range(256)) * (LARGE_BYTES // 256)


def test_large_body_is_whole(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.post("/upload", content=b"x" * LARGE_BYTES).text == str(LARGE_BYTES)


def test_websocket_passes_both_ways(proxy: Proxy) -> None:
    with RawWebSocket(proxy) as client:
        client.open("/")
        for text in (b"one", b"two" * 10_000):
            client.send(frame(TEXT, text))
            assert client.frame().payload == text


def test_app_learns_that_a_client_has_left(proxy: Proxy, marks: Marks) -> None:
    with RawClient(proxy) as client:
        client.get("/until-left")
        marks.wait_for("request came")
    marks.wait_for("client left")


def test_requests_share_connections_to_the_servers(site: Site) -> None:
    before = site.connections_accepted()
    for _ in range(REQUESTS // 2):
        # Connections of their own to the proxy, as those of many clients.
        with site.proxy.client() as client:
            assert client.get("/tell").status_code == 200
            assert client.post("/upload", content=b"body").text == "4"
    assert site.connections_accepted() - before <= OPENED_MAX


def test_both_servers_answer(site: Site) -> None:
    with site.proxy.client() as client:
        pids = {client.get("/tell").json()["pid"] for _ in range(REQUESTS)}
    assert pids == {server.pid for server in site.servers}


def test_no_get_fails_while_one_of_two_servers_stops(passing_site: Site) -> None:
    """Each GET that the leaving server does not answer is tried on the other one. What is not tried twice (POST) may be
    answered 502 in that moment, since a stopping server closes idle connections at once: docs/deploy.md says so.
    """
    leaving, staying = passing_site.servers
    with passing_site.proxy.client() as client:
        statuses = [client.get("/tell").status_code for _ in range(REQUESTS // 10)]
        leaving.process.terminate()
        answers = [client.get("/tell") for _ in range(REQUESTS)]
    statuses += [answer.status_code for answer in answers]
    assert statuses == [200] * len(statuses)
    assert answers[-1].json()["pid"] == staying.pid
    assert leaving.wait() == 0


def test_request_in_flight_is_answered_by_a_server_that_stops(
    passing_site: Site, marks: Marks
) -> None:
    servers = passing_site.servers
    with RawClient(passing_site.proxy) as client:
        client.request("POST", "/held", "Content-Length: 0")
        marks.wait_for("request came")
        for server in servers:
            server.process.terminate()
        for server in servers:
            wait_until(server.refuses_connections, "the server to stop accepting")
        marks.leave("answer it")
        told = json.loads(client.answer().body)
    assert told["pid"] in {server.pid for server in servers}
    assert [server.wait() for server in servers] == [0, 0]


def test_a_server_that_has_gone_is_left_out(passing_site: Site) -> None:
    """Also of requests that are not tried twice: by HAProxy and Caddy after they have asked for its health, by nginx
    after one has failed.
    """
    leaving, staying = passing_site.servers
    leaving.process.terminate()
    assert leaving.wait() == 0
    with passing_site.proxy.client() as client:

        def every_one_is_answered() -> bool:
            answers = [client.post("/tell") for _ in range(REQUESTS // 5)]
            return all(answer.status_code == 200 for answer in answers)

        wait_until(every_one_is_answered, "the proxy to leave the server out")
        assert {client.post("/tell").json()["pid"] for _ in range(4)} == {staying.pid}
