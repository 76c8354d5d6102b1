"""One test cluster: starting and ending it, and running programs in it.

The same object works outside the cluster's namespace (the command line) and inside it (pytest run by
`scripts/cluster shell`): every program it runs is put into the namespace if the caller is not there already.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.testcluster import build, istio, istiods, network, places, versions
from tests.testcluster.api import Object
from tests.testcluster.errors import ClusterError
from tests.testcluster.istiods import Istiod
from tests.testcluster.places import RunDir
from tests.testcluster.processes import clean_environment, log_end, wait_for

_BARE = "bare"  # the snapshot of a cluster without Istio
LAYOUTS = ("istioctl", "helm")
NAME_VARIABLE = "KUBECTL_REV_CLUSTER"


class Cluster:
    """A cluster by its name; by default the one this process runs in, else `dev`."""

    def __init__(self, name: str | None = None) -> None:
        self.dir = RunDir(name or os.environ.get(NAME_VARIABLE) or "dev")
        self.name = self.dir.name
        self.kubeconfig = self.dir.kubeconfig

    # Life

    def is_up(self) -> bool:
        return self.dir.alive() and self.dir.read_state().get("phase") == "running"

    @property
    def layout(self) -> str:
        return self.dir.layout

    def up(self, layout: str = "istioctl") -> bool:
        """Build what is missing and start everything; False if it was up already. On failure nothing stays running."""
        build.ensure_servers()
        with places.locked(self.dir.change_lock):
            if self.is_up() and self.layout != "none":
                return False
            self._end()
            starter = self._start_supervisor()
            try:
                self._wait_until_running(starter)
                self._order("save", _BARE)
                self._lay_out(layout)
                assert starter.stdin
                starter.stdin.write(b"keep\n")
                starter.stdin.close()
            except BaseException as error:
                starter.kill()  # takes the supervisor, and so everything, with it
                starter.wait()
                state = self.dir.read_state()
                if isinstance(error, ClusterError) and state.get("phase") == "failed":
                    raise ClusterError(state["message"]) from None
                raise
        return True

    def down(self) -> bool:
        """End everything and remove its files, but keep its logs; False if it was not up."""
        with places.locked(self.dir.change_lock):
            was_up = self._end()
            if self.dir.path.exists():
                for each in self.dir.path.iterdir():
                    if each.is_dir() and each != self.dir.logs:
                        shutil.rmtree(each)
                    elif each.is_file():
                        each.unlink()
        return was_up

    def _end(self) -> bool:
        if not self.dir.alive():
            return False
        pid = self._supervisor()
        parent = _parent(pid)
        os.kill(pid, signal.SIGTERM)
        # unshare, its parent, is gone only when the kernel has ended the whole process namespace.
        wait_for("the end of the cluster", lambda: not _exists(parent), seconds=30, watch=lambda: None)
        return True

    def _supervisor(self) -> int:
        """The process that everything belongs to."""
        pid = self.dir.read_state().get("pid")
        if not pid or not self.dir.alive():
            raise ClusterError(f"cluster {self.name} is not up: run scripts/cluster --name {self.name} up")
        return int(pid)

    def _start_supervisor(self) -> subprocess.Popen[bytes]:
        shutil.rmtree(self.dir.path, ignore_errors=True)
        self.dir.logs.mkdir(parents=True)
        command = [sys.executable, "-m", "tests.testcluster.supervisor", self.name]
        with (self.dir.logs / "supervisor.log").open("ab") as log:
            return subprocess.Popen(
                network.create_command(command),
                env={**clean_environment(), "KUBECTL_REV_CACHE": str(places.cache())},
                cwd=places.CHECKOUT,  # where `-m` looks first
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for `up`, which then ends it in order
            )

    def _wait_until_running(self, starter: subprocess.Popen[bytes]) -> None:
        def must_live() -> None:
            if starter.poll() is not None:
                state = self.dir.read_state()
                log = log_end(self.dir.logs / "supervisor.log")
                raise ClusterError(state.get("message") or f"the supervisor ended; its log ends with:\n{log}")

        running = "the start of the servers"
        wait_for(running, lambda: self.dir.read_state().get("phase") == "running", seconds=120, watch=must_live)

    def _order(self, do: str, snapshot: str) -> None:
        """Have the supervisor save the cluster's data, go back to what was saved, or restart its API server."""
        number = self.dir.read_order()["number"] + 1
        self.dir.write_order(number=number, do=do, snapshot=snapshot, bare=snapshot == _BARE)
        os.kill(self._supervisor(), signal.SIGHUP)
        self.wait_until(f"to {do} {snapshot}", lambda: self.dir.read_state().get("done") == number, seconds=120)

    def _lay_out(self, layout: str) -> None:
        """Install Istio on the bare cluster, and keep a snapshot for the next time."""
        self.dir.write_layout("none")
        for revision, version in (("default", versions.ISTIO_DEFAULT), ("canary", versions.ISTIO_CANARY)):
            istio.install(self, revision, version, layout)
        self.sync_istiods()
        self._order("save", layout)
        self.dir.write_layout(layout)

    # Running programs in it

    def environment(self) -> dict[str, str]:
        """The caller's environment, with the plugins of this checkout and the cluster's own programs first on PATH."""
        programs = [places.CHECKOUT / "plugins", self.dir.bin, places.rollouts() / "bin"]
        path = [*map(str, programs), os.environ.get("PATH", "")]
        return {
            **os.environ,
            "PATH": os.pathsep.join(path),
            "KUBECONFIG": str(self.kubeconfig),
            NAME_VARIABLE: self.name,
        }

    def command(self, command: Iterable[str]) -> list[str]:
        """The command as it must be run from here to run inside the cluster."""
        pid = self._supervisor()
        return list(command) if network.is_ours(pid) else network.enter_command(pid, list(command))

    def run(
        self, *command: str, input: str | None = None, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside the cluster; its output is captured."""
        try:
            done = subprocess.run(
                self.command(command),
                env=self.environment(),
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"{' '.join(command)} did not end within {timeout:.0f} s") from None
        if check and done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise ClusterError(f"{' '.join(command)} failed with {done.returncode}:\n{said}")
        return done

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        """What kubectl prints. Another user than admin: `--context reader`."""
        return self.run("kubectl", *arguments, input=input).stdout

    def istioctl(self, *arguments: str, input: str | None = None) -> str:
        return self.run("istioctl", *arguments, input=input).stdout

    def items(self, kinds: str, *arguments: str) -> list[Object]:
        """The objects that `kubectl get KINDS …` finds."""
        found: list[Object] = json.loads(self.kubectl("get", kinds, "-o", "json", *arguments))["items"]
        return found

    def apply(self, *objects: Object) -> None:
        """Apply plain objects, server-side."""
        bundle: dict[str, Any] = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=json.dumps(bundle))

    def wait_until(self, what: str, happened: Callable[[], bool], seconds: float = 60) -> None:
        """Poll until something happened in the cluster, or raise what did not happen."""

        def must_live() -> None:
            if not self.dir.alive():
                raise ClusterError(self.dir.read_state().get("message") or f"cluster {self.name} went down")

        wait_for(what, happened, seconds=seconds, watch=must_live)

    # Istio

    def reset(self, layout: str | None = None) -> None:
        """Back to how the cluster was right after `up`, by default in the same layout, whatever was done to it.

        All servers are restarted on a copy of the data that was made then. Connections break, and resource versions
        start again from what they were: keep no watch and no client's cache across it.
        """
        layout = layout or self.layout
        if layout not in LAYOUTS:
            raise ClusterError(f"no such layout: {layout}; there are {', '.join(LAYOUTS)}")
        self._supervisor()
        with places.locked(self.dir.change_lock):
            if self.dir.snapshot(layout).exists():
                self.dir.write_layout("none")
                self._order("load", layout)
                self.sync_istiods()
                self.dir.write_layout(layout)
            else:
                self._order("load", _BARE)
                self._lay_out(layout)

    def restart_api_server(self) -> None:
        """Kill it and start it again, data and all else untouched; returns when it is ready."""
        self._order("restart", "")

    def install(
        self,
        revision: str,
        version: str,
        *,
        layout: str | None = None,
        namespace: str = "istio-system",
        sets: Iterable[str] = (),
        gateway: bool = False,
    ) -> None:
        """Install one more revision (or `default`, the one without a name) and wait until its istiod is ready."""
        istio.install(self, revision, version, layout or self.layout, namespace, sets, gateway)
        self.sync_istiods()

    def uninstall(self, revision: str, *, namespace: str = "istio-system") -> str:
        """Remove a revision with what it was installed with, and say with what: helm or istioctl."""
        tool = istio.uninstall(self, revision, namespace)
        self.sync_istiods()
        return tool

    def istiods(self, revision: str | None = None) -> list[Istiod]:
        """The istiod pods of one revision, or of all."""
        return istiods.of(self, revision)

    def sync_istiods(self, seconds: float = 60) -> None:
        """Wait until every istiod pod that should be ready is, with its webhooks patched, and no old one is left."""
        istiods.settle(self, seconds)

    def stop_istiod(self, revision: str, *, unnoticed: bool = False) -> None:
        """End a revision's processes. Unless it goes unnoticed, its pods are no longer ready and its endpoints go."""
        istiods.stop(self, revision, unnoticed)

    def start_istiod(self, revision: str) -> None:
        """Start again what stop_istiod stopped, and wait until it is ready."""
        istiods.start(self, revision)


def _parent(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("PPid:"):
            return int(line.split()[1])
    raise ClusterError(f"process {pid} has no parent")


def _exists(pid: int) -> bool:
    """Is there such a process, other than one that is dead and only waits to be collected?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
