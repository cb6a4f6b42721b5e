"""Tasks of Celery: one of the app's own, one that is shared; run at once, or put into the broker in memory."""

from celery import Celery, current_app, shared_task
from fastapi import FastAPI

queue = Celery("shop", broker="memory://", backend="cache+memory://")
queue.set_default()


@queue.task
def add(x, y):
    return x + y


@shared_task
def multiply(x, y):
    return x * y


app = FastAPI()


@app.get("/")
def own():
    with queue.connection_for_write() as connection:
        channel = connection.default_channel
        before = channel._size("celery")
        add.delay(1, 2)
        waiting = channel._size("celery") - before
    return {
        "current": current_app._get_current_object() is queue,
        "add": add.apply((1, 2)).get(),
        "multiply": multiply.apply((3, 4)).get(),
        "registered": queue.tasks["celery_app.add"].run(1, 1) == 2
        and "celery_app.multiply" in queue.tasks,
        "waiting": waiting > 0,
    }
