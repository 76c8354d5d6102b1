"""One command in a container of a pod, through the API server's exec: what it wrote, or why it could not.

The protocol is that of portforward.py, `v4.channel.k8s.io`: channel 1 is the command's output, 2 its errors, and 3 ends
with a Status object (k8s.io/apimachinery/pkg/util/remotecommand).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from websocket import ABNF, WebSocketException

from kubectl_rev.cluster import error_mapping
from kubectl_rev.cluster.connection import Connection
from kubectl_rev.cluster.json_decoders import from_json
from kubectl_rev.cluster.portforward import open_websocket
from kubectl_rev.errors import Unreachable

_OUTPUT, _ERRORS, _STATUS = 1, 2, 3


class _Status(msgspec.Struct):
    status: str = ""
    message: str = ""


def output(
    connection: Connection, namespace: str, pod: str, container: str, command: Sequence[str], timeout: float
) -> bytes:
    """What the command wrote to its output.

    Raises what a request to the API server raises, and Unreachable when the command cannot be run or fails.
    """
    place = f"{command[0]} in pod {namespace}/{pod}"
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", c) for c in command)]
    websocket = open_websocket(connection, f"/api/v1/namespaces/{namespace}/pods/{pod}/exec", query, timeout)
    deadline = time.monotonic() + timeout
    written: dict[int, bytearray] = {_OUTPUT: bytearray(), _ERRORS: bytearray(), _STATUS: bytearray()}
    try:
        while True:
            if (left := deadline - time.monotonic()) <= 0:
                raise TimeoutError("no answer in time")
            websocket.settimeout(left)
            opcode, frame = websocket.recv_data_frame(control_frame=True)
            if opcode == ABNF.OPCODE_CLOSE:
                break
            data = bytes(frame.data)
            if opcode in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) and data and data[0] in written:
                written[data[0]] += data[1:]
    except (WebSocketException, OSError) as error:
        raise Unreachable(
            f"{place} does not answer: {error_mapping.clean(str(error)) or 'the connection broke'}"
        ) from error
    finally:
        websocket.close(timeout=0)
        websocket.shutdown()  # close alone leaves the socket open when the other side closed first
    ended = _status(bytes(written[_STATUS]))
    if ended.status != "Success":
        said = written[_ERRORS].decode("utf-8", "replace") or ended.message or "it broke off"
        raise Unreachable(f"{place} failed: {error_mapping.clean(said)}")
    return bytes(written[_OUTPUT])


def _status(body: bytes) -> _Status:
    try:
        return from_json(body, _Status)
    except msgspec.DecodeError:
        return _Status()
