"""How fast does a migration go, and when does it stop?"""

from __future__ import annotations

import msgspec


class Throttle(msgspec.Struct, frozen=True, kw_only=True):
    """How many workloads roll at a time, in one namespace and in all; seconds between two of a namespace.

    `timeout` is for one workload; 0 does not wait at all. After `max_failures` nothing more is begun.
    """

    per_namespace: int = 1
    overall: int = 10
    pause: float = 0.0
    timeout: float = 300.0
    max_failures: int = 1
