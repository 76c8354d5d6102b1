"""The frozen program where it asks and writes: what only a cluster shows of what may have been left out of it.

The client's authentication and TLS, protobuf lists, port-forward to istiod, watches, patches, probes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest

from kubectl_rev.errors import ExitCode
from tests.cluster import migrating as do
from tests.frozen import Installed, install
from tests.plugin import Result
from tests.testcluster import Cluster

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("frozen"))


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[Cluster]:
    cluster.reset("istioctl")
    cluster.apply(do.namespace("shop", injection="enabled"), do.workload("Deployment", "shop", "web", replicas=2))
    do.settled(cluster, "shop")
    yield cluster
    do.remove(cluster, "shop")


def run(installed: Installed, *words: str) -> Result:
    return installed.run(*words, env={"KUBECONFIG": os.environ["KUBECONFIG"]})


def test_what_it_reads_is_what_the_checkout_reads(shop: Cluster, installed: Installed) -> None:
    for words in (
        ["rev-status", "namespaces"],
        ["rev-status", "pods", "-A"],
        ["rev-status", "deploy/web", "-n", "shop"],
    ):
        said = run(installed, *words, "-o", "json")
        assert (said.code, said.err) == (0, "")
        assert json.loads(said.out) == json.loads(shop.kubectl(*words, "-o", "json"))


def test_connections_are_asked_for_by_port_forward(shop: Cluster, installed: Installed) -> None:
    said = json.loads(run(installed, "rev-verify", "-o", "json").out)
    assert [each for each in said["gaps"] if each["kind"] == "connections"] == []
    assert said["verdict"] == json.loads(shop.run("kubectl", "rev-verify", "-o", "json", check=False).stdout)["verdict"]


def test_validation_is_probed(shop: Cluster, installed: Installed) -> None:
    assert run(installed, "rev-fix-validation", "--check").code == ExitCode.OK
    assert run(installed, "rev-fix-validation", "--dry-run=server").code == ExitCode.OK


def test_a_migration_and_its_undo(shop: Cluster, installed: Installed) -> None:
    tried = run(installed, "rev-migrate", "shop", "--to", "canary", "--dry-run=server")
    assert (tried.code, "(server dry run)" in tried.err) == (ExitCode.OK, True)
    moved = run(installed, "rev-migrate", "shop", "--to", "canary", "--yes")
    assert moved.code == ExitCode.OK, moved.err
    assert set(do.revisions(shop, "shop").values()) == {"canary"}
    back = run(installed, "rev-migrate", "--undo", "shop", "--yes")
    assert back.code == ExitCode.OK, back.err
    assert set(do.revisions(shop, "shop").values()) == {"default"}


def test_it_watches_until_it_is_interrupted(shop: Cluster, installed: Installed) -> None:
    env = {"PATH": installed.path, "HOME": str(installed.home), "KUBECONFIG": os.environ["KUBECONFIG"]}
    kubectl = shutil.which("kubectl", path=installed.path) or "kubectl"
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored, as in a background job, it would be inherited
    with subprocess.Popen([kubectl, "rev-status", "-w"], env=env, stdout=subprocess.PIPE, text=True) as watching:
        try:
            assert watching.stdout
            assert watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            watching.communicate(timeout=60)
        finally:
            watching.kill()
    assert watching.returncode == ExitCode.INTERRUPTED


COMPLETED = {
    "rev-status -n sh": ["shop"],
    "rev-status -n shop deploy/": ["deploy/web"],
    "rev-status -n shop workloads ": ["web"],
    "rev-status --revision ": ["canary", "default"],
    "rev-migrate sh": ["shop"],
    "rev-migrate --to can": ["canary"],
    "rev-verify --uninstall ": ["canary", "default"],
    "rev-status no-such-type ": [],
    "rev-status -n shop rollouts ": [],
}


@pytest.mark.parametrize(("line", "offered"), COMPLETED.items())
def test_completion_asks_the_cluster(shop: Cluster, installed: Installed, line: str, offered: list[str]) -> None:
    code, out, _ = run(installed, "__complete", *_patiently(line))
    found = [each.split("\t")[0] for each in out.splitlines()]
    assert (code, found) == (0, [*offered, ":4"])


def _patiently(line: str) -> list[str]:
    """The words, with a request timeout that a machine under load keeps: by itself completion waits for 3 s."""
    plugin, *words = line.split(" ")
    return [plugin, "--request-timeout=60s", *words]
