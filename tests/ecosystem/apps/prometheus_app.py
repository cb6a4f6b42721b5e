"""Metrics of prometheus_client, made at import."""

from fastapi import FastAPI, Response
from prometheus_client import Counter, Gauge, Histogram, generate_latest

seen = Counter("seen", "requests seen", ["path"])
sizes = Histogram("sizes", "sizes of what was seen", buckets=(1, 10, 100))
inside = Gauge("inside", "what was let in and is not out yet")
app = FastAPI()


@app.get("/work/{size}")
async def work(size: int):
    seen.labels("/work").inc()
    sizes.observe(size)
    inside.inc(2)
    inside.dec()
    return "done"


@app.get("/metrics")
async def metrics():
    return Response(generate_latest(), media_type="text/plain")
