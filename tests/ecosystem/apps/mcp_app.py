"""A server of the Model Context Protocol over HTTP; with STATELESS=1 it keeps no sessions."""

import os

from mcp.server.fastmcp import FastMCP

server = FastMCP("adder", stateless_http=os.environ.get("STATELESS") == "1", json_response=True)


@server.tool()
def add(x: int, y: int) -> int:
    return x + y


app = server.streamable_http_app()
