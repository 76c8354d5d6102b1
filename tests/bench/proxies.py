"""Connect a fake sidecar for every pod of the bench, and hold them until terminated."""

from __future__ import annotations

import itertools
import json
import sys
import threading
from contextlib import ExitStack
from typing import Any

from tests.testcluster import Cluster
from tests.testcluster.xds import FakeProxy, channel_to


def main() -> None:
    threading.stack_size(256 * 1024)  # a thread for each
    cluster = Cluster()
    istiods = {
        revision: itertools.cycle(
            [(istiod.address, channel_to(istiod.address)) for istiod in cluster.istiods(revision)]
        )
        for revision in ("default", "canary")
    }
    pods = cluster.items("pods", "-A", "-l", "bench=yes")
    with ExitStack() as stack:
        for pod in pods:
            stack.enter_context(_proxy(pod, istiods))
        print(f"{len(pods)} proxies are connected", flush=True)
        sys.stdin.read()


def _proxy(pod: Any, istiods: dict[str, Any]) -> FakeProxy:
    meta = pod["metadata"]
    revision = json.loads(meta["annotations"]["sidecar.istio.io/status"])["revision"]
    version = {"default": "1.30.3", "canary": "1.31.0"}[revision]
    address, channel = next(istiods[revision])
    ip = pod["status"]["podIP"]
    return FakeProxy(meta["name"], meta["namespace"], ip, address, version, seconds=60, channel=channel)


if __name__ == "__main__":
    main()
