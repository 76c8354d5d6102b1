"""What a kubelet is to the istiod pods: runs the real istiod for each of them, on the pod's own address.

    python -m tests.testcluster.istiod_agent NAME      (started by supervisor.py; not for people)

Whatever makes an istiod pod (istioctl, a rollout restart, a scale) therefore makes a real istiod. The image's tag
says which build it is; the pod says its arguments and environment, and its service account is what istiod comes to
the API server as. The pod is ready when istiod says so. Two annotations on a pod change that:

    kubectl-rev.test/stopped: "true"        the process is ended and the pod is not ready
    kubectl-rev.test/stopped: unnoticed     the process is ended but the pod stays as ready as it was
    kubectl-rev.test/never-ready: "true"    the process runs, but the pod is not ready

A pod labelled app=istiod whose image is no istiod of ours gets no process and is simply ready.
"""

import http.client
import queue
import sys
import threading
import time
from datetime import UTC, datetime
from typing import NoReturn

from tests.testcluster import credentials, in_container, network
from tests.testcluster.api import Api, Object
from tests.testcluster.errors import ClusterError
from tests.testcluster.istiod_pods import (
    NEVER_READY,
    STOPPED,
    address,
    annotation,
    build_of,
    command_of,
    environment_of,
    is_ready,
    key,
)
from tests.testcluster.places import RunDir
from tests.testcluster.processes import Processes

_PODS = "/api/v1/pods?labelSelector=app%3Distiod"
_SECONDS_TO_END = 3
_SECONDS_BETWEEN_STARTS = 1


class Agent:
    """Keeps one process per istiod pod, and each pod's readiness, as they should be."""

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._api = Api(run.path / "secrets" / "ca.crt")
        self._processes = Processes(run.logs)
        self._pods: dict[str, Object] = {}  # by the name of the process that belongs to it
        self._ending: dict[str, float] = {}  # process name -> since when
        self._started: dict[str, float] = {}
        self._serving: set[str] = set()
        self._news: queue.SimpleQueue[list[Object] | Object] = queue.SimpleQueue()

    def main(self) -> NoReturn:
        threading.Thread(target=self._watch, daemon=True).start()
        while True:
            self._read_news(seconds=0.2)
            for name in list(self._processes.running.keys() | self._pods.keys()):
                try:
                    self._tend(name, self._pods.get(name))
                except (ClusterError, OSError) as error:
                    # Mostly a pod that was deleted meanwhile: the next round sees it gone.
                    print(f"{name}: {error}", flush=True)
            self._publish()

    def _publish(self) -> None:
        states = {name: self._state(name) for name in sorted(self._processes.running)}
        if states != self._run.read_istiods():
            self._run.write_istiods(states)

    def _state(self, name: str) -> str:
        if name in self._ending:
            return "ending"
        return "serving" if name in self._serving else "starting"

    def _watch(self) -> None:
        while True:
            try:
                pods = self._api.get(_PODS)
                self._news.put(pods["items"])
                for event in self._api.watch(f"{_PODS}&resourceVersion={pods['metadata']['resourceVersion']}"):
                    if event["type"] == "ERROR":
                        break
                    self._news.put(event)
            except (ClusterError, OSError, http.client.HTTPException, ValueError) as error:
                print(f"watching pods: {error}", flush=True)
                time.sleep(0.5)

    def _read_news(self, seconds: float) -> None:
        try:
            news = self._news.get(timeout=seconds)
            while True:
                if isinstance(news, list):
                    self._pods = {key(pod): pod for pod in news}
                elif news["type"] == "DELETED":
                    self._pods.pop(key(news["object"]), None)
                else:
                    self._pods[key(news["object"])] = news["object"]
                news = self._news.get_nowait()
        except queue.Empty:
            pass

    def _tend(self, name: str, pod: Object | None) -> None:
        process = self._processes.running.get(name)
        if process and process.poll() is not None:
            print(f"{name} ended with {process.returncode}", flush=True)
            del self._processes.running[name]
            self._ending.pop(name, None)
            self._serving.discard(name)
            process = None
        wanted = pod is not None and self._wants_process(pod)
        if process and not wanted:
            self._end(name)
        elif pod and wanted and not process:
            self._start(name, pod)
        if pod and address(pod) and pod["status"]["phase"] == "Running":
            self._tend_readiness(name, pod)

    def _tend_readiness(self, name: str, pod: Object) -> None:
        ready = True
        if build_of(pod):
            ready = self._is_serving(name, pod)
            (self._serving.add if ready else self._serving.discard)(name)
        ready = ready and annotation(pod, NEVER_READY) != "true"
        if ready != is_ready(pod) and annotation(pod, STOPPED) != "unnoticed":
            self._pods[name] = self._report(pod, ready)

    def _wants_process(self, pod: Object) -> bool:
        going = "deletionTimestamp" in pod["metadata"]
        return bool(build_of(pod) and address(pod)) and not going and not annotation(pod, STOPPED)

    def _end(self, name: str) -> None:
        """Ask first: an istiod that is asked gives up its leases, so that the next one need not wait for them."""
        process = self._processes.running[name]
        if name not in self._ending:
            self._ending[name] = time.monotonic()
            process.terminate()
        elif time.monotonic() - self._ending[name] > _SECONDS_TO_END:
            process.kill()

    def _start(self, name: str, pod: Object) -> None:
        if time.monotonic() - self._started.get(name, 0) < _SECONDS_BETWEEN_STARTS:
            return
        self._started[name] = time.monotonic()
        namespace, account = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
        folder = self._run.path / "istiod" / name
        folder.mkdir(parents=True, exist_ok=True)
        request = {"spec": {"expirationSeconds": 30 * 24 * 3600}}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        token = self._api.post(path, request)["status"]["token"]
        ca = self._run.path / "secrets" / "ca.crt"
        credentials.write_kubeconfig(folder / "kubeconfig", ca, {account: {"token": token}})
        self._open(pod)
        command = command_of(pod, self._run.bin, folder / "kubeconfig")
        self._processes.start(name, command, env=environment_of(pod), folder=folder)
        print(f"{name} started on {address(pod)}", flush=True)

    def _open(self, pod: Object) -> None:
        """Tell kwok where `kubectl port-forward` to this pod leads, and what `kubectl exec` runs there."""
        ip = address(pod)
        loopback = network.loopback_for(ip)
        targets = {15014: loopback} | dict.fromkeys((8080, 15010, 15012, 15017), ip)
        forwards = [{"ports": [port], "target": {"address": target, "port": port}} for port, target in targets.items()]
        self._tell_kwok(pod, "PortForward", "portforwards", {"forwards": forwards})
        environment = [{"name": in_container.MONITORING, "value": f"{loopback}:15014"}]
        self._tell_kwok(
            pod, "Exec", "execs", {"execs": [{"containers": ["discovery"], "local": {"envs": environment}}]}
        )

    def _tell_kwok(self, pod: Object, kind: str, plural: str, spec: Object) -> None:
        meta = pod["metadata"]
        path = f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
        owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        told = {"name": meta["name"], "namespace": meta["namespace"], "ownerReferences": [owner]}
        wanted: Object = {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": told, "spec": spec}
        self._api.patch(path, wanted, "apply")

    def _is_serving(self, name: str, pod: Object) -> bool:
        if name not in self._processes.running or name in self._ending:
            return False
        connection = http.client.HTTPConnection(address(pod), 8080, timeout=1)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _report(self, pod: Object, ready: bool) -> Object:
        """Write the pod's readiness; the Service's endpoints follow from it."""
        meta, now = pod["metadata"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {
            "conditions": [
                {"type": kind, "status": str(ready), "lastTransitionTime": now} for kind in ("Ready", "ContainersReady")
            ],
            "containerStatuses": [each | {"ready": ready} for each in pod["status"].get("containerStatuses", [])],
        }
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
        return self._api.patch(path, {"status": status})


if __name__ == "__main__":
    Agent(RunDir(sys.argv[1])).main()
