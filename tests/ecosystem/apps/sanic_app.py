"""A named app of Sanic, served as ASGI."""

from sanic import Sanic
from sanic.response import json

app = Sanic("shop")


@app.before_server_start
async def connect(app):
    app.ctx.numbers = []


@app.get("/<number:int>")
async def add(request, number):
    request.app.ctx.numbers.append(number)
    return json({"name": Sanic.get_app("shop").name, "last": request.app.ctx.numbers[-1]})


@app.post("/echo")
async def echo(request):
    return json(request.json)
