"""prometheus-fastapi-instrumentator, as its README has it."""

from fastapi import FastAPI
from prometheus_fastapi_instrumentator import Instrumentator

app = FastAPI()


@app.get("/work")
async def work():
    return "done"


Instrumentator().instrument(app).expose(app)
