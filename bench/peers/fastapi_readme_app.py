"""The first lines of README.md, as they stand there."""

# main.py
from fastapi import FastAPI

app = FastAPI()


@app.get("/users/{user_id}")
async def user(user_id: int):
    return {"user_id": user_id, "name": f"User {user_id}"}
