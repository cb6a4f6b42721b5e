"""A Flask app with all that Flask apps use: routes, forms, uploads, sessions, streams, hooks, blueprints."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import marks
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    flash,
    g,
    get_flashed_messages,
    jsonify,
    make_response,
    redirect,
    render_template_string,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

app = Flask(__name__)
app.secret_key = "not a secret"  # of a test
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024 * 1024


# Hooks around every request.


@app.before_request
def begin() -> tuple[str, int] | None:
    g.tag = request.headers.get("X-Tag", "none")
    if request.headers.get("X-Blocked"):
        return "blocked before it began", 403
    return None


@app.after_request
def finish(response: Response) -> Response:
    response.headers["X-Tag"] = g.tag
    return response


@app.teardown_request
def tear_down(error: BaseException | None) -> None:
    if mark := request.headers.get("X-Teardown"):
        marks.leave(f"{mark}-{type(error).__name__}")


@app.get("/")
def index() -> str:
    return "Flask"


@app.route("/items/<int:item_id>", methods=["GET", "PUT"])
def item(item_id: int) -> dict[str, Any]:
    body = request.get_json() if request.method == "PUT" else None
    return {"item_id": item_id, "tags": request.args.getlist("tag"), "body": body}


@app.get("/paths/<path:path>")
def path(path: str) -> dict[str, Any]:
    here = url_for("path", path=path, _external=True)
    return {"path": path, "query": request.query_string.decode(), "here": here}


@app.get("/environ")
def environ() -> Response:
    plain = {key: value for key, value in request.environ.items() if isinstance(value, str)}
    return jsonify(plain | {"multithread": request.environ["wsgi.multithread"]})


@app.post("/form")
def form() -> WerkzeugResponse:
    flash(f"thanks, {request.form['name']}")
    session["names"] = [*session.get("names", []), *request.form.getlist("name")]
    return redirect(url_for("names"), code=303)


@app.get("/names")
def names() -> Response:
    return jsonify(names=session.get("names", []), said=get_flashed_messages())


@app.get("/hello/<name>")
def hello(name: str) -> str:
    return render_template_string("<p>Hello {{ name }}, {{ g.tag }}</p>", name=name)


@app.post("/upload")
def upload() -> dict[str, Any]:
    def described(file: FileStorage) -> list[Any]:
        content = file.read()
        return [file.filename, len(content), hashlib.sha256(content).hexdigest()]

    files = [described(file) for file in request.files.getlist("files")]
    return {"title": request.form["title"], "files": files}


@app.post("/digest")
def digest() -> dict[str, Any]:
    """Reads the body as it comes, in pieces of its own size."""
    hashed, size = hashlib.sha256(), 0
    while piece := request.stream.read(10_000):
        hashed.update(piece)
        size += len(piece)
    return {"size": size, "sha256": hashed.hexdigest()}


@app.post("/unread")
def unread() -> str:
    return "not interested"


@app.get("/cookies")
def cookies() -> Response:
    response = make_response("two cookies")
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", request.cookies.get("b", "none"))
    return response


# Streams.


@app.get("/lines/<mark>")
def lines(mark: str) -> Response:
    def produce() -> Iterator[str]:
        yield f"first for {request.args['who']}\n"
        marks.seen_by_thread(mark)
        yield "second\n"

    return Response(stream_with_context(produce()), mimetype="text/plain")


class Ticks:
    """Without end; the server closes it when the client has left."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b"tick" * 1024
            time.sleep(0.001)

    def close(self) -> None:
        marks.leave(f"{self.mark}-closed")


@app.get("/ticks/<mark>")
def ticks(mark: str) -> Response:
    return Response(Ticks(mark), mimetype="text/event-stream")


@app.get("/finite/<mark>")
def finite(mark: str) -> Response:
    response = Response(iter(["a", "", "b"]), headers={"Content-Length": "2"})
    response.call_on_close(lambda: marks.leave(f"{mark}-closed"))
    return response


@app.get("/breaks/<mark>")
def breaks(mark: str) -> Response:
    def produce() -> Iterator[str]:
        try:
            yield "first\n"
            raise RuntimeError("broken on purpose")
        finally:
            marks.leave(f"{mark}-closed")

    return Response(produce())


@app.get("/file")
def file() -> Response:
    return send_file(Path(__file__), mimetype="text/x-python", conditional=True)


@app.get("/memory")
def memory() -> Response:
    return send_file(io.BytesIO(b"from memory"), mimetype="text/plain")


# Errors.


class OutOfStock(Exception):
    pass


@app.errorhandler(OutOfStock)
def out_of_stock(error: OutOfStock) -> tuple[dict[str, str], int]:
    return {"error": str(error)}, 409


@app.errorhandler(HTTPException)
def as_json(error: HTTPException) -> tuple[dict[str, Any], int]:
    return {"code": error.code, "name": error.name}, error.code or 500


@app.get("/stock")
def stock() -> str:
    raise OutOfStock("no keys left")


@app.get("/abort/<int:code>")
def aborted(code: int) -> str:
    abort(code)


@app.get("/crash")
def crash() -> str:
    raise RuntimeError("crashed on purpose")


# Threads and event loops.


@app.get("/blocked/<mark>")
def blocked(mark: str) -> str:
    marks.leave(f"{mark}-{uuid4().hex}")
    marks.seen_by_thread(f"go-{mark}")
    return f"{g.tag}"


admin = Blueprint("admin", __name__, url_prefix="/admin")


@admin.get("/loop")
def loop() -> dict[str, str]:
    """A view may run an event loop of its own."""

    async def main() -> str:
        await asyncio.sleep(0.001)
        return "ran"

    return {"loop": asyncio.run(main()), "blueprint": request.blueprint or ""}


app.register_blueprint(admin)
