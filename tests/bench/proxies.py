"""Connect a fake sidecar for every pod of the bench, and hold them until stdin ends.

All in one thread: grpc's streams with a thread each look ten times a second whether something came, which for
thousands of them takes a processor of its own, and that would be measured.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc

from tests.testcluster import Cluster
from tests.testcluster.xds import METHOD, Conversation, as_it_is, identity, target

_VERSIONS = {"default": "1.30.3", "canary": "1.31.0"}
_TIMEOUT = 60
_PATIENCE = 200  # an istiod refuses what comes too fast: PILOT_MAX_REQUESTS_PER_SECOND, 25 on two processors
_AT_ONCE = 8


async def main() -> None:
    cluster = Cluster()
    channels = {
        revision: itertools.cycle(
            [grpc.aio.insecure_channel(target(istiod.address)) for istiod in cluster.istiods(revision)]
        )
        for revision in _VERSIONS
    }
    pods = [_proxy(pod) for pod in cluster.items("pods", "-A", "-l", "bench=yes")]  # whole ones are a gigabyte
    turn = asyncio.Semaphore(_AT_ONCE)
    streams = await asyncio.gather(*(_connected(pod, channels, turn) for pod in pods))
    acknowledging = [asyncio.create_task(_acknowledge(*each)) for each in streams]
    print(f"{len(streams)} proxies are connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    if any(task.done() for task in acknowledging):
        sys.exit("a proxy lost its connection meanwhile")


class _Proxy(NamedTuple):
    revision: str
    namespace: str
    node: str


def _proxy(pod: Any) -> _Proxy:
    meta = pod["metadata"]
    revision = json.loads(meta["annotations"]["sidecar.istio.io/status"])["revision"]
    name, namespace = meta["name"], meta["namespace"]
    return _Proxy(revision, namespace, identity("sidecar", pod["status"]["podIP"], name, namespace))


async def _connected(
    proxy: _Proxy, channels: dict[str, Iterator[Any]], turn: asyncio.Semaphore
) -> tuple[Any, Conversation]:
    """A stream on which istiod has sent all that was asked for."""
    channel = next(channels[proxy.revision])
    async with turn:
        for _ in range(_PATIENCE):
            says = Conversation(proxy.node, proxy.namespace, _VERSIONS[proxy.revision])
            stream = channel.stream_stream(METHOD, as_it_is, as_it_is)()
            try:
                await asyncio.wait_for(_settle(stream, says), _TIMEOUT)
                return stream, says
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the latter where it had ended before a write
                if await stream.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise
    sys.exit(f"istiod does not serve {proxy.node}")


async def _settle(stream: Any, says: Conversation) -> None:
    for request in says.opening():
        await stream.write(request)
    while not says.settled:
        await stream.write(says.answer(await stream.read()))


async def _acknowledge(stream: Any, says: Conversation) -> None:
    while (response := await stream.read()) is not grpc.aio.EOF:
        await stream.write(says.answer(response))


if __name__ == "__main__":
    asyncio.run(main())
