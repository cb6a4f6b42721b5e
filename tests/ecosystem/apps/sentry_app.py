"""Sentry with a transport that writes into a file: one line an event, with the tag that its request has set."""

import asyncio
import os

import sentry_sdk
from fastapi import FastAPI
from sentry_sdk.integrations.fastapi import FastApiIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration
from sentry_sdk.transport import Transport


class IntoFile(Transport):
    def capture_envelope(self, envelope):
        event = envelope.get_event()
        if event is None:
            return
        what = event.get("message") or event["exception"]["values"][-1]["value"]
        with open(os.environ["EVENTS"], "a") as file:
            file.write(f"{what} {event.get('tags', {}).get('request')}\n")


# The integration that Sentry would find by itself, without those for everything else that is installed here.
sentry_sdk.init(
    dsn="https://key@sentry.invalid/1",
    transport=IntoFile,
    auto_session_tracking=False,
    auto_enabling_integrations=False,
    integrations=[StarletteIntegration(), FastApiIntegration()],
)
app = FastAPI()


@app.get("/message/{number}")
async def message(number: int):
    sentry_sdk.set_tag("request", number)
    await asyncio.sleep(0.02)
    sentry_sdk.capture_message(f"message-{number}")


@app.get("/thread/{number}")
def thread(number: int):
    sentry_sdk.set_tag("request", number)
    sentry_sdk.capture_message(f"message-{number}")


@app.get("/error/{number}")
async def error(number: int):
    sentry_sdk.set_tag("request", number)
    await asyncio.sleep(0.02)
    raise ValueError(f"error-{number}")


@app.get("/early/{number}")
async def early(number: int):
    """Raises before it has waited for anything."""
    sentry_sdk.set_tag("request", number)
    raise ValueError(f"error-{number}")
