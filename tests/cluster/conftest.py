"""The real cluster for the tests here: `scripts/cluster --name NAME shell python -m pytest tests/cluster` is inside.

They all need it, so each module says `pytestmark = pytest.mark.cluster`. Outside of a cluster they are skipped, loudly;
with KUBECTL_REV_REQUIRE_CLUSTER=1 that is a failure, so that nobody takes silence for success.

The cluster is shared: a module begins with `cluster.reset(LAYOUT)`, or a fixture that does, and leaves it as it is.
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from kubectl_rev.cluster.connection import Connection, connect
from tests.cluster.admission.bench import Bench
from tests.cluster.admission.recorder import recorder
from tests.cluster.validating import World
from tests.testcluster import Cluster, network

_REQUIRED = "KUBECTL_REV_REQUIRE_CLUSTER"
_HOW = "run `scripts/cluster --name test up`, then `scripts/cluster --name test shell python -m pytest -m cluster`"


@pytest.fixture(scope="session")
def skip(report: Callable[[str], None]) -> Callable[[str, str], NoReturn]:
    """Skips a test, loudly: why, and how to have what it needs."""

    def without(reason: str, how: str) -> NoReturn:
        if os.environ.get(_REQUIRED) == "1":
            pytest.fail(f"{reason}, and {_REQUIRED}=1")
        report(f"CLUSTER TESTS DID NOT RUN: {reason}; {how}")
        pytest.skip(reason)

    return without


@pytest.fixture(scope="session")
def cluster(skip: Callable[[str, str], NoReturn]) -> Cluster:
    """The running cluster that the tests are in."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist's workers ignore it, and so would plugins
    found = Cluster()
    if reason := _why_not(found):
        skip(reason, _HOW)
    return found


def _why_not(cluster: Cluster) -> str:
    if not cluster.is_up():
        return f"cluster {cluster.name} is not up"
    if not network.is_ours(int(cluster.dir.read_state()["pid"])):
        return f"these tests do not run inside cluster {cluster.name}"
    return ""


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Connection]:
    """To the cluster's API server as admin; new in each test, since `cluster.reset` breaks connections."""
    with connect() as found:
        yield found


@pytest.fixture(scope="module")
def calm(cluster: Cluster) -> Iterator[World]:
    """For the validation tests: two revisions as istioctl installs them."""
    cluster.reset("istioctl")
    with connect() as found:
        yield World(cluster, found)


@pytest.fixture
def world(calm: World) -> Iterator[World]:
    """The same, put back after each test."""
    yield calm
    calm.restore()


@pytest.fixture(scope="module")
def bench(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """For the admission tests: brings worlds onto the cluster."""
    with recorder(tmp_path_factory.mktemp("recorder")) as running:
        found = Bench(cluster, running)
        yield found
        found.replace([])  # what would call the recorder must not outlive it
