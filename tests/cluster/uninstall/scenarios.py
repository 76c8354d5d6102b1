"""The states of a mesh in which somebody may want to uninstall a revision, and the verdict that each deserves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.cluster.uninstall.mesh import Mesh
from tests.testcluster import Cluster

SAFE, NOT_SAFE, UNKNOWN = "SAFE", "NOT SAFE", "UNKNOWN"
Arrange = Callable[[Mesh], None]


@dataclass(frozen=True)
class Scenario:
    """`arrange` makes the state; `codes` are the errors that must be among the findings, and no others. `namespace` is
    the control plane's.
    """

    name: str
    layout: str
    revision: str
    verdict: str
    codes: frozenset[str]
    arrange: Arrange
    flags: tuple[str, ...] = ()
    sample: bool = False
    namespace: str = "istio-system"


class Scenarios(list[Scenario]):
    """Those that one tool removes; called, it is the decorator that adds one."""

    def __init__(self, layout: str) -> None:
        super().__init__()
        self._layout = layout

    def __call__(
        self, verdict: str, *codes: str, layout: str = "", revision: str = "canary", flags: str = "",
        sample: bool = False, namespace: str = "istio-system",
    ) -> Callable[[Arrange], Arrange]:  # fmt: skip
        def add(arrange: Arrange) -> Arrange:
            given = frozenset(f"REV{code}" for code in codes)
            name, flag = arrange.__name__.strip("_"), tuple(flags.split())
            where = layout or self._layout
            self.append(Scenario(name, where, revision, verdict, given, arrange, flag, sample, namespace))
            return arrange

        return add


@contextmanager
def arranged(cluster: Cluster, case: Scenario) -> Iterator[Mesh]:
    """The cluster in the state of a scenario. In each there is somebody who uses the revision that stays, and somebody
    who uses no Istio.
    """
    cluster.reset(case.layout)
    with ExitStack() as stack:
        mesh = Mesh(cluster, stack)
        mesh.namespace("calm", istio_injection="enabled")
        mesh.namespace("outside")
        case.arrange(mesh)
        cluster.wait_until("proxies being seen", lambda: all(proxy.connected for proxy in mesh.proxies))
        yield mesh
