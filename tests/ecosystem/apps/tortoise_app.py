"""Tortoise ORM by its own way into FastAPI, in SQLite."""

import os
from contextlib import asynccontextmanager

from fastapi import FastAPI
from tortoise.contrib.fastapi import RegisterTortoise
from tortoise_models import Player, Team


@asynccontextmanager
async def lifespan(app):
    async with RegisterTortoise(
        app,
        db_url=f"sqlite://{os.environ['DATABASE']}",
        modules={"models": ["tortoise_models"]},
        generate_schemas=True,
    ):
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/teams/{name}")
async def add(name: str):
    team = await Team.create(name=name)
    await Player.create(team=team)


@app.get("/teams")
async def teams():
    return [
        [team.name, [type(player) is Player for player in team.players]]
        for team in await Team.all().order_by("name").prefetch_related("players")
    ]
