"""Requests to the API server that the admission tests make, by our own Connection."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from kubectl_rev.cluster.connection import Connection
from kubectl_rev.core.mesh import labels
from kubectl_rev.errors import NotFound

Object = dict[str, Any]

NAMESPACES = "/api/v1/namespaces"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
_KINDS = {
    NAMESPACES: ("v1", "Namespace"),
    WEBHOOKS: ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
}
_CALLS = re.compile(r'apiserver_admission_webhook_request_total\{.*name="([^"]+)".*type="admit"\} (\S+)')


def admit(
    connection: Connection,
    namespace: str,
    given: Mapping[str, str] = {},
    annotations: Mapping[str, str] = {},
    host_network: bool = False,
    name: str = "web",
) -> Object:
    """What the API server makes of a pod with these labels. It is a dry run: all admission, and nothing stored."""
    pod = {
        "metadata": {"name": name, "labels": given, "annotations": annotations},
        "spec": {"hostNetwork": host_network, "containers": [{"name": "web", "image": "web"}]},
    }
    where = f"{NAMESPACES}/{namespace}/pods"
    answer: Object = json.loads(connection.send("POST", where, json.dumps(pod).encode(), {"dryRun": "All"}))
    return answer


def has_account(connection: Connection, namespace: str) -> bool:
    """Whether pods can be created there: without a service account they are refused."""
    try:
        connection.get(f"{NAMESPACES}/{namespace}/serviceaccounts/default")
    except NotFound:
        return False
    return True


def put(connection: Connection, path: str, body: Object) -> None:
    """Create an object, or make the one that is there say this, by server-side apply."""
    api_version, kind = _KINDS[path]
    whole = json.dumps({"apiVersion": api_version, "kind": kind, **body}).encode()
    query = {"fieldManager": "kubectl-rev-test", "force": "true"}
    connection.send("PATCH", f"{path}/{body['metadata']['name']}", whole, query, "application/apply-patch+yaml")


def webhooks(connection: Connection) -> list[Object]:
    """The MutatingWebhookConfigurations there are, as they could be created again."""
    found = json.loads(connection.get(WEBHOOKS))["items"]
    kept = ("name", "labels", "annotations")
    return [
        {
            "metadata": {key: value for key, value in each["metadata"].items() if key in kept},
            "webhooks": each.get("webhooks", []),
        }
        for each in found
    ]


def replace_webhooks(connection: Connection, wanted: list[Object]) -> None:
    """Delete every MutatingWebhookConfiguration there is, and create these."""
    for each in webhooks(connection):
        connection.send("DELETE", f"{WEBHOOKS}/{each['metadata']['name']}")
    for each in wanted:
        put(connection, WEBHOOKS, each)


HAND_MADE_SUFFIX = ".corp.example"


def calls(connection: Connection) -> Counter[str]:
    """How often the API server has called each entry that injects, by the entry's name, since it started."""
    found: Counter[str] = Counter()
    for name, number in _CALLS.findall(connection.get("/metrics", accept="text/plain").decode()):
        if name.endswith((labels.INJECTION_WEBHOOK_SUFFIX, HAND_MADE_SUFFIX)):
            found[name] += int(number)
    return found


def until(what: str, happened: Callable[[], object], seconds: float = 30) -> None:
    """Poll until something happened, or fail saying what did not."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
