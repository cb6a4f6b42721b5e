"""httpx and aiohttp against tests/apps/clients_app.py; fails where an answer is wrong: URL [CERTIFICATE]."""

from __future__ import annotations

import asyncio
import ssl
import sys

import aiohttp
import httpx

BODY = bytes(range(256)) * 8000


async def by_httpx(url: str, context: ssl.SSLContext | bool, *, http2: bool) -> None:
    # Without TLS there is nothing to agree on: then HTTP/2 is known or not.
    versions = {"http1": not http2, "http2": http2}
    async with httpx.AsyncClient(base_url=url, verify=context, timeout=60, **versions) as client:
        answers = await asyncio.gather(*(client.get(f"/bytes/{n}") for n in range(300)))
        for size, answer in enumerate(answers):
            assert answer.status_code == 200 and len(answer.content) == size
            assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        for _ in range(3):
            assert (await client.post("/echo", content=BODY)).content == BODY


async def by_aiohttp(url: str, context: ssl.SSLContext | bool) -> None:
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(url, connector=connector) as client:
        for size in (0, 1, 100_000):
            async with client.get(f"/bytes/{size}") as answer:
                assert answer.status == 200 and len(await answer.read()) == size
        async with client.post("/echo", data=BODY) as answer:
            assert await answer.read() == BODY
        async with client.ws_connect("/socket") as messages:
            for text in ("one", "x" * 70_000):
                await messages.send_str(text)
                assert await messages.receive_str() == text


def trusting(certificates: list[str]) -> ssl.SSLContext | bool:
    """A context of its own for each client: httpx puts into it what it wants to speak."""
    return ssl.create_default_context(cafile=certificates[0]) if certificates else True


async def main() -> None:
    url, *certificates = sys.argv[1:]
    for http2 in (False, True):
        await by_httpx(url, trusting(certificates), http2=http2)
    await by_aiohttp(url, trusting(certificates))


asyncio.run(main())
