"""The first process of a cluster's namespaces: starts the servers, and is what everything dies with.

    python -m tests.testcluster.supervisor NAME      (started by cluster.py; not for people)

It ends, and the kernel ends everything else in its process namespace, when it is told to (SIGTERM), when one of
the servers dies, or when whoever started it goes away before having written "keep" to its standard input: so an
interrupted or killed `up` leaves nothing behind.

While it runs it takes orders (SIGHUP, see places.RunDir.order): to save the cluster's data as a snapshot, to go back to
one, which restarts every server but keeps the namespace, so that whoever is in it stays, and to restart the API server.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

from tests.testcluster import credentials, network, places, servers
from tests.testcluster.errors import ClusterError
from tests.testcluster.places import RunDir
from tests.testcluster.processes import Processes


def main(name: str) -> NoReturn:
    run = RunDir(name)
    with places.locked(run.alive_lock, wait=False):
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=_end_with_the_starter, daemon=True).start()
        # /proc is still the outer one here, so this is the number the outside knows this process by.
        pid = int(os.readlink("/proc/self"))
        try:
            run.write_state(phase="starting", pid=pid)
            network.wire()
            credentials.create(run.path / "secrets", run.kubeconfig)
            _serve(run, pid)
        except (ClusterError, OSError, subprocess.CalledProcessError) as error:
            run.write_state(phase="failed", pid=pid, message=str(error))
            sys.exit(1)


def _end_with_the_starter() -> None:
    if sys.stdin.readline().strip() != "keep":
        os._exit(1)


def _serve(run: RunDir, pid: int) -> NoReturn:
    ordered = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: ordered.set())
    processes = Processes(run.logs)
    servers.start(run, processes, network.FIRST_PODS_CIDR)
    done = 0
    while True:
        run.write_state(phase="running", pid=pid, done=done)
        while not ordered.is_set():
            processes.must_live()
            time.sleep(0.1)
        ordered.clear()
        order = run.read_order()
        snapshot = run.snapshot(order["snapshot"])
        if order["do"] == "save":
            _save(processes.running["etcd"].pid, run.data, snapshot)
        elif order["do"] == "restart":
            servers.restart_api_server(run, processes)
        else:
            run.write_state(phase="restarting", pid=pid, done=done)
            _end_all()
            _copy(snapshot, run.data)
            processes = Processes(run.logs)
            servers.start(run, processes, network.FIRST_PODS_CIDR if order["bare"] else network.LATER_PODS_CIDR)
        done = order["number"]


def _save(etcd: int, data: Path, snapshot: Path) -> None:
    """Copy what a crash would leave: etcd recovers from that by design, and nothing need be restarted."""
    os.kill(etcd, signal.SIGSTOP)
    try:
        _copy(data, snapshot)
    finally:
        os.kill(etcd, signal.SIGCONT)


def _end_all() -> None:
    """End every other process of this process namespace: the servers, and the istiods that the agent started."""
    assert os.getpid() == 1, "anywhere else this would end everything the user has"
    os.kill(-1, signal.SIGKILL)
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _copy(source: Path, target: Path) -> None:
    """Replace a folder by a copy of another; etcd's preallocated logs are mostly holes, which cp keeps."""
    target.parent.mkdir(exist_ok=True)
    subprocess.run(["rm", "-rf", str(target)], check=True)
    subprocess.run(["cp", "-R", "--sparse=always", "--reflink=auto", str(source), str(target)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
