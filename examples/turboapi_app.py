"""A TurboAPI app: notes, kept in memory. Needs `pip install turboapi==0.3.16`. Serve it with

turbo-shard turboapi_app:app --app-dir examples
"""

from threading import Lock
from typing import Any

from satya import Field, Model
from turboapi import TurboAPI

app = TurboAPI(title="Notes", version="1.0")

NOTES = {1: "hello"}
LOCK = Lock()  # handlers run on several shards at once


class Note(Model):
    text: str = Field(min_length=1)


@app.get("/")
def about() -> Any:
    return {"app": "notes", "served_by": "turbo-shard"}


@app.get("/notes/{note_id}")
def note(note_id: int) -> Any:
    text = NOTES.get(note_id)
    if text is None:
        return {"error": "no such note"}, 404
    return {"id": note_id, "text": text}


@app.post("/notes")
def add(note: Note) -> Any:
    with LOCK:
        note_id = len(NOTES) + 1
        NOTES[note_id] = note.text
    return {"id": note_id, "text": note.text}, 201
