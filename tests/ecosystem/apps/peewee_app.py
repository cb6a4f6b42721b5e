"""Models of peewee, one referring to the other, in SQLite."""

import os

import peewee
from fastapi import FastAPI

database = peewee.SqliteDatabase(os.environ["DATABASE"], pragmas={"busy_timeout": 20_000})


class Author(peewee.Model):
    name = peewee.CharField()

    class Meta:
        database = database


class Book(peewee.Model):
    author = peewee.ForeignKeyField(Author, backref="books")

    class Meta:
        database = database


app = FastAPI()


@app.post("/authors/{name}")
def add(name: str):
    with database.connection_context():
        database.create_tables([Author, Book])
        Book.create(author=Author.create(name=name))


@app.get("/authors")
def authors():
    with database.connection_context():
        return [
            [author.name, [type(book) is Book for book in author.books]]
            for author in Author.select().order_by(Author.name)
        ]
