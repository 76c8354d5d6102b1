"""Where the test cluster keeps its files, and the locks that go with them."""

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testcluster import versions
from tests.testcluster.errors import ClusterError

CHECKOUT = Path(__file__).resolve().parents[2]


def cache() -> Path:
    """The folder that holds everything which is not in the checkout."""
    return Path(os.environ.get("KUBECTL_REV_CACHE") or Path.home() / ".cache" / "kubectl-rev").resolve()


def servers() -> Path:
    """The folder of the servers built from today's pins."""
    return cache() / "servers" / versions.digest()


def rollouts() -> Path:
    """The folder of Argo Rollouts' controller and plugin, which is there when somebody has built it."""
    pins = versions.ROLLOUTS_MODULE, versions.ROLLOUTS_PROGRAMS, versions.GO_DIRECTIVE
    return cache() / "servers" / f"rollouts-{versions.digest(*pins)}"


def charts() -> Path:
    """Istio's Helm charts."""
    return servers() / "charts"


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file. The kernel drops it when the holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise ClusterError(f"{path} is locked by another process") from None
        yield


@dataclass(frozen=True)
class RunDir:
    """The files of one running cluster: `<cache>/run/<name>/`."""

    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", self.name):
            raise ClusterError(f"{self.name!r} is not a name for a cluster: use lower-case letters, digits and -")

    @property
    def path(self) -> Path:
        return cache() / "run" / self.name

    @property
    def logs(self) -> Path:
        return self.path / "log"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"

    @property
    def bin(self) -> Path:
        """Holds the one kubectl that goes with these servers."""
        return servers() / "bin"

    @property
    def change_lock(self) -> Path:
        """Held while the cluster is being started, stopped or laid out anew. Beside the folder, which `up` wipes."""
        return self.path.with_suffix(".lock")

    @property
    def alive_lock(self) -> Path:
        """Held by the supervisor for as long as it lives: what tells a running cluster from a stale folder."""
        return self.path / "alive"

    def alive(self) -> bool:
        if not self.alive_lock.exists():
            return False
        try:
            with locked(self.alive_lock, wait=False):
                return False
        except ClusterError:
            return True

    def read_state(self) -> dict[str, Any]:
        """What the supervisor last said of itself; empty if it never said anything."""
        try:
            state: dict[str, Any] = json.loads((self.path / "state.json").read_text())
        except FileNotFoundError:
            return {}
        return state

    def write_state(self, **values: Any) -> None:
        _replace(self.path / "state.json", json.dumps(values))

    @property
    def data(self) -> Path:
        """etcd's folder: all that a cluster remembers."""
        return self.path / "etcd"

    def snapshot(self, name: str) -> Path:
        """A copy of that folder, as it was at some time."""
        return self.path / "snapshots" / name

    def read_order(self) -> dict[str, Any]:
        """The last order to the supervisor: its number, what to `do` (save, load, restart), with which snapshot."""
        try:
            order: dict[str, Any] = json.loads((self.path / "order.json").read_text())
        except FileNotFoundError:
            return {"number": 0}
        return order

    def write_order(self, **values: Any) -> None:
        _replace(self.path / "order.json", json.dumps(values))

    def read_istiods(self) -> dict[str, str]:
        """The istiod processes there are, and whether each is starting, serving or ending (see istiod_agent.py)."""
        found: dict[str, str] = json.loads((self.path / "istiods.json").read_text())
        return found

    def write_istiods(self, states: dict[str, str]) -> None:
        _replace(self.path / "istiods.json", json.dumps(states))

    @property
    def layout(self) -> str:
        """How Istio was last installed; 'none' while that is under way or never happened."""
        try:
            return (self.path / "layout").read_text()
        except FileNotFoundError:
            return "none"

    def write_layout(self, value: str) -> None:
        (self.path / "layout").write_text(value)


def _replace(path: Path, text: str) -> None:
    """Write a file in one step, so that no reader sees half of it."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(text)
    draft.replace(path)
