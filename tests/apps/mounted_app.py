"""A native app that mounts the directory named by the variable MOUNTED."""

from __future__ import annotations

import os

from turbo_shard import App, StaticFiles

app = App()
app.mount("/files", StaticFiles(os.environ["MOUNTED"], max_age=60))
app.mount("/site", StaticFiles(os.environ["MOUNTED"], single_page=True))


@app.get("/files/taken")
def taken() -> str:
    return "route"
