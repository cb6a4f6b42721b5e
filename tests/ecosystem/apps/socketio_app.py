"""python-socketio with its sessions in memory."""

import socketio

server = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(server)


@server.event
async def connect(sid, environ):
    await server.save_session(sid, {"calls": 0})


@server.event
async def add(sid, data):
    async with server.session(sid) as session:
        session["calls"] += 1
        return session["calls"]
