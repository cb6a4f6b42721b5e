"""Actors of Dramatiq on a broker in memory, and a worker beside them."""

import dramatiq
from dramatiq.brokers.stub import StubBroker
from fastapi import FastAPI

broker = StubBroker()
dramatiq.set_broker(broker)
done = []


@dramatiq.actor
def count(number):
    done.append(number)


worker = dramatiq.Worker(broker, worker_timeout=100)
worker.start()
app = FastAPI()


@app.get("/{number}")
def own(number: int):
    message = count.send(number)
    broker.join(count.queue_name)
    worker.join()
    return [message.actor_name, dramatiq.get_broker() is broker, number in done]
