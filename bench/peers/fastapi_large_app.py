"""A FastAPI app of 800 routes in 36 routers: six areas, each with five parts. The last part's last route is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI

AREAS = 6
PARTS = 5
ROUTES = 800
ROUTERS = AREAS * (1 + PARTS)

type Endpoint = Callable[[int], Awaitable[dict[str, int]]]


def endpoint(number: int) -> Endpoint:
    async def read(item_id: int) -> dict[str, int]:
        return {"route": number, "item_id": item_id}

    read.__name__ = f"read_{number}"
    return read


def fill(router: APIRouter, numbers: range) -> None:
    for number in numbers:
        router.add_api_route(f"/things{number}/{{item_id}}", endpoint(number))


def share(index: int) -> range:
    """The numbers of the routes of one of the routers, which have equally many or one more."""
    return range(ROUTES * index // ROUTERS, ROUTES * (index + 1) // ROUTERS)


app = FastAPI()
for area_index in range(AREAS):
    first = area_index * (1 + PARTS)
    area = APIRouter(prefix=f"/area{area_index}")
    fill(area, share(first))
    for part_index in range(PARTS):
        part = APIRouter(prefix=f"/part{part_index}")
        fill(part, share(first + 1 + part_index))
        area.include_router(part)
    app.include_router(area)
