"""Fake sidecars: what an Envoy is to istiod, as far as istiod's debug pages tell.

Needs grpcio, and nothing generated: the few messages are written and read by hand, since the whole of Envoy's API
would be a large dependency for a handful of fields.
"""

import queue
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import grpc

METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
_CONFIG = "type.googleapis.com/envoy.config"
_TYPES = (f"{_CONFIG}.cluster.v3.Cluster", f"{_CONFIG}.listener.v3.Listener")


class Conversation:
    """What a proxy says: it asks for clusters and listeners and acknowledges all it is sent, so that istiod holds it
    for SYNCED. `settled` once it was sent both.
    """

    def __init__(self, identity: str, namespace: str, version: str, cluster_id: str = "Kubernetes") -> None:
        self._node = _node(identity, namespace, version, cluster_id)
        self._silent = set(_TYPES)

    def opening(self) -> list[bytes]:
        return [_request(self._node, type_url) for type_url in _TYPES]

    def answer(self, response: bytes) -> bytes:
        fields = dict(_fields(response))
        type_url, version, nonce = (fields.get(number, b"").decode() for number in (4, 1, 5))
        self._silent.discard(type_url)
        return _request(self._node, type_url, version, nonce)

    @property
    def settled(self) -> bool:
        return not self._silent


class FakeProxy:
    """Connected to one istiod, as the sidecar of one pod, for as long as the `with` block lasts.

    It does not look for another istiod when this one goes away; `connected` then becomes false.
    """

    def __init__(
        self,
        pod: str,
        namespace: str,
        ip: str,
        istiod_address: str,
        version: str = "1.30.3",
        cluster_id: str = "Kubernetes",
        *,
        kind: str = "sidecar",
        seconds: float = 10,
    ) -> None:
        self.pod, self.namespace, self.connected = pod, namespace, False
        self._says = Conversation(identity(kind, ip, pod, namespace), namespace, version, cluster_id)
        self._channel = grpc.insecure_channel(target(istiod_address))
        self._stream = self._channel.stream_stream(METHOD, as_it_is, as_it_is)
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answered = threading.Event()
        self._seconds = seconds
        self._error = "no answer"

    def __enter__(self) -> Self:
        for request in self._says.opening():
            self._requests.put(request)
        threading.Thread(target=self._talk, daemon=True).start()
        if not self._answered.wait(self._seconds) or not self.connected:
            self.__exit__(None, None, None)
            raise ConnectionError(f"istiod does not serve {self.pod}.{self.namespace}: {self._error}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self._channel.close()

    def _talk(self) -> None:
        try:
            for response in self._stream(iter(self._requests.get, None)):
                self._requests.put(self._says.answer(response))
                if self._says.settled:
                    self.connected = True
                    self._answered.set()
        except (grpc.RpcError, ValueError) as error:  # ValueError: the channel was closed
            self._error = error.details() if isinstance(error, grpc.Call) else str(error)
        finally:
            self.connected = False
            self._answered.set()


def target(istiod_address: str) -> str:
    """Where an istiod listens in plain text."""
    return f"{istiod_address}:15010"


def identity(kind: str, ip: str, pod: str, namespace: str) -> str:
    """A proxy's node id."""
    return f"{kind}~{ip}~{pod}.{namespace}~{namespace}.svc.cluster.local"


def as_it_is(message: bytes) -> bytes:
    return message


def _request(node: bytes, type_url: str, version: str = "", nonce: str = "") -> bytes:
    """A DiscoveryRequest: version_info 1, node 2, type_url 4, response_nonce 5."""
    return _text(1, version) + _field(2, node) + _text(4, type_url) + _text(5, nonce)


def _node(identity: str, namespace: str, version: str, cluster_id: str) -> bytes:
    """A Node: id 1, cluster 2, metadata 3 (a Struct)."""
    metadata = {"NAMESPACE": namespace, "ISTIO_VERSION": version, "CLUSTER_ID": cluster_id}
    entries = (_field(1, _text(1, name) + _field(2, _text(3, value))) for name, value in metadata.items())
    return _text(1, identity) + _text(2, f"proxy.{namespace}") + _field(3, b"".join(entries))


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode()) if value else b""


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; a DiscoveryResponse has one other, a bool, which is skipped."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        if tag & 7 == 2:
            yield tag >> 3, message[position : position + value]
            position += value


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
