"""A FastAPI app as people write it: a router with a header dependency, a constraint on a query, models in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel

KEY = "secret"


class NewItem(BaseModel):
    name: str
    price: float
    tags: list[str] = []


class Item(NewItem):
    item_id: int


class Page(BaseModel):
    owner: str
    limit: int
    items: list[Item]


async def owner_of(x_key: Annotated[str, Header(min_length=3)]) -> str:
    if x_key != KEY:
        raise HTTPException(401, "unknown key")
    return "Ada"


shop = APIRouter(prefix="/shop", dependencies=[Depends(owner_of)])


@shop.get("/items/{item_id}", response_model=Page)
async def read_page(
    item_id: int,
    owner: Annotated[str, Depends(owner_of)],
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Page:
    item = Item(item_id=item_id, name=f"Item {item_id}", price=9.5, tags=["new"])
    return Page(owner=owner, limit=limit, items=[item])


app = FastAPI()
app.include_router(shop)


@app.post("/items", status_code=201)
async def create_item(item: NewItem) -> Item:
    return Item(item_id=1, name=item.name, price=item.price, tags=item.tags)
