"""A webhook server inside the test: it admits everything, and writes on new pods which webhook entries were called.

It also knows when the API server works by what was written to it: webhook configurations and namespaces reach its
admission by watches, in the order in which they were written. A configuration of ours that is written last, under a new
number, is therefore in force only after all that was written before.
"""

import base64
import json
import ssl
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from kubectl_rev.cluster.connection import Connection
from tests.cluster.admission.server import NAMESPACES, WEBHOOKS, Object, admit, has_account, put, until

CALLED = "called.kubectl-rev.test/"
QUIET = "quiet/"
_ADDRESS = "127.0.0.1"
_STAMP = "stamp.kubectl-rev.test"
_NAMESPACE = "kubectl-rev-stamp"


class _Handler(BaseHTTPRequestHandler):
    """POST /NAME: an AdmissionReview comes in, a patch that adds the annotation `CALLED`NAME goes out.

    The annotation's value is the number of calls before this one. What is no new pod is let through as it is, and so is
    a pod that comes to `QUIET`NAME: its call is only noted.
    """

    protocol_version = "HTTP/1.1"  # the API server keeps its connections
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        response = {"uid": request["uid"], "allowed": True}
        if (request["resource"]["resource"], request["operation"]) == ("pods", "CREATE") and not request.get(
            "subResource"
        ):
            patch = json.dumps(self._patch(request["object"]))
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(patch.encode()).decode()}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def _patch(self, pod: Object) -> list[Object]:
        path = urlsplit(self.path).path[1:]  # a `timeout` follows
        if path.startswith(QUIET):
            self.server.noted[pod["metadata"]["name"]].add(path.removeprefix(QUIET))  # type: ignore[attr-defined]
            return []
        name = CALLED.replace("/", "~1") + path
        patch = [] if pod["metadata"].get("annotations") else [_add("/metadata/annotations", {})]
        return [*patch, _add(f"/metadata/annotations/{name}", str(len(called(pod))))]

    def log_message(self, *args: object) -> None:
        """Nobody reads it."""


def _add(path: str, value: object) -> Object:
    return {"op": "add", "path": path, "value": value}


class Recorder:
    """A running server. `client` is what a webhook must be given to be answered by it."""

    def __init__(self, folder: Path) -> None:
        key, certificate = folder / "recorder.key", folder / "recorder.crt"
        subject = ["-subj", f"/CN={_ADDRESS}", "-addext", f"subjectAltName=IP:{_ADDRESS}"]
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2", *subject]
        subprocess.run([*new, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer((_ADDRESS, 0), _Handler)
        self.noted: defaultdict[str, set[str]] = defaultdict(set)  # by the name of the pod, the quiet calls
        self._server.noted = self.noted  # type: ignore[attr-defined]
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._ca = base64.b64encode(certificate.read_bytes()).decode()
        self._numbers = count(time.time_ns())
        Thread(target=self._server.serve_forever, daemon=True).start()

    def client(self, name: str) -> Object:
        """A `clientConfig` under which calls are written down as NAME."""
        return {"url": f"https://{_ADDRESS}:{self._server.server_port}/{name}", "caBundle": self._ca}

    def webhook(self, name: str, recorded_as: str, **rest: Any) -> Object:
        """A whole webhook entry, of pods' creation unless `rest` says otherwise."""
        return {
            "name": name,
            "clientConfig": self.client(recorded_as),
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            **rest,
        }

    def catch_up(self, connection: Connection) -> None:
        """Return when the API server admits by everything that was written to it before this call."""
        number = str(next(self._numbers))
        # No injector of Istio's selects it.
        marks = {"istio-injection": "disabled", _STAMP: number}
        put(connection, NAMESPACES, {"metadata": {"name": _NAMESPACE, "labels": marks}})
        entry = self.webhook(_STAMP, number, namespaceSelector={"matchLabels": {_STAMP: number}})
        put(connection, WEBHOOKS, {"metadata": {"name": _STAMP}, "webhooks": [entry]})
        until(f"webhook {_STAMP} {number} being called", lambda: number in called(self._probe(connection)))

    @staticmethod
    def _probe(connection: Connection) -> Object:
        return admit(connection, _NAMESPACE) if has_account(connection, _NAMESPACE) else {"metadata": {}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def recorder(folder: Path) -> Iterator[Recorder]:
    running = Recorder(folder)
    try:
        yield running
    finally:
        running.close()


def called(pod: Object) -> list[str]:
    """What the recorder was called as for this pod, in order."""
    annotations = pod["metadata"].get("annotations") or {}
    order = {key.removeprefix(CALLED): int(value) for key, value in annotations.items() if key.startswith(CALLED)}
    return sorted(order, key=lambda name: order[name])
