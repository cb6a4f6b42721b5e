"""One set of routes under the library that WATCHED_BY names; what it reports of them goes into a file, a line each."""

import json
import os
import re

from fastapi import APIRouter, Depends, FastAPI, HTTPException


def report(**what):
    with open(os.environ["EVENTS"], "a") as file:
        file.write(json.dumps(what) + "\n")


def with_opentelemetry(is_global):
    from opentelemetry import trace
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

    class IntoFile(SpanExporter):
        def export(self, spans):
            for span in spans:
                if span.kind is trace.SpanKind.SERVER:
                    status = span.attributes.get(
                        "http.response.status_code", span.attributes.get("http.status_code")
                    )
                    report(name=span.name, route=span.attributes.get("http.route"), status=status)
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(IntoFile()))
    if is_global:
        # Turns FastAPI's own telemetry on too.
        trace.set_tracer_provider(provider)
    return lambda app: FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)


def with_sentry():
    import sentry_sdk
    from sentry_sdk.integrations.fastapi import FastApiIntegration
    from sentry_sdk.integrations.starlette import StarletteIntegration
    from sentry_sdk.transport import Transport

    class IntoFile(Transport):
        def capture_envelope(self, envelope):
            for item in envelope.items:
                event = item.payload.json
                if event and event.get("transaction"):
                    report(
                        kind=event.get("type", "error"),
                        # Of what no route matched it is the URL, with the server's port.
                        transaction=re.sub("^http://[^/]*", "", event["transaction"]),
                        source=event["transaction_info"]["source"],
                    )

    sentry_sdk.init(
        dsn="https://key@sentry.invalid/1",
        transport=IntoFile,
        traces_sample_rate=1.0,
        auto_session_tracking=False,
        auto_enabling_integrations=False,
        integrations=[StarletteIntegration(), FastApiIntegration()],
    )
    return lambda app: None


def with_instrumentator():
    from prometheus_fastapi_instrumentator import Instrumentator

    return lambda app: Instrumentator().instrument(app).expose(app)


watch = {
    "opentelemetry": lambda: with_opentelemetry(False),
    "opentelemetry-global": lambda: with_opentelemetry(True),
    "sentry": with_sentry,
    "instrumentator": with_instrumentator,
}[os.environ["WATCHED_BY"]]()


async def who(name: str = "nobody"):
    return name


app = FastAPI()
router = APIRouter(prefix="/users/{user_id}", dependencies=[Depends(who)])


@app.get("/plain")
async def plain():
    return "plain"


@app.get("/items/{item_id}")
async def item(item_id: int, name: str = Depends(who)):
    return [item_id, name]


@app.get("/def/{item_id}")
def item_def(item_id: int):
    return item_id


@app.get("/missing/{item_id}")
async def missing(item_id: int):
    raise HTTPException(404, "no such item")


@app.get("/failing/{item_id}")
async def failing(item_id: int):
    raise ValueError("failing")


@router.get("/orders/{order_id}")
async def order(user_id: str, order_id: int):
    return [user_id, order_id]


app.include_router(router)
watch(app)
