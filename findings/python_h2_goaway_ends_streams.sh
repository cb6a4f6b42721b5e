#!/usr/bin/env bash
# h2 4.4.1 (Python): a GOAWAY with NO_ERROR is how a server says that it will take no new streams; those up to the last
# one that it names are still answered (RFC 9113 section 6.8). h2 takes every GOAWAY as the end of the connection: the
# answer that follows on a stream in flight raises ProtocolError. httpx and hypercorn use it. So a server that drains in good
# order loses the requests in flight of such a client, unless it holds its GOAWAY back until they are answered.
#
# Seen: GOAWAY: ConnectionTerminated
#       answer in flight: Invalid input ConnectionInputs.RECV_HEADERS in state ConnectionState.CLOSED
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check h2==4.4.1 hpack==4.2.0 hyperframe==6.1.0
found=$("$work/venv/bin/python" - <<'PYTHON'
import h2.exceptions
from h2.config import H2Configuration
from h2.connection import H2Connection
from hyperframe.frame import GoAwayFrame

LAST_STREAM_OF_ALL = 2**31 - 1
REQUEST = [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "example.org")]

client = H2Connection(H2Configuration(client_side=True))
server = H2Connection(H2Configuration(client_side=False))
client.initiate_connection()
server.initiate_connection()
for _ in range(2):
    server.receive_data(client.data_to_send())
    client.receive_data(server.data_to_send())

client.send_headers(1, REQUEST, end_stream=True)
server.receive_data(client.data_to_send())
drain = GoAwayFrame(stream_id=0, last_stream_id=LAST_STREAM_OF_ALL, error_code=0)
events = client.receive_data(drain.serialize())
print("GOAWAY:", *(type(event).__name__ for event in events))

server.send_headers(1, [(":status", "200")])
server.send_data(1, b"answer", end_stream=True)
try:
    events = client.receive_data(server.data_to_send())
    print("answer in flight:", *(type(event).__name__ for event in events))
except h2.exceptions.ProtocolError as error:
    print("answer in flight:", error)
PYTHON
)
echo "h2 4.4.1 (Python)"
echo "$found"
[ "$found" = "GOAWAY: ConnectionTerminated
answer in flight: Invalid input ConnectionInputs.RECV_HEADERS in state ConnectionState.CLOSED" ]
