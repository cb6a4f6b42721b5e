"""A TurboAPI app, served as it is. Needs `pip install turboapi==0.3.16`; `turbo-shard turboapi_app:served` serves it.

`app` is TurboAPI's own object; `served` is what turbo-shard makes of it.
"""

from threading import Lock
from typing import Any

from satya import Field, Model
from turboapi import TurboAPI

from turbo_shard.turboapi import adapt

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


served = adapt(app)
