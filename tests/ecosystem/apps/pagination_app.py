"""fastapi-pagination, as its README has it. It adds dependencies to the routes when the app starts."""

from fastapi import APIRouter, FastAPI
from fastapi_pagination import LimitOffsetPage, Page, add_pagination, paginate
from pydantic import BaseModel


class Item(BaseModel):
    number: int
    name: str


ITEMS = [Item(number=number, name=f"item {number}") for number in range(25)]
app = FastAPI()
router = APIRouter(prefix="/router")


@app.get("/items")
async def items() -> Page[Item]:
    return paginate(ITEMS)


@app.get("/items-def")
def items_def() -> Page[Item]:
    return paginate(ITEMS)


@router.get("/offset")
async def offset() -> LimitOffsetPage[Item]:
    return paginate(ITEMS)


@app.get("/plain")
async def plain() -> int:
    return len(ITEMS)


app.include_router(router)
add_pagination(app)
