"""What the tests of rev-fix-validation do to a real cluster, and how they look at it."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

from kubectl_rev.cluster.connection import JSON_PATCH
from kubectl_rev.errors import NotFound, RevError
from tests.plugin import ROOT
from tests.schema import hold

VALIDATORS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
INJECTORS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
SERVICES = "/api/v1/namespaces/istio-system/services"
CONFIG = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
DEFAULT = "istiod-default-validator"
OF_DEFAULT = "istio-validator-istio-system"
OF_CANARY = "istio-validator-canary-istio-system"
FINE = {OF_CANARY: "healthy", OF_DEFAULT: "healthy", DEFAULT: "healthy"}
WORKS = {None: "yes", "canary": "yes", "default": "yes"}
HOLE = "10.244.200.1"  # a pod address without a pod
PLUGIN = [sys.executable, str(ROOT / "plugins" / "kubectl-rev_fix_validation")]


class World:
    """The cluster's validators, injectors and Services, changed by hand and put back."""

    def __init__(self, cluster, connection):
        self.cluster, self.connection = cluster, connection
        self._before = {path: self.all(path) for path in (VALIDATORS, INJECTORS, SERVICES)}

    # objects

    def all(self, path):
        items = json.loads(self.connection.get(path))["items"]
        return {item["metadata"]["name"]: item for item in items}

    def get(self, path, name):
        return json.loads(self.connection.get(f"{path}/{name}"))

    def raw(self, path, name):
        return self.connection.get(f"{path}/{name}")

    def create(self, path, manifest):
        return json.loads(self.connection.send("POST", path, json.dumps(manifest).encode()))

    def delete(self, path, name):
        self.connection.send("DELETE", f"{path}/{name}")

    def patch(self, path, name, *operations):
        body = json.dumps([{"op": op, "path": at, "value": value} for op, at, value in operations]).encode()
        self.connection.send("PATCH", f"{path}/{name}", body, content_type=JSON_PATCH)

    def validator(self, name=DEFAULT):
        return self.get(VALIDATORS, name)

    def point(self, which=DEFAULT, /, *, label=None, ca=None, policy=None, **service):
        """Change where a validator calls, what its label says, what it does when the call fails."""
        operations = [("add", f"/webhooks/0/clientConfig/service/{key}", value) for key, value in service.items()]
        operations += [("add", "/metadata/labels/istio.io~1rev", label)] if label else []
        operations += [("add", "/webhooks/0/failurePolicy", policy)] if policy else []
        operations += [("add", "/webhooks/0/clientConfig/caBundle", ca)] if ca is not None else []
        self.patch(VALIDATORS, which, *operations)

    def copy_validator(self, source, name, change):
        """A validator of another name; `change` gets it before it is created."""
        manifest = copy.deepcopy(self.validator(source))
        labels = manifest["metadata"]["labels"]
        manifest["metadata"] = {"name": name, "labels": labels}
        change(manifest)
        return self.create(VALIDATORS, manifest)

    def restore(self):
        """Validators, injectors and Services as they were when this world was made, istiods running, all calm."""
        for path, before in self._before.items():
            now = self.all(path)
            for name in now.keys() - before.keys():
                self.delete(path, name)
            for name, item in before.items():
                if _content(item) != _content(now.get(name)):
                    self._put(path, name, item, now.get(name))
        self.cluster.sync_istiods()
        for rev in (None, "canary", "default"):
            self.says("", "denied", rev=rev)

    def _put(self, path, name, item, now):
        item = copy.deepcopy(item)
        for key in ("resourceVersion", "uid"):
            item["metadata"].pop(key)
        if now is not None and path == SERVICES:  # its address cannot be changed back
            self.delete(path, name)
            now = None
        if now is None:
            self.create(path, item)
        else:
            item["metadata"]["resourceVersion"] = now["metadata"]["resourceVersion"]
            self.connection.send("PUT", f"{path}/{name}", json.dumps(item).encode())

    # config

    def write(self, *, valid=True, rev=None):
        """Create a VirtualService for real; empty when it is accepted, else why not. It is deleted again."""
        try:
            made = self.create(CONFIG, virtual_service(valid=valid, rev=rev))
        except RevError as error:
            return str(error)
        self.delete(CONFIG, made["metadata"]["name"])
        return ""

    def says(self, valid, invalid=None, *, rev=None):
        """Wait until a valid write is answered like this ("" is accepted), and an invalid one; servers lag behind."""

        def like(answer, wanted):
            return wanted in answer if wanted else answer == ""

        wait_until(lambda: like(self.write(rev=rev), valid), f"valid config: {valid or 'accepted'}")
        if invalid is not None:
            answer = f"invalid config: {invalid or 'accepted'}"
            wait_until(lambda: like(self.write(valid=False, rev=rev), invalid), answer)

    # the command

    def fix(self, *arguments, stdin="", timeout=120):
        """Run the plugin as it stands in this checkout."""
        done = subprocess.run(
            [*PLUGIN, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.env,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def document(self, *arguments):
        """Its JSON, and the exit code."""
        done = self.fix(*arguments, "-o", "json")
        assert done.stdout, done.stderr
        found = json.loads(done.stdout)
        hold(found)
        return found, done.returncode

    def health(self):
        """State by validator, and what the probes say by revision (None: unlabelled)."""
        found, code = self.document("--check")
        validators = {each["name"]: each["health"] for each in found["validators"]}
        return validators, {each["revision"]: each["works"] for each in found["probes"]}, found, code

    def becomes(self, health=None, probes=None):
        """Wait until validators and probes are like this; its JSON and the exit code."""
        seen = []

        def is_so():
            seen[:] = self.health()
            return (health is None or seen[0] == health) and (probes is None or probes.items() <= seen[1].items())

        wait_until(is_so, lambda: f"{health} {probes}, but {seen[:2]}")
        return seen[2], seen[3]

    @property
    def env(self):
        return self.cluster.environment()


def _content(item):
    if item is None:
        return None
    item = copy.deepcopy(item)
    for key in ("resourceVersion", "generation", "managedFields", "uid", "creationTimestamp"):
        item["metadata"].pop(key, None)
    item.pop("status", None)
    return item


def broken_in_three_ways(world):
    """Three writes, in this order: canary's own validator, the default one, the leftover."""
    leftover(world)
    world.point(OF_CANARY, label="gone")
    world.point(label="gone", name="istiod-gone")


def old_era(world):
    """What 1.6 to 1.10 leave: one validator for everything, without a label, that calls the Service istiod."""

    def by_name(manifest):
        for label in ("istio.io/rev", "istio.io/tag"):
            manifest["metadata"]["labels"].pop(label, None)
        manifest["webhooks"][0].pop("objectSelector")

    world.copy_validator(DEFAULT, "istiod-istio-system", by_name)
    for name in (DEFAULT, OF_DEFAULT, OF_CANARY):
        world.delete(VALIDATORS, name)


def leftover(world, name="istio-validator-old-istio-system"):
    def change(manifest):
        manifest["metadata"]["labels"]["istio.io/rev"] = "old"
        manifest["webhooks"][0]["clientConfig"]["service"]["name"] = "istiod-old"
        manifest["webhooks"][0]["objectSelector"]["matchExpressions"][0]["values"] = ["old"]

    return world.copy_validator(OF_CANARY, name, change)


@contextmanager
def injection_moved(world):
    """The default tag leads to canary, and its validator does not."""
    tag = "istio-revision-tag-default"
    hooks = range(len(world.get(INJECTORS, tag)["webhooks"]))

    def lead(revision, service):
        services = [("add", f"/webhooks/{n}/clientConfig/service/name", service) for n in hooks]
        world.patch(INJECTORS, tag, ("add", "/metadata/labels/istio.io~1rev", revision), *services)

    lead("canary", "istiod-canary")
    try:
        yield
    finally:
        lead("default", "istiod")


def virtual_service(*, valid=True, rev=None, name=None):
    route = [{"destination": {"host": "shop.example"}}] if valid else []
    metadata = {"name": name} if name else {"generateName": "written-by-a-test-"}
    if rev:
        metadata["labels"] = {"istio.io/rev": rev}
    spec = {"hosts": ["shop.example"], "http": [{"route": route}]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {**metadata, "namespace": "default"},
        "spec": spec,
    }


def wait_until(happened, what, seconds=60):
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, f"did not happen: {what() if callable(what) else what}"
        time.sleep(0.2)


class Writer(threading.Thread):
    """Creates a valid VirtualService again and again; `answers` are (when, why not), the latter empty if accepted."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world, self.answers, self._over = world, [], threading.Event()

    def run(self):
        while not self._over.is_set():
            self.answers.append((time.monotonic(), self.world.write()))

    def __enter__(self):
        self.start()
        wait_until(lambda: self.answers, "the first write")
        return self

    def __exit__(self, *_):
        self._over.set()
        self.join()

    @property
    def lost(self):
        return [why for _, why in self.answers if why]


def killed_at(world, sign, *arguments):
    """Start the real process, SIGKILL it as soon as a line with `sign` appears on either stream; what it had said."""
    process = subprocess.Popen(
        [*PLUGIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=world.env
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if sign in line:
            os.kill(process.pid, signal.SIGKILL)
            break
    with suppress(ValueError):
        said += process.stdout.readlines()
    assert process.wait() == -signal.SIGKILL, "".join(said)
    process.stdout.close()
    return "".join(said)


@contextmanager
def black_hole(world, name="hole"):
    """A Service whose endpoint takes connections and never answers."""
    listener = socket.create_server((HOLE, 15017), backlog=64)
    port = {"name": "https-webhook", "port": 443, "targetPort": 15017}
    service = {"metadata": {"name": name, "namespace": "istio-system"}, "spec": {"ports": [port]}}
    endpoints = {
        "metadata": {
            "name": f"{name}-1",
            "namespace": "istio-system",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [HOLE], "conditions": {"ready": True}}],
        "ports": [{"name": "https-webhook", "port": 15017, "protocol": "TCP"}],
    }
    slices = "/apis/discovery.k8s.io/v1/namespaces/istio-system/endpointslices"
    world.create(SERVICES, {"apiVersion": "v1", "kind": "Service", **service})
    world.create(slices, {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", **endpoints})
    try:
        yield
    finally:
        listener.close()
        for path, each in ((SERVICES, name), (slices, f"{name}-1")):
            with suppress(NotFound):
                world.delete(path, each)
