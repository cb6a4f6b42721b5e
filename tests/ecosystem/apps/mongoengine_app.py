"""Documents of MongoEngine, which refer to each other by name. They ask no server."""

import mongoengine
from fastapi import FastAPI
from mongoengine.base import get_document

mongoengine.connect("shop", host="mongodb://127.0.0.1:9", connect=False)


class Customer(mongoengine.Document):
    name = mongoengine.StringField(required=True)
    orders = mongoengine.ListField(mongoengine.ReferenceField("Order"))


class Order(mongoengine.Document):
    customer = mongoengine.ReferenceField("Customer")
    meta = {"allow_inheritance": True}


class Express(Order):
    pass


app = FastAPI()


@app.get("/")
async def own():
    return {
        "documents": get_document("Customer") is Customer and get_document("Order") is Order,
        "inherited": get_document("Order.Express") is Express,
        "reference": Order.customer.document_type is Customer,
        "mongo": Customer(name="Ada").to_mongo().to_dict(),
    }
