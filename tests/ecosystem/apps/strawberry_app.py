"""GraphQL by strawberry, in FastAPI."""

import strawberry
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter


@strawberry.type
class Book:
    title: str
    author: "Author"


@strawberry.type
class Author:
    name: str


@strawberry.type
class Query:
    @strawberry.field
    async def books(self) -> list[Book]:
        return [Book(title="Emma", author=Author(name="Jane"))]


app = FastAPI()
app.include_router(GraphQLRouter(strawberry.Schema(query=Query)), prefix="/graphql")
